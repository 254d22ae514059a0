"""A journal in a real server process that kills the process at a chosen append."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from fairlead.ports import AppendOutcome, Journal, Unit
from tests.passing_journal import PassingJournal

# Enough for a call to leave, and less than an exchange with a network in between needs for its answer.
ACTED_S: Final = 0.002


class Moment(StrEnum):
    """Where in the life of a unit the process dies.

    ``before``: nothing of it is stored. ``after``: it is stored and nobody has heard of it. ``told``: whoever
    appended it has just acted on it, so that a call may have left for the venue, and no answer was taken.
    """

    BEFORE = "before"
    AFTER = "after"
    TOLD = "told"


class Point(msgspec.Struct, frozen=True):
    """A place to die: the n-th unit with facts, counted from the first one after the start."""

    moment: Moment
    number: int


def parse_point(text: str) -> Point:
    moment, _, number = text.partition(" ")
    return Point(Moment(moment), int(number))


class DyingJournal(PassingJournal):
    """Passes everything on until its point is reached."""

    def __init__(self, journal: Journal, point: Point) -> None:
        super().__init__(journal)
        self._point = point
        self._appended = 0

    def append(self, unit: Unit, on_done: Callable[[AppendOutcome], None]) -> None:
        self._appended += bool(unit.facts)
        if not unit.facts or self._appended != self._point.number:
            self._journal.append(unit, on_done)
            return
        if self._point.moment is Moment.BEFORE:
            die()

        def tell(outcome: AppendOutcome) -> None:
            if self._point.moment is Moment.AFTER:
                die()
            on_done(outcome)
            asyncio.get_running_loop().call_later(ACTED_S, die)

        self._journal.append(unit, tell)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
