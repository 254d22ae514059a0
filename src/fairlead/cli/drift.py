"""`fairlead drift`: where an account and its venue differ, and what to do about it."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.kill import is_served, wait_until
from fairlead.cli.options import add_command
from fairlead.cli.output import StopError, say, say_facts, say_rows, tell
from fairlead.cli.tenants import TenantOptions, ask_some, ask_tenant
from fairlead.core.model.drift import Drift, DriftCause, DriftKind, DriftWay
from fairlead.core.model.money import format_amount

if TYPE_CHECKING:
    from fairlead.accounts.registry import AccountDrifts, DriftRegistry, Refused
    from fairlead.cli.records import Registry
    from fairlead.core.model.account import VenueAccount
    from fairlead.core.model.drift import DriftDecision

DONE: Final = "done"
ADVICE: Final = {
    DriftKind.BALANCE: "adopt books the venue's cash here, ignore trades on without it; cash cannot be closed",
    DriftKind.POSITION: "adopt takes the venue's position for ours, close reduces it at market to what is ours",
    DriftKind.OUTSIDE_ORDER: "adopt follows the order as ours, close cancels it at the venue",
    DriftKind.MISSING_ORDER: "adopt counts the order as canceled here",
}

drifts = typer.Typer(help="Drifts: where an account and its venue differ.", no_args_is_help=True, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class DriftOptions(TenantOptions):
    """Which drift."""

    drift: Annotated[str, typer.Argument(metavar="DRIFT", help="Id of a drift, or its last eight characters.")]


@dataclass(frozen=True, kw_only=True)
class SettleOptions(DriftOptions):
    """A decision, and why."""

    reason: Annotated[str, typer.Option(help="Why, for everybody who reads the journal later.")] = ""


@dataclass(frozen=True, kw_only=True)
class CloseOptions(SettleOptions):
    """A decision that trades."""

    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before orders are sent or canceled.")] = False


@dataclass(frozen=True, kw_only=True)
class PolicyOptions(TenantOptions):
    """What is adopted unasked on an account."""

    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Label or id of an account.")]
    adopt: Annotated[
        list[DriftCause] | None,
        typer.Option(metavar="CAUSE", help="Adopt drifts of this cause unasked; repeat for more."),
    ] = None
    nothing: Annotated[bool, typer.Option("--nothing", help="Adopt nothing unasked any more.")] = False


@add_command(drifts, "list", "fairlead drift list", "fairlead drift list --user alice --json")
def list_all(options: TenantOptions) -> None:
    """List what differs. Until it is settled, its account only reduces; what is ignored holds nobody up."""
    found = ask_some(options, lambda registry, tenant: drift_registry(registry).list_all(tenant))
    say_rows(
        [_row(one.account, drift) for one in found for drift in one.drifts],
        as_json=options.as_json,
        empty="No drift: every account that was compared agrees with its venue.",
    )


@add_command(drifts, "show", "fairlead drift show 5f0c12ab")
def show(options: DriftOptions) -> None:
    """Show one drift, and what each decision would do."""
    account, drift = ask_tenant(
        options, lambda registry, tenant: drift_registry(registry).find(tenant, options.drift), reads=True
    )
    row = _row(account, drift)
    if drift.order is not None:
        order = drift.order
        price = "" if order.limit_price is None else f" at {format_amount(order.limit_price)}"
        row["order"] = f"{order.side} {format_amount(order.quantity)} {order.symbol}{price}"
    say_facts({**row, "decide": ADVICE[drift.kind]}, as_json=options.as_json)


@add_command(drifts, "adopt", 'fairlead drift adopt 5f0c12ab --reason "I moved cash to the funding account"')
def adopt(options: SettleOptions) -> None:
    """Take the venue's view for ours. Nothing is sent to the venue."""
    _settle(options, DriftWay.ADOPT)


@add_command(drifts, "ignore", 'fairlead drift ignore 5f0c12ab --reason "my own order, I look after it"')
def ignore(options: SettleOptions) -> None:
    """Trade on although it differs; when the amount changes, it is a new drift."""
    _settle(options, DriftWay.IGNORE)


