"""`fairlead policy`: what you want to happen, and do not want to happen, as rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import say, say_facts, say_json, say_rows
from fairlead.cli.policy_rehearsal import add_policy_test
from fairlead.cli.policy_text import parse_file, read_text
from fairlead.cli.tenants import TenantOptions, TenantWork, ask_some, ask_tenant

if TYPE_CHECKING:
    from fairlead.accounts.registry import StoredPolicy
    from fairlead.core.model.policy import Policy

policies = typer.Typer(
    help="Policies: rules that allow, deny, shrink or delay orders.", no_args_is_help=True, rich_markup_mode=None
)
add_policy_test(policies)


@dataclass(frozen=True, kw_only=True)
class PolicyOptions(TenantOptions):
    """Which policy."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the policy.")]


@dataclass(frozen=True, kw_only=True)
class WriteOptions(PolicyOptions):
    """A policy and its text."""

    file: Annotated[str, typer.Argument(metavar="FILE", help="TOML or JSON; - reads stdin.")]


@dataclass(frozen=True, kw_only=True)
class LoosenOptions(PolicyOptions):
    """A change that may let more pass."""

    confirm_loosening: Annotated[
        bool, typer.Option("--confirm-loosening", help="Yes, this may let more pass than before.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class SetOptions(LoosenOptions):
    """A new text for a policy."""

    file: Annotated[str, typer.Argument(metavar="FILE", help="TOML or JSON; - reads stdin.")]


@dataclass(frozen=True, kw_only=True)
class CheckOptions(PrintOptions):
    """A text to check."""

    file: Annotated[str, typer.Argument(metavar="FILE", help="TOML or JSON; - reads stdin.")]


@add_command(policies, "add", "fairlead policy add careful careful.toml")
def add(options: WriteOptions) -> None:
    """Add a policy; it counts for the very next decision. Begin with mode = "shadow" to see what it would do."""
    text = read_text(options.file)
    _change(options, lambda registry, tenant: registry.policies.add(tenant, options.name, text))


@add_command(
    policies,
    "set",
    "fairlead policy set careful careful.toml",
    "fairlead policy set careful milder.toml --confirm-loosening",
)
def set_text(options: SetOptions) -> None:
    """Replace a policy. What only tightens is done at once; anything else needs --confirm-loosening."""
    text, may_loosen = read_text(options.file), options.confirm_loosening
    _change(
        options,
        lambda registry, tenant: registry.policies.set_text(tenant, options.name, text, may_loosen=may_loosen),
    )


@add_command(policies, "list", "fairlead policy list --json")
def list_all(options: TenantOptions) -> None:
    """List policies: those of one user's tenant, or all."""
    found = ask_some(options, lambda registry, tenant: registry.policies.list_all(tenant))
    say_rows(
        [policy_row(one) for one in found],
        as_json=options.as_json,
        empty="There is no policy yet: only the risk limits decide. Add one with fairlead policy add NAME FILE",
    )


@add_command(policies, "show", "fairlead policy show careful")
def show(options: PolicyOptions) -> None:
    """Print the text of a policy, or with --json what is known of it."""
    found = ask_tenant(options, lambda registry, tenant: registry.policies.find(tenant, options.name), reads=True)
    if options.as_json:
        say_json({**policy_row(found), "text": found.text.text})
    else:
        say(found.text.text.rstrip())


@add_command(policies, "remove", "fairlead policy remove careful --confirm-loosening")
def remove(options: LoosenOptions) -> None:
    """Let a policy count no more; what it decided stays explained."""
    may_loosen = options.confirm_loosening
    _change(options, lambda registry, tenant: registry.policies.remove(tenant, options.name, may_loosen=may_loosen))


@add_command(policies, "check", "fairlead policy check careful.toml", "fairlead policy check - < careful.toml")
def check(options: CheckOptions) -> None:
    """Read a policy without storing it, and say everything that is wrong with it."""
    say_facts(_describe(parse_file(options.file)), as_json=options.as_json)


def policy_row(found: StoredPolicy) -> dict[str, object]:
    """A policy as it is printed."""
    return {"name": found.text.name, "tenant": found.text.tenant, **_describe(found.policy)}


def _describe(policy: Policy) -> dict[str, object]:
    return {
        "version": policy.version,
        "mode": policy.mode.value,
        "defaults": policy.default.value,
        "accounts": sorted(policy.accounts),
        "sources": sorted(policy.sources),
        "rules": [rule.rule_id for rule in policy.rules],
    }


def _change(options: TenantOptions, work: TenantWork[StoredPolicy]) -> None:
    say_facts(policy_row(ask_tenant(options, work)), as_json=options.as_json)
