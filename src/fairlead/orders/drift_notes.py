"""Compares an account with its venue's report, and writes down what is new or gone."""

from __future__ import annotations

import msgspec

from fairlead.core.model import events as ev
from fairlead.core.model.drift import Drift
from fairlead.core.model.reports import AccountReport
from fairlead.core.rules.drift import Sightings, find_drifts, next_drifts, sight
from fairlead.core.rules.drift_list import texts_of
from fairlead.orders.desk_tools import DeskTools, RecordingDesk


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one comparison says: the account's drifts from now on, what was seen, and whether any of it is new."""

    drifts: tuple[Drift, ...]
    seen: Sightings
    is_news: bool


def compare(desk: RecordingDesk, tools: DeskTools, report: AccountReport, before: Sightings | None) -> Look:
    """Compare a report of now with the book.

    ``before`` is what earlier looks have seen; None believes what is found at once, as after a start, when everything
    that may still be under way was asked about.
    """
    book = desk.book
    found = find_drifts(book, report, desk.market.instruments, tools.clock.now_ms())
    seen = sight(before or {}, found)
    drifts = next_drifts(book.drifts.values(), found, None if before is None else seen)
    # A book of an older version has lines and no drifts.
    is_news = drifts != tuple(book.drifts.values()) or texts_of(drifts) != book.drift
    return Look(drifts=drifts, seen=seen, is_news=is_news)


def note(desk: RecordingDesk, tools: DeskTools, look: Look) -> None:
    """Write down what a comparison found, if it is news."""
    if look.is_news:
        event = ev.DriftFound(
            account_id=desk.book.account_id,
            differences=texts_of(look.drifts),
            at_ms=tools.clock.now_ms(),
            drifts=look.drifts,
        )
        desk.record([event])
