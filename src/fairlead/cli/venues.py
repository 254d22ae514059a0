"""`fairlead venue`: which exchanges there are, and what to expect of each, before keys are added."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from fairlead.cli.options import add_command
from fairlead.cli.output import StopError, say, say_json, say_rows, tell

if TYPE_CHECKING:
    from fairlead.wiring.surveying import Survey

Found = TypeVar("Found")

venues = typer.Typer(no_args_is_help=True, help="See which exchanges there are, and what will and will not work there.")


@dataclass(frozen=True, kw_only=True)
class ListVenuesOptions:
    """How to print."""

    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False


@dataclass(frozen=True, kw_only=True)
class VenueOptions(ListVenuesOptions):
    """Which exchange."""

    exchange: Annotated[str, typer.Argument(metavar="EXCHANGE", help="Name as fairlead venue list prints it.")]


@add_command(venues, "list", "fairlead venue list", "fairlead venue list --json")
def list_all(options: ListVenuesOptions) -> None:
    """List every exchange that can be reached through ccxt, best support first; nobody is asked.

    tested: our own tests hold it to the contract of every venue. askable: an order whose answer was lost is found by
    our own id. limited: such an order must be looked up by you. unsupported: orders could not be followed, so none are
    sent.
    """
    from fairlead.wiring.surveying import survey_all

    found = _with_library(survey_all)
    rows = [
        {
            "exchange": one.exchange,
            "name": one.name,
            "support": one.support.value,
            "spot": one.spot,
            "perpetuals": one.perpetuals,
            "sockets": one.sockets,
        }
        for one in found
    ]
    say_rows(rows, as_json=options.as_json, empty="ccxt knows no exchange")


@add_command(venues, "check", "fairlead venue check binance", "fairlead venue check kraken --json")
def check(options: VenueOptions) -> None:
    """Say what will and will not work at an exchange, before you add keys; nobody is asked.

    Exit code 1: orders cannot be followed to their end there, so none would be sent.
    """
    from fairlead.wiring.surveying import MEANING, Support, UnknownExchangeError, survey

    try:
        found = _with_library(lambda: survey(options.exchange))
    except UnknownExchangeError:
        raise StopError(f"there is no exchange {options.exchange!r}{_alike(options.exchange)}") from None
    meaning = MEANING[found.support]
    if options.as_json:
        say_json(_as_plain(found, meaning))
    else:
        _say_check(found, meaning)
    if found.support is Support.UNSUPPORTED:
        raise StopError(f"{found.name} is not supported: {meaning}")


def _say_check(found: Survey, meaning: str) -> None:
    traded = [name for name, is_traded in (("spot", found.spot), ("perpetuals", found.perpetuals)) if is_traded]
    say(f"{found.name}: {found.support.value}, {meaning}")
    if found.own_venue:
        say("  Fairlead has a venue of its own for it, which does more: prefer that")
    say(f"  trades    {', '.join(traded) or 'nothing that is traded here'}")
    say(f"  keys      {', '.join(found.keys) or 'none'}")
    if found.missing:
        say(f"  missing   {', '.join(found.missing)}")
    width = max((len(one.topic) for one in found.findings), default=0)
    for one in found.findings:
        say(f"  {'works' if one.works else 'NOT':<5}  {one.topic:<{width}}  {one.text}")
    tell("Begin with an amount that you can lose, and with keys that may not withdraw.")


def _as_plain(found: Survey, meaning: str) -> dict[str, object]:
    return {
        "exchange": found.exchange,
        "name": found.name,
        "support": found.support.value,
        "meaning": meaning,
        "own_venue": found.own_venue,
        "spot": found.spot,
        "perpetuals": found.perpetuals,
        "sockets": found.sockets,
        "demo": found.demo,
        "keys": list(found.keys),
        "missing": list(found.missing),
        "findings": [{"topic": one.topic, "works": one.works, "text": one.text} for one in found.findings],
    }


def _alike(name: str) -> str:
    from fairlead.wiring.surveying import survey_all

    close = difflib.get_close_matches(name.lower(), [one.exchange for one in survey_all()], n=3)
    return f"; did you mean {' or '.join(close)}?" if close else "; see fairlead venue list"


def _with_library(ask: Callable[[], Found]) -> Found:
    from fairlead.wiring.surveying import LibraryMissingError

    try:
        return ask()
    except LibraryMissingError as error:
        raise StopError(str(error)) from None
