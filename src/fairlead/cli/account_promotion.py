"""`fairlead account promote`: what an account still lacks for its next stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.options import add_command
from fairlead.cli.output import StopError, say, say_json
from fairlead.cli.records import Registry
from fairlead.cli.tenants import TenantOptions, ask_tenant
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.stage import Measure

if TYPE_CHECKING:
    from fairlead.accounts.registry import Refused


@dataclass(frozen=True, kw_only=True)
class PromoteOptions(TenantOptions):
    """Which account."""

    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Label or id of an account.")]


def add_promotion(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(app, "promote", "fairlead account promote paper-1", "fairlead account promote paper-1 --json")(promote)


def promote(options: PromoteOptions) -> None:
    """Show what an account must have done before its next stage, with the numbers as they are; changes nothing.

    Exits with 1 while something is unmet. What nobody has measured yet is unmet.
    """
    from fairlead.accounts.promotion import built_in_stages
    from fairlead.core.rules.promotion import describe_finding, judge, stage_of

    seed = load_settings(options).market_seed

    async def work(registry: Registry, tenant: str) -> tuple[VenueAccount, Mapping[Measure, Decimal]] | Refused:
        return await _measure(registry, tenant, options.account, seed)

    account, record = ask_tenant(options, work, reads=True)
    name = stage_of(account.mode)
    stage = built_in_stages()[name]
    findings = judge(stage, record)
    lines = [describe_finding(finding, record) for finding in findings]
    target = "none" if stage.next_stage is None else stage.next_stage.value
    if options.as_json:
        say_json({"account": account.label, "stage": name.value, "next_stage": target, "conditions": lines})
    else:
        say("\n  ".join([f"{account.label}: {name.value} -> {target}", *lines]))
    unmet = sum(not finding.is_met for finding in findings)
    if unmet:
        raise StopError(f"{unmet} of {len(findings)} conditions are unmet: {account.label} stays in {name.value}")


async def _measure(
    registry: Registry, tenant: str, name: str, seed: int
) -> tuple[VenueAccount, Mapping[Measure, Decimal]] | Refused:
    from fairlead.accounts.registry import Refused
    from fairlead.clock import SystemClock
    from fairlead.wiring.promoting import measure_record
    from fairlead.wiring.rehearsing import set_stage

    account = await registry.accounts.find(tenant, name)
    if isinstance(account, Refused):
        return account
    now_ms = SystemClock().now_ms()
    stage = await set_stage(registry.store, tenant, now_ms=now_ms, seed=seed)
    async with registry.store.system_session() as system:
        return account, await measure_record(system, account, stage, now_ms)