@add_command(drifts, "close", "fairlead drift close 5f0c12ab", "fairlead drift close 5f0c12ab --yes")
def close(options: CloseOptions) -> None:
    """Undo it at the venue: cancel an outside order, or reduce a position at market to what is ours."""
    account, drift = ask_tenant(
        options, lambda registry, tenant: drift_registry(registry).find(tenant, options.drift), reads=True
    )
    tell(f"{account.label}: {drift.text}")
    if not options.yes:
        typer.confirm("Undo this at the venue now?", abort=True, err=True)
    _settle(options, DriftWay.CLOSE)


@add_command(
    drifts,
    "policy",
    "fairlead drift policy main",
    "fairlead drift policy main --adopt manual_balance --adopt funding",
    "fairlead drift policy main --nothing",
)
def policy(options: PolicyOptions) -> None:
    """Show or choose what is adopted unasked on an account, by its likely cause; by default nothing is."""
    causes: Sequence[DriftCause] = options.adopt or ()

    async def work(registry: Registry, tenant: str) -> tuple[VenueAccount, frozenset[DriftCause]] | Refused:
        if causes or options.nothing:
            return await drift_registry(registry).set_policy(tenant, options.account, causes)
        return await drift_registry(registry).read_policy(tenant, options.account)

    account, chosen = ask_tenant(options, work, reads=not (causes or options.nothing))
    say_facts({"account": account.label, "adopts": sorted(chosen)}, as_json=options.as_json)


def recovery_row(found: AccountDrifts) -> dict[str, object]:
    """How an account was opened last, and how many drifts are open."""
    from fairlead.reporting.times import time_text

    recovery = found.recovery
    if recovery is None:
        return {}
    return {
        "opened": time_text(recovery.at_ms),
        "orders_asked": recovery.orders_asked,
        "orders_in_doubt": recovery.orders_in_doubt,
        "requests_resumed": recovery.requests_resumed,
        "drifts_open": sum(not drift.is_ignored for drift in found.drifts),
    }


def _settle(options: SettleOptions, way: DriftWay) -> None:
    by = f"{getpass.getuser()} on the command line"
    decision: DriftDecision = ask_tenant(
        options,
        lambda registry, tenant: drift_registry(registry).decide(
            tenant, options.drift, way, by=by, reason=options.reason.strip()
        ),
    )
    if not is_served(load_settings(options)):
        say("No server runs on this folder: the next start does it, if the amount is still the same.")
        return
    if not wait_until(lambda: bool(_outcome(options, decision))):
        raise StopError("not done yet: the account is not open. It is done as soon as it is; see fairlead drift list")
    outcome = _outcome(options, decision)
    if outcome != DONE:
        raise StopError(outcome)
    say_facts({"drift": decision.drift_id, "settled": way.value}, as_json=options.as_json)


def _outcome(options: SettleOptions, decision: DriftDecision) -> str:
    async def read(registry: Registry, tenant: str) -> str:
        found = await drift_registry(registry).find_decision(tenant, decision.drift_id)
        return "another decision took its place" if found is None else found.outcome

    return ask_tenant(options, read, reads=True)


def drift_registry(registry: Registry) -> DriftRegistry:
    """The drifts of an open database."""
    from fairlead.accounts.registry import DriftRegistry
    from fairlead.clock import SystemClock
    from fairlead.orders.account_desk import BOOK_SPACE

    return DriftRegistry(registry.store, SystemClock(), header_space=BOOK_SPACE)


def _row(account: VenueAccount, drift: Drift) -> dict[str, object]:
    from fairlead.reporting.times import time_text

    return {
        "id": drift.drift_id,
        "account": account.label,
        "kind": drift.kind.value,
        "subject": drift.subject,
        "ours": format_amount(drift.ours),
        "venue": format_amount(drift.theirs),
        "likely_cause": drift.cause.value,
        "since": time_text(drift.since_ms),
        "state": "ignored" if drift.is_ignored else "open",
    }
