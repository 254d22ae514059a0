"""Days in UTC as somebody writes them on the command line."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, TypeAlias

import typer

from fairlead.cli.output import EXIT_USAGE, StopError

if TYPE_CHECKING:
    from fairlead.ports import Clock

DAY_HELP: Final = "A day in UTC: 2026-11-20, today or yesterday."
DayArgument: TypeAlias = Annotated[str, typer.Argument(metavar="DAY", help=DAY_HELP)]
_SHAPE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class Day(NamedTuple):
    """From its first millisecond up to before the first of the next."""

    name: str
    begin_ms: int
    end_ms: int


def read_day(text: str, clock: Clock) -> Day:
    """Read a day.

    Raises:
        StopError: it is none.
    """
    today = datetime.fromtimestamp(clock.now_ms() / 1_000, UTC).date()
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        day = named[text] if text in named else _read_date(text)
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        end = begin + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no day: write one in UTC, such as {today}, or today or yesterday"
        raise StopError(message, EXIT_USAGE) from error
    return Day(day.isoformat(), _ms(begin), _ms(end))


def _read_date(text: str) -> date:
    if not _SHAPE.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000
