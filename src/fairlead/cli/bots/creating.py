"""Commands that make bots: presets, preview, create, duplicate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.bots.bot_rows import bot_row, plain
from fairlead.cli.bots.options import BotOptions, bot_registry
from fairlead.cli.bots.preview_text import check_lines
from fairlead.cli.bots.settings_input import (
    SettingsOptions,
    ask_stage,
    read_price,
    read_wish,
    require_input,
    require_sound,
)
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import EXIT_USAGE, StopError, program_name, say, say_facts, say_json, say_rows, tell
from fairlead.cli.tenants import ask_tenant

if TYPE_CHECKING:
    from fairlead.accounts.bot_questions import BotQuestion, SettingsWish
    from fairlead.accounts.registry import Refused
    from fairlead.accounts.registry.bots import KnownBot
    from fairlead.cli.records import Registry
    from fairlead.wiring.previewing import BotCheck


@dataclass(frozen=True, kw_only=True)
class AskOptions(SettingsOptions):
    """Settings, and how sure somebody is of them."""

    over_reserve: Annotated[
        bool, typer.Option("--over-reserve", help="Let it run though its worst case is more than the account has free.")
    ] = False
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False


@dataclass(frozen=True, kw_only=True)
class CreateOptions(AskOptions, BotOptions):
    """A new bot."""

    account: Annotated[str, typer.Option(metavar="ACCOUNT", help="Label or id of the account that it trades on.")]
    symbol: Annotated[str, typer.Option(help="Instrument, as the venue names it, such as BTC-USDT.")]


@dataclass(frozen=True, kw_only=True)
class PreviewOptions(SettingsOptions):
    """A bot that is there, or one that might be."""

    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A bot: how it would go on from where it stands.", show_default=False)
    ] = ""
    account: Annotated[str, typer.Option(metavar="ACCOUNT", help="For a new one: the account.")] = ""
    symbol: Annotated[str, typer.Option(help="For a new one: the instrument.")] = ""


@dataclass(frozen=True, kw_only=True)
class DuplicateOptions(AskOptions, BotOptions):
    """A bot like another."""

    new_name: Annotated[str, typer.Argument(metavar="NEW", help="Name of the new bot.")]
    account: Annotated[str, typer.Option(metavar="ACCOUNT", help="Another account; by default the same.")] = ""
    symbol: Annotated[str, typer.Option(help="Another instrument; by default the same.")] = ""


def add_creating(app: typer.Typer) -> None:
    """Hang the commands into the command line."""
    add_command(
        app,
        "create",
        "fairlead bot create dip --account paper-1 --symbol BTC-USDT --preset balanced --budget 1000",
        "fairlead bot create dip --account paper-1 --symbol BTC-USDT --file dip.toml --yes",
        "fairlead bot create dip --account paper-1 --symbol BTC-USDT --preset nimble --set step=0.5",
    )(create)
    add_command(
        app,
        "preview",
        "fairlead bot preview --account paper-1 --symbol BTC-USDT --preset balanced --budget 1000",
        "fairlead bot preview dip                        how it would go on from where it stands",
        "fairlead bot preview dip --set volume_scale=1   what would be otherwise",
    )(preview)
    add_command(app, "presets", "fairlead bot presets")(presets)
    add_command(app, "duplicate", "fairlead bot duplicate dip dip-eth --symbol ETH-USDT")(duplicate)


def create(options: CreateOptions) -> None:
    """Create a bot and let it run: it is played through first, shown, and begun when you agree.

    Refused is what makes no bot on its instrument, and what the account could not carry in the worst case together with
    what its other bots may still take.
    """
    require_input(options)

    question = new_question(options, options.account, options.symbol, read_wish(options))
    begin(options, options.name, ask_question(options, question))


def preview(options: PreviewOptions) -> None:
    """Show what a bot would do and what it could cost: every level, the exit after each, the worst case.

    It is played through by the code that runs it. Nothing is stored or sent.
    """
    if not options.name and not (options.account and options.symbol):
        raise StopError("name a bot, or say where: --account ACCOUNT --symbol SYMBOL", EXIT_USAGE)
    if not options.name:
        require_input(options)

    from fairlead.accounts.bot_questions import BotQuestion, Way

    wish = read_wish(options)
    if options.name:
        question = BotQuestion(way=Way.GOES_ON, wish=wish, bot=options.name, price=read_price(options.price))
    else:
        question = new_question(options, options.account, options.symbol, wish)
    check = ask_question(options, question, reads=True)
    if options.as_json:
        from fairlead.wiring.bot_looks import check_values

        say_json(check_values(check))
    else:
        say("\n".join(check_lines(check)))


def presets(options: PrintOptions) -> None:
    """List the presets that a bot can begin with."""
    from fairlead.accounts.bot_presets import built_in_presets

    known = built_in_presets()
    if options.as_json:
        say_json([{"name": name, "about": one.about, "settings": plain(one.settings)} for name, one in known.items()])
    else:
        say_rows([{"name": name, "about": one.about} for name, one in known.items()], as_json=False, empty="")


def duplicate(options: DuplicateOptions) -> None:
    """Create a bot with the settings of another, changed if you like; it is played through and shown first."""
    from fairlead.accounts.bot_questions import BotQuestion, Way

    question = BotQuestion(
        way=Way.COPIED,
        wish=read_wish(options),
        bot=options.name,
        account=options.account,
        symbol=options.symbol,
        price=read_price(options.price),
    )
    begin(options, options.new_name, ask_question(options, question))


def new_question(options: SettingsOptions, account: str, symbol: str, wish: SettingsWish) -> BotQuestion:
    """What a bot that is not there yet would do."""
    from fairlead.accounts.bot_questions import BotQuestion, Way

    price = read_price(options.price)
    return BotQuestion(way=Way.NEW, wish=wish, account=account, symbol=symbol, price=price)


def ask_question(options: SettingsOptions, question: BotQuestion, *, reads: bool = False) -> BotCheck:
    """Play a bot of the tenant through.

    Raises:
        StopError: it makes no settings, or was refused.
    """
    return ask_tenant(
        options, lambda registry, tenant: ask_stage(registry, tenant, options, question), reads=reads
    ).check


def begin(options: AskOptions, name: str, check: BotCheck) -> None:
    """Show what was played through, ask, and create it."""
    if not options.as_json:
        tell("\n".join(check_lines(check)))
    require_sound(check, over_reserve=options.over_reserve)
    if not options.yes:
        typer.confirm(f"Let {name} run like this?", abort=True, err=True)

    async def work(registry: Registry, tenant: str) -> KnownBot | Refused:
        from fairlead.accounts.registry.bots import BotWish

        wish = BotWish(
            name=name, account=check.account.account_id, symbol=check.preview.symbol, settings=check.settings
        )
        return await bot_registry(registry).create(tenant, wish)

    from fairlead.wiring.bot_looks import check_values

    row = bot_row(ask_tenant(options, work))
    say_facts({**row, "preview": check_values(check)} if options.as_json else row, as_json=options.as_json)
    if not options.as_json:
        tell(f"It runs while {program_name()} serve does. Watch it: {program_name()} bot show {name}")
