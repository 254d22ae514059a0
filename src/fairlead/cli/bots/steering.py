"""Commands that tell bots what to do: pause, resume, stop, start, edit, add funds, close, remove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.bots.bot_rows import bot_row
from fairlead.cli.bots.creating import AskOptions
from fairlead.cli.bots.options import BotOptions, bot_registry
from fairlead.cli.bots.preview_text import check_lines
from fairlead.cli.bots.settings_input import ask_stage, read_price, read_wish, require_input, require_sound
from fairlead.cli.config import load_settings
from fairlead.cli.options import add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say_facts, tell
from fairlead.cli.tenants import ask_tenant

if TYPE_CHECKING:
    from fairlead.accounts.registry import Refused
    from fairlead.accounts.registry.bots import KnownBot
    from fairlead.cli.records import Registry
    from fairlead.core.model.bots.bot import Wish
    from fairlead.core.model.bots.decision import BotCommand, Instruction
    from fairlead.core.model.request import Size


@dataclass(frozen=True, kw_only=True)
class SureOptions(BotOptions):
    """Which bot, and how sure."""

    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False


@dataclass(frozen=True, kw_only=True)
class StopOptions(SureOptions):
    """How to stop."""

    keep: Annotated[bool, typer.Option("--keep", help="Keep what it holds (the default).")] = False
    sell: Annotated[bool, typer.Option("--sell", help="Close at market what it holds.")] = False


@dataclass(frozen=True, kw_only=True)
class RemoveOptions(SureOptions):
    """What becomes of what it holds."""

    keep: Annotated[
        bool, typer.Option("--keep", help="Also while it holds something: that stays in the account, unwatched.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class FundsOptions(SureOptions):
    """How much to add."""

    size: Annotated[str, typer.Argument(metavar="SIZE", help='How much, such as "50 quote" or "0.001 base".')]


@dataclass(frozen=True, kw_only=True)
class CloseStepOptions(SureOptions):
    """How much to close."""

    size: Annotated[
        str,
        typer.Argument(metavar="SIZE", help='How much, such as "0.001 base"; by default the next part of the exit.'),
    ] = ""


@dataclass(frozen=True, kw_only=True)
class EditOptions(AskOptions, BotOptions):
    """New settings, and from when on."""

    now: Annotated[
        bool, typer.Option("--now", help="For the running deal, too: its ladder and its exit are planned anew.")
    ] = False


def add_steering(app: typer.Typer) -> None:
    """Hang the commands into the command line."""
    add_command(app, "pause", "fairlead bot pause dip")(pause)
    add_command(app, "resume", "fairlead bot resume dip")(resume)
    add_command(app, "stop", "fairlead bot stop dip", "fairlead bot stop dip --sell")(stop)
    add_command(app, "start", "fairlead bot start dip")(start)
    add_command(
        app,
        "edit",
        "fairlead bot edit dip --set step=2 --set take_profit=[{percent=2}]",
        "fairlead bot edit dip --file dip.toml --yes",
        "fairlead bot edit dip --set volume_scale=1 --now",
    )(edit)
    add_command(app, "add-funds", 'fairlead bot add-funds dip "50 quote"')(add_funds)
    add_command(app, "close-step", "fairlead bot close-step dip", 'fairlead bot close-step dip "0.001 base"')(
        close_step
    )
    add_command(app, "close", "fairlead bot close dip")(close)
    add_command(app, "remove", "fairlead bot remove dip", "fairlead bot remove dip --keep")(remove)


def pause(options: BotOptions) -> None:
    """Let a bot buy nothing more: resting entries are taken back, exits and stops go on."""
    from fairlead.core.model.bots.bot import Wish

    _wish(options, Wish.PAUSE)


def resume(options: BotOptions) -> None:
    """Let a paused or stopping bot go on from where it stands."""
    from fairlead.core.model.bots.bot import Wish

    _wish(options, Wish.RUN)


def stop(options: StopOptions) -> None:
    """Stop a bot: cancel what it has resting, and keep or close what it holds. Nothing watches what is kept."""
    from fairlead.core.model.bots.bot import Wish

    if options.keep and options.sell:
        raise StopError("either --keep or --sell", EXIT_USAGE)
    if options.sell:
        _confirm(options, f"Close at market what {options.name} holds, now?")
    _wish(options, Wish.STOP_AND_SELL if options.sell else Wish.STOP_AND_KEEP)


def start(options: BotOptions) -> None:
    """Let a waiting bot begin its next cycle now, whatever its start condition says."""
    from fairlead.core.model.bots.decision import Instruction

    _tell(options, Instruction.START)


def add_funds(options: FundsOptions) -> None:
    """Add to the running deal at market; its exit is planned anew from the new average."""
    from fairlead.core.model.bots.decision import Instruction

    size = _read_size(options.size)
    _confirm(options, f"Let {options.name} open {options.size} more, at market?")
    _tell(options, Instruction.ADD_FUNDS, size)


def close_step(options: CloseStepOptions) -> None:
    """Close one part of the running deal at market; the rest is planned anew."""
    from fairlead.core.model.bots.decision import Instruction

    size = _read_size(options.size) if options.size else None
    _confirm(options, f"Let {options.name} close {options.size or 'the next part of its exit'}, at market?")
    _tell(options, Instruction.CLOSE_STEP, size)


def close(options: SureOptions) -> None:
    """Close the running deal at market. What follows is as after a profit: the next cycle, unless it is paused."""
    from fairlead.core.model.bots.decision import Instruction

    _confirm(options, f"Close the deal of {options.name} at market, now?")
    _tell(options, Instruction.CLOSE)


def remove(options: RemoveOptions) -> None:
    """Forget a bot that holds nothing and has nothing resting; what it did stays in the journal.

    With --keep also one that does: what rests is taken back, and what it holds stays in its account, unwatched.
    """
    if options.keep:
        _confirm(options, f"Forget {options.name}, and keep what it holds? Nothing watches that any more.")

    async def work(registry: Registry, tenant: str) -> KnownBot | Refused:
        from fairlead.wiring import instruments_of_accounts

        bots = bot_registry(registry, instruments_of_accounts(load_settings(options).store_url))
        return await bots.remove(tenant, options.name, keep=options.keep)

    say_facts(bot_row(ask_tenant(options, work)), as_json=options.as_json)


def edit(options: EditOptions) -> None:
    """Give a bot new settings, which count from its next cycle on; they are played through and shown first.

    With --now they count for the running deal as well: what it holds stays, its resting orders are replaced.
    """
    require_input(options)

    from fairlead.accounts.bot_questions import BotQuestion, Way

    way = Way.EDITED_NOW if options.now else Way.EDITED
    price = read_price(options.price)
    question = BotQuestion(way=way, wish=read_wish(options), bot=options.name, price=price)
    looked = ask_tenant(options, lambda registry, tenant: ask_stage(registry, tenant, options, question))
    check, found = looked.check, looked.found
    assert found is not None, question
    if not options.as_json:
        tell("\n".join(check_lines(check)))
    require_sound(check, over_reserve=options.over_reserve)
    if not options.yes:
        when = "at once" if options.now else "from its next cycle on"
        typer.confirm(f"Let {options.name} go on like this {when}?", abort=True, err=True)

    async def work(registry: Registry, tenant: str) -> KnownBot | Refused:
        from fairlead.accounts.registry.bots import BotEdit

        by, version = options.user or "command line", found.bot.settings_version
        edit = BotEdit(settings=check.settings, by=by, now=options.now, version=version)
        return await bot_registry(registry).edit(tenant, found.bot.bot_id, edit)

    from fairlead.wiring.bot_looks import check_values

    row = bot_row(ask_tenant(options, work))
    say_facts({**row, "preview": check_values(check)} if options.as_json else row, as_json=options.as_json)


def _wish(options: BotOptions, wish: Wish) -> None:
    found = ask_tenant(options, lambda registry, tenant: bot_registry(registry).set_wish(tenant, options.name, wish))
    say_facts({**bot_row(found), "wanted": wish.value}, as_json=options.as_json)


def _tell(options: BotOptions, instruction: Instruction, size: Size | None = None) -> None:
    async def work(registry: Registry, tenant: str) -> tuple[KnownBot, BotCommand] | Refused:
        bots = bot_registry(registry)
        return await bots.tell(tenant, options.name, instruction, size=size, by=options.user or "command line")

    found, command = ask_tenant(options, work)
    told = {"told": instruction.value, "number": command.number}
    say_facts({**bot_row(found), **told}, as_json=options.as_json)


def _confirm(options: SureOptions, question: str) -> None:
    if not options.yes:
        typer.confirm(question, abort=True, err=True)


def _read_size(text: str) -> Size:
    import msgspec

    from fairlead.core.model.money import AmountError, parse_amount
    from fairlead.core.model.request import Size, SizeUnit

    amount, _, unit = text.strip().partition(" ")
    try:
        value = parse_amount(amount)
        size = Size(amount=value, unit=msgspec.convert(unit.strip(), SizeUnit))
    except (AmountError, msgspec.ValidationError) as error:
        units = ", ".join(unit.value for unit in SizeUnit if unit is not SizeUnit.NATIVE)
        raise StopError(f'{text}: must be an amount and a unit ({units}), such as "50 quote"', EXIT_USAGE) from error
    if value <= 0:
        raise StopError(f"{text}: must be above 0", EXIT_USAGE)
    return size
