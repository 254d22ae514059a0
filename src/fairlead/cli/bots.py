"""`fairlead bot`: bots that trade by a rule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.options import add_command
from fairlead.cli.output import StopError, say_facts, say_rows
from fairlead.cli.tenants import TenantOptions, ask_some, ask_tenant
from fairlead.core.model.money import format_amount

if TYPE_CHECKING:
    from fairlead.accounts.registry.bots import BotRegistry, KnownBot
    from fairlead.cli.records import Registry
    from fairlead.core.model.bots.bot import Settings

bots = typer.Typer(help="Bots: rules that trade by themselves.", no_args_is_help=True, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class BotOptions(TenantOptions):
    """Which bot."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or id of a bot.")]


@dataclass(frozen=True, kw_only=True)
class CreateOptions(BotOptions):
    """A new bot."""

    account: Annotated[str, typer.Option(metavar="ACCOUNT", help="Label or id of the account that it trades on.")]
    symbol: Annotated[str, typer.Option(help="Instrument, as the venue names it, such as BTC-USDT.")]
    file: Annotated[Path, typer.Option(metavar="FILE", help="Its settings as TOML or JSON; docs/bots.md has them all.")]


@dataclass(frozen=True, kw_only=True)
class StopOptions(BotOptions):
    """How to stop."""

    sell: Annotated[bool, typer.Option("--sell", help="Close at market what it holds; by default it is kept.")] = False


@add_command(bots, "create", "fairlead bot create dip --account main --symbol BTC-USDT --file dip.toml")
def create(options: CreateOptions) -> None:
    """Create a bot and let it run."""
    settings = read_settings(options.file)

    async def work(registry: Registry, tenant: str) -> object:
        from fairlead.accounts.registry.bots import BotWish

        wish = BotWish(name=options.name, account=options.account, symbol=options.symbol, settings=settings)
        return await bot_registry(registry).create(tenant, wish)

    say_facts(bot_row(ask_tenant(options, work)), as_json=options.as_json)  # type: ignore[arg-type]


@add_command(bots, "list", "fairlead bot list")
def list_all(options: TenantOptions) -> None:
    """List bots and how they stand."""
    found = ask_some(options, lambda registry, tenant: bot_registry(registry).list_all(tenant))
    empty = "No bots. Create one: fairlead bot create dip --account main --symbol BTC-USDT --preset balanced"
    say_rows([bot_row(one) for one in found], as_json=options.as_json, empty=empty)


@add_command(bots, "show", "fairlead bot show dip")
def show(options: BotOptions) -> None:
    """Show one bot."""
    found = ask_tenant(options, lambda registry, tenant: bot_registry(registry).find(tenant, options.name), reads=True)
    say_facts(bot_row(found), as_json=options.as_json)


@add_command(bots, "stop", "fairlead bot stop dip", "fairlead bot stop dip --sell")
def stop(options: StopOptions) -> None:
    """Stop a bot: cancel what it has resting, and keep or close what it holds."""
    from fairlead.core.model.bots.bot import Wish

    wish = Wish.STOP_AND_SELL if options.sell else Wish.STOP_AND_KEEP
    found = ask_tenant(options, lambda registry, tenant: bot_registry(registry).set_wish(tenant, options.name, wish))
    say_facts(bot_row(found), as_json=options.as_json)


def read_settings(path: Path) -> Settings:
    """Read settings from a file.

    Raises:
        StopError: it cannot be read, or says something that makes no bot.
    """
    import tomllib
    from decimal import Decimal
    from json import loads

    import msgspec

    from fairlead.core.model.bots.bot import Settings

    try:
        text = path.read_text(encoding="utf-8")
        is_json = path.suffix == ".json"
        values = loads(text, parse_float=Decimal) if is_json else tomllib.loads(text, parse_float=Decimal)
        return msgspec.convert(values, Settings, strict=False)  # type: ignore[no-any-return]
    except (OSError, ValueError) as error:
        raise StopError(f"{path}: {error}") from error


def bot_registry(registry: Registry) -> BotRegistry:
    """The bots of an open database."""
    from fairlead.accounts.registry.bots import BotRegistry
    from fairlead.clock import SystemClock

    return BotRegistry(registry.store, SystemClock())


def bot_row(found: KnownBot) -> dict[str, object]:
    """One bot in a table."""
    state = found.state
    row: dict[str, object] = {
        "name": found.bot.name,
        "account": found.account,
        "symbol": found.bot.symbol,
        "status": "starting" if state is None else state.status.value,
    }
    if state is not None:
        row |= {
            "cycle": state.cycle,
            "held": format_amount(state.deal.quantity),
            "realized": format_amount(state.deal.realized + state.deal.realized_before),
            "orders": len(state.orders),
            "note": state.note or "; ".join(f"{one.slot}: {one.message or one.reason}" for one in state.troubles),
        }
    return row
