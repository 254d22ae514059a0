"""Settings of a bot as a person gives them: a preset, a file, single fields, and a budget that makes them larger."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairlead.cli.bots.options import bot_registry, open_stage
from fairlead.cli.config import load_settings
from fairlead.cli.output import EXIT_USAGE, StopError
from fairlead.cli.tenants import TenantOptions

if TYPE_CHECKING:
    from fairlead.accounts.bot_questions import BotQuestion, SettingsWish
    from fairlead.accounts.registry import Refused
    from fairlead.cli.options import Options
    from fairlead.cli.records import Registry
    from fairlead.core.model.instrument import Instrument
    from fairlead.wiring.bot_looks import Looked
    from fairlead.wiring.previewing import BotCheck, PriceUnknown


@dataclass(frozen=True, kw_only=True)
class SettingsOptions(TenantOptions):
    """What a bot shall be."""

    preset: Annotated[str, typer.Option(help="Begin with these settings; see fairlead bot presets.")] = ""
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings as TOML or JSON; docs/bots.md has them all."),
    ] = None
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="One field, such as step=1.5; again for more."),
    ] = None
    budget: Annotated[
        str,
        typer.Option(metavar="AMOUNT", help="Scale every size, so that the worst case takes at most this."),
    ] = ""
    price: Annotated[
        str,
        typer.Option(metavar="PRICE", help="Look at it at this price instead of the last one."),
    ] = ""


def read_price(text: str) -> Decimal | None:
    """A price as typed, None for none.

    Raises:
        StopError: it is none above zero.
    """
    return None if not text else read_positive("--price", text)


def read_file(options: SettingsOptions) -> dict[str, Any]:
    """What the file says, as plain values; nothing without one.

    Raises:
        StopError: it cannot be read.
    """
    from fairlead.accounts.bot_presets import SettingsError, read_values

    if options.file is None:
        return {}
    try:
        return read_values(options.file.read_text(encoding="utf-8"), is_json=options.file.suffix == ".json")
    except (OSError, SettingsError) as error:
        raise StopError(f"{options.file}: {error}", EXIT_USAGE) from error


def read_wish(options: SettingsOptions, base: dict[str, Any] | None = None) -> SettingsWish:
    """What was given; ``base`` are settings that it goes over.

    Raises:
        StopError: the file cannot be read, or the budget is no amount.
    """
    from fairlead.accounts.bot_questions import SettingsWish

    return SettingsWish(
        base=base or {},
        preset=options.preset,
        values=read_file(options),
        changes=tuple(options.changes or ()),
        budget=read_positive("--budget", options.budget) if options.budget else None,
    )


async def ask_stage(registry: Registry, tenant: str, options: Options, question: BotQuestion) -> Looked | Refused:
    """Play a bot through on its account; where only the price is missing, its exchange is asked for it.

    Raises:
        StopError: what was given makes no settings, or the exchange does not answer.
    """
    from msgspec.structs import replace

    from fairlead.accounts.bot_presets import SettingsError
    from fairlead.wiring.bot_looks import look
    from fairlead.wiring.previewing import PriceUnknown

    bots = bot_registry(registry)
    try:
        found = await look(bots, tenant, question, lambda: open_stage(registry, tenant, options))
        if isinstance(found, PriceUnknown) and (price := await _ask_price(registry, options, found)) is not None:
            question = replace(question, price=price)
            found = await look(bots, tenant, question, lambda: open_stage(registry, tenant, options))
    except SettingsError as error:
        raise StopError(str(error), EXIT_USAGE) from error
    return found


async def _ask_price(registry: Registry, options: Options, wanted: PriceUnknown) -> Decimal | None:
    from fairlead.orders.recover import VenueUnreachableError
    from fairlead.wiring.account_check import look_up_price

    try:
        return await look_up_price(load_settings(options), registry.store, wanted.account, wanted.symbol)
    except VenueUnreachableError as error:
        raise StopError(f"{error}; or name a price with --price") from error


def require_input(options: SettingsOptions) -> None:
    """Refuse to make a bot of nothing: its defaults are nobody's wish.

    Raises:
        StopError: neither a preset nor a file nor a field was given.
    """
    if not options.preset and options.file is None and not options.changes:
        raise StopError("say what it shall do: --preset NAME, --file FILE or --set FIELD=VALUE", EXIT_USAGE)


def preset_values(name: str, price: Decimal, instrument: Instrument) -> dict[str, Any]:
    """What a preset says, for an instrument at a price; nothing without one.

    Raises:
        StopError: there is none of this name.
    """
    from fairlead.accounts import bot_presets

    try:
        return bot_presets.preset_values(name, price, instrument)
    except bot_presets.SettingsError as error:
        raise StopError(str(error), EXIT_USAGE) from error


def read_positive(option: str, text: str) -> Decimal:
    """An amount above zero as typed.

    Raises:
        StopError: it is none.
    """
    from fairlead.core.model.money import ZERO, AmountError, parse_amount

    try:
        value = parse_amount(text)
    except AmountError as error:
        raise StopError(f"{option} {text}: {error}", EXIT_USAGE) from error
    if value <= ZERO:
        raise StopError(f"{option} {text}: must be above 0", EXIT_USAGE)
    return value


def require_sound(check: BotCheck, *, over_reserve: bool) -> None:
    """Go on only with a bot that nothing speaks against.

    Raises:
        StopError: something does; ``over_reserve`` lets pass that its account could not carry it.
    """
    told = [one for one in check.refusals if not (over_reserve and one.field == "capital")]
    if not told:
        return
    hint = ": let it run all the same with --over-reserve" if all(one.field == "capital" for one in told) else ""
    sentences = "; ".join(f"{one.field} = {one.value}: {one.rule}" for one in told)
    raise StopError(f"{sentences}{hint}")
