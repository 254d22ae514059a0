"""`fairlead explain`: why an alert became these orders, or none."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import StopError, say, say_json, wants_colour
from fairlead.cli.records import Registry, ask_registry

if TYPE_CHECKING:
    from fairlead.reporting.explanation import Explanation


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(PrintOptions):
    """What to explain."""

    subject: Annotated[str, typer.Argument(metavar="ID", help="Alert, request or order id, ours or the venue's.")]


def add_explain(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "explain",
        "fairlead explain 019abc0ffee0123456789abcdef",
        "fairlead explain 019abc0ffee0123456789abcdef --json | jq .totals",
    )(explain)


def explain(options: ExplainOptions) -> None:
    """Tell what became of an alert and why: bytes, address, sizing, every check, every venue message, every fill.

    The id is the requestId of an answer, a request id, or an order id: ours (which is also the client order id), or the
    venue's, of recent orders.
    """
    url = load_settings(options).store_url
    found = ask_registry(options, lambda registry: _find(registry, options.subject, url), reads=True)
    if found is None:
        raise StopError(f"nothing here has the id {options.subject}: is it the right data folder (--data)?")
    show_explanation(found, as_json=options.as_json)


def show_explanation(explanation: Explanation, *, as_json: bool, one_line: bool = False) -> None:
    """Print an explanation for people or for a program."""
    from fairlead.reporting.explain_text import explanation_text
    from fairlead.reporting.explanation import explanation_to_builtins

    if as_json:
        say_json(explanation_to_builtins(explanation), one_line=one_line)
    else:
        say(explanation_text(explanation, colour=wants_colour(sys.stdout)))


async def _find(registry: Registry, subject: str, url: str) -> Explanation | None:
    """Look in every tenant: whoever may read the data folder may read all of it."""
    from fairlead.reporting.gather import explain_stored
    from fairlead.wiring import instruments_of_accounts

    instruments_of = instruments_of_accounts(url)
    for tenant in sorted({user.tenant for user in await registry.users.list_all()}):
        async with registry.store.session(tenant) as session:
            found = await explain_stored(session, subject, instruments_of)
        if found is not None:
            return found
    return None
