"""`fairlead group`: which accounts one alert is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.options import add_command
from fairlead.cli.output import say, say_facts, say_json, say_rows
from fairlead.cli.tenants import TenantOptions, TenantWork, ask_some, ask_tenant

if TYPE_CHECKING:
    from fairlead.accounts.registry import GroupMembers

groups = typer.Typer(help="Groups: which accounts one alert is for.", no_args_is_help=True, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class GroupOptions(TenantOptions):
    """Which group."""

    name: Annotated[str, typer.Argument(metavar="GROUP", help="Name of the group.")]


@dataclass(frozen=True, kw_only=True)
class MembersOptions(GroupOptions):
    """A group and who is in it."""

    members: Annotated[list[str] | None, typer.Argument(metavar="ACCOUNT...", help="Labels or ids.")] = None


@add_command(groups, "add", "fairlead group add scalping paper-1 paper-2", "fairlead group add later")
def add(options: MembersOptions) -> None:
    """Add a group with these accounts, or an empty one."""
    _change(options, lambda registry, tenant: registry.groups.add(tenant, options.name, options.members or ()))


@add_command(groups, "set", "fairlead group set scalping paper-2 paper-3")
def set_members(options: MembersOptions) -> None:
    """Make a group hold exactly these accounts."""
    _change(options, lambda registry, tenant: registry.groups.set_members(tenant, options.name, options.members or ()))


@add_command(groups, "list", "fairlead group list")
def list_all(options: TenantOptions) -> None:
    """List groups and their accounts: those of one user's tenant, or all."""
    found = ask_some(options, lambda registry, tenant: registry.groups.list_all(tenant))
    say_rows(
        [group_row(group) for group in found],
        as_json=options.as_json,
        empty="There is no group yet: adding a user makes the group default.",
    )


@add_command(groups, "show", "fairlead group show default --json")
def show(options: GroupOptions) -> None:
    """Show one group."""
    found = ask_tenant(options, lambda registry, tenant: registry.groups.find(tenant, options.name), reads=True)
    say_facts(group_row(found), as_json=options.as_json)


@add_command(groups, "remove", "fairlead group remove scalping")
def remove(options: GroupOptions) -> None:
    """Remove a group; its accounts stay. A hook that aims at it must be revoked first."""
    removed = ask_tenant(options, lambda registry, tenant: registry.groups.remove(tenant, options.name))
    if options.as_json:
        say_json({"removed": removed.name})
    else:
        say(f"removed {removed.name}")


def group_row(found: GroupMembers) -> dict[str, object]:
    """A group as it is printed."""
    return {"name": found.group.name, "tenant": found.group.tenant, "accounts": list(found.labels)}


def _change(options: TenantOptions, work: TenantWork[GroupMembers]) -> None:
    say_facts(group_row(ask_tenant(options, work)), as_json=options.as_json)
