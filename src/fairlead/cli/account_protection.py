"""`fairlead account protect`: what happens to resting orders when Fairlead is away, and who protects an account."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.kill import is_served
from fairlead.cli.options import Options, add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say_facts, tell
from fairlead.cli.tenants import TenantOptions, ask_tenant
from fairlead.core.model.protection import DEAD_MAN_S, DEAD_MAN_S_MAX, DEAD_MAN_S_MIN, Protection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairlead.accounts.registry import AccountDrifts, DeadManChoice, ProtectionRegistry, Refused
    from fairlead.cli.records import Registry


class Switch(StrEnum):
    """A switch as people say it."""

    ON = "on"
    OFF = "off"


@dataclass(frozen=True, kw_only=True)
class ProtectOptions(TenantOptions):
    """Which account, and what is wanted."""

    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Label or id of an account.")]
    dead_man: Annotated[
        Switch | None,
        typer.Option(help="Whether the exchange cancels resting orders when it does not hear of Fairlead."),
    ] = None
    timeout: Annotated[
        int | None,
        typer.Option(
            min=DEAD_MAN_S_MIN,
            max=DEAD_MAN_S_MAX,
            metavar="SECONDS",
            help=f"After how long without Fairlead, {DEAD_MAN_S_MIN} to {DEAD_MAN_S_MAX}; default {DEAD_MAN_S}.",
        ),
    ] = None


def add_protection(accounts: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        accounts,
        "protect",
        "fairlead account protect main",
        "fairlead account protect main --dead-man on",
        "fairlead account protect main --dead-man on --timeout 30",
        "fairlead account protect main --dead-man off",
    )(protect)


def protect(options: ProtectOptions) -> None:
    """Show or choose whether the exchange cancels resting orders when Fairlead is away.

    Off unless you switch it on: then orders rest through a restart, and through a crash. Stops and take-profits stay at
    the exchange in any case, and so does what you hold. A running server follows within a second.
    """
    if options.timeout is not None and options.dead_man is not Switch.ON:
        raise StopError("--timeout goes with --dead-man on", EXIT_USAGE)
    timeout_s = 0 if options.dead_man is Switch.OFF else options.timeout or DEAD_MAN_S

    async def work(registry: Registry, tenant: str) -> DeadManChoice | Refused:
        choices = _choices(registry)
        if options.dead_man is None:
            return await choices.read(tenant, options.account)
        return await choices.choose(tenant, options.account, timeout_s)

    chosen = ask_tenant(options, work, reads=options.dead_man is None)
    say_facts({"account": chosen.account.label, "dead_man": dead_man_text(chosen.timeout_s)}, as_json=options.as_json)
    if options.dead_man is not None and not is_served(load_settings(options)):
        tell("No server runs on this folder: the exchange hears of it at the next start.")


def dead_man_text(timeout_s: int) -> str:
    """A choice as people read it."""
    return f"on, {timeout_s} s" if timeout_s else "off"


def protections_now(found: Sequence[AccountDrifts], options: Options) -> Sequence[Protection | None]:
    """The state of each account, None where nobody has looked: what only Fairlead protects needs a running server."""
    from fairlead.core.rules.protection import without_fairlead

    noted = [None if one.protection is None else one.protection.state for one in found]
    if Protection.BY_FAIRLEAD not in noted or is_served(load_settings(options)):
        return noted
    return [None if state is None else without_fairlead(state) for state in noted]


def protection_row(found: AccountDrifts, options: TenantOptions) -> dict[str, object]:
    """Who protects an account, since when, what is missing, and its switch; empty where there is nothing to tell."""
    from fairlead.reporting.times import time_text

    chosen = ask_tenant(
        options, lambda registry, tenant: _choices(registry).read(tenant, found.account.account_id), reads=True
    )
    (state,) = protections_now([found], options)
    noted = found.protection
    if noted is None or state is None:
        return {"dead_man": dead_man_text(chosen.timeout_s)} if chosen.timeout_s else {}
    return {
        "protection": state.value,
        "protection_since": time_text(noted.at_ms),
        "protection_why": list(noted.reasons),
        "dead_man": dead_man_text(chosen.timeout_s),
    }


def _choices(registry: Registry) -> ProtectionRegistry:
    from fairlead.accounts.registry import ProtectionRegistry

    return ProtectionRegistry(registry.store)
