"""What commands about bots take, and how they reach bots and accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.options import Options
from fairlead.cli.tenants import TenantOptions

if TYPE_CHECKING:
    from fairlead.accounts.registry.bots import BotRegistry
    from fairlead.cli.records import Registry
    from fairlead.core.rules.replay import InstrumentsOf
    from fairlead.wiring.previewing import BotStage


@dataclass(frozen=True, kw_only=True)
class BotOptions(TenantOptions):
    """Which bot."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or id of a bot.")]


def bot_registry(registry: Registry, instruments_of: InstrumentsOf | None = None) -> BotRegistry:
    """The bots of an open database; ``instruments_of`` is for who removes some."""
    from fairlead.accounts.registry.bots import BotRegistry
    from fairlead.clock import SystemClock

    if instruments_of is None:
        return BotRegistry(registry.store, SystemClock())
    return BotRegistry(registry.store, SystemClock(), instruments_of)


async def open_stage(registry: Registry, tenant: str, options: Options) -> BotStage:
    """Everything that a preview looks at, as stored now."""
    from fairlead.clock import SystemClock
    from fairlead.wiring.previewing import set_bot_stage
    from fairlead.wiring.rule_files import RuleFiles

    settings = load_settings(options)
    now_ms = SystemClock().now_ms()
    store, url, seed = registry.store, settings.store_url, settings.market_seed
    find_rule = RuleFiles(settings.rules_dir).find
    return await set_bot_stage(store, url, tenant, now_ms=now_ms, seed=seed, find_rule=find_rule)
