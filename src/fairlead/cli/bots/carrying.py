"""Commands that carry bots over: from other products, and out of here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.bots.bot_rows import plain
from fairlead.cli.bots.creating import AskOptions, ask_question, begin, new_question
from fairlead.cli.bots.options import BotOptions, bot_registry
from fairlead.cli.bots.settings_input import read_wish
from fairlead.cli.options import add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say, say_json, table_lines, tell
from fairlead.cli.tenants import ask_tenant

if TYPE_CHECKING:
    from fairlead.accounts.bot_imports.fields import Imported


@dataclass(frozen=True, kw_only=True)
class ImportOptions(AskOptions):
    """A bot of another product, and where it shall run here."""

    path: Annotated[Path, typer.Argument(metavar="FILE", help="JSON of one bot, as the API of the other tells it.")]
    source: Annotated[
        str, typer.Option("--from", metavar="PRODUCT", help="3commas, okx, pionex or predecessor; else fields tell.")
    ] = ""
    name: Annotated[str, typer.Option(help="Another name than the file gives it.")] = ""
    account: Annotated[
        str, typer.Option(metavar="ACCOUNT", help="Create it on this account; without one it is only shown.")
    ] = ""
    symbol: Annotated[str, typer.Option(help="Another instrument than the file names.")] = ""


def add_carrying(app: typer.Typer) -> None:
    """Hang the commands into the command line."""
    add_command(
        app,
        "import",
        "fairlead bot import bot.json                               what it would be here",
        "fairlead bot import bot.json --from 3commas --account paper-1 --name dip",
        "fairlead bot import bot.json --account paper-1 --set start.type=now --budget 1000",
    )(import_bot)
    add_command(app, "export", "fairlead bot export dip > dip.json")(export_bot)


def import_bot(options: ImportOptions) -> None:
    """Read a bot of 3Commas, OKX or Pionex: what it is here, what differs, and what is left out; then create it.

    Nothing is dropped without a word. A start condition that cannot be evaluated here becomes a signal, so that nothing
    begins by itself.
    """
    imported = _read(options)
    symbol = options.symbol or imported.symbol
    if not options.account:
        _show(imported, options)
        return
    name = options.name or imported.name
    if not name or not symbol:
        missing = "--name NAME" if not name else "--symbol SYMBOL"
        raise StopError(f"{options.path} does not say it: {missing}", EXIT_USAGE)
    tell("\n".join(_notes(imported)))

    from fairlead.accounts.bot_presets import settings_values

    wish = read_wish(options, settings_values(imported.settings))
    begin(options, name, ask_question(options, new_question(options, options.account, symbol, wish)))


def export_bot(options: BotOptions) -> None:
    """Print the settings of a bot as JSON, which fairlead bot create NAME --file takes."""
    from fairlead.accounts.bot_presets import settings_values

    found = ask_tenant(options, lambda registry, tenant: bot_registry(registry).find(tenant, options.name), reads=True)
    say_json(plain(settings_values(found.bot.settings)))


def _read(options: ImportOptions) -> Imported:
    from fairlead.accounts.bot_imports.fields import ImportFault
    from fairlead.accounts.bot_imports.reading import read_import

    try:
        return read_import(options.path.read_text(encoding="utf-8"), options.source)
    except (OSError, UnicodeDecodeError, ImportFault) as error:
        raise StopError(f"{options.path}: {error}", EXIT_USAGE) from error


def _show(imported: Imported, options: ImportOptions) -> None:
    from fairlead.accounts.bot_imports.fields import imported_values

    values = imported_values(imported)
    if options.as_json:
        say_json(values)
        return
    say(f"{imported.name or 'A bot'} of {imported.source} on {imported.symbol or 'an instrument that you name'}:")
    for field, value in values["settings"].items():
        say(f"  {field} = {json.dumps(value)}")
    say("\n".join(_notes(imported)))


def _notes(imported: Imported) -> Iterator[str]:
    """What differs and what is left out."""
    if imported.left_out:
        yield "Not carried over as it was:"
        rows = [{"field": one.field, "value": one.value, "why": one.why} for one in imported.left_out]
        yield from (f"  {line}" for line in table_lines(rows))
    if imported.assumed:
        yield "Assumed:"
        yield from (f"  {one}" for one in imported.assumed)
