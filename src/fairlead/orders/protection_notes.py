"""Writes down who protects an account, whenever that changes and stays so."""

from __future__ import annotations

from typing import Final

import msgspec

from fairlead.core.model.protection import ProtectionChanged
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.protection import Judgement, judge_protection
from fairlead.orders.desk_tools import RecordingDesk
from fairlead.ports import Clock

LOOK_EVERY_MS: Final = 1_000


class _Look(msgspec.Struct, frozen=True):
    """What one look was about, and what it said."""

    book: AccountBook
    subject: tuple[int, bool, bool]
    judgement: Judgement


class ProtectionNotes:
    """A change is believed at the second look in a row: between an entry's fill and its stop lies a moment."""

    def __init__(self, clock: Clock) -> None:
        """Begin without having looked."""
        self._clock = clock
        self._seen: dict[str, _Look] = {}

    def look(self, desk: RecordingDesk, *, is_switch_armed: bool, is_heard: bool) -> None:
        """Look at one account now; ``is_heard``: whether we hear what happens there."""
        book = desk.book
        subject = (book.version, is_switch_armed, is_heard)
        before = self._seen.get(book.account_id)
        # A rebuilt book counts its versions anew.
        if before is not None and before.book is book and before.subject == subject:
            judgement = before.judgement
        else:
            judgement = judge_protection(book, is_switch_armed=is_switch_armed, is_heard=is_heard)
            self._seen[book.account_id] = _Look(book, subject, judgement)
        noted = book.protection
        is_news = noted is None or Judgement(noted.state, noted.reasons) != judgement
        if is_news and before is not None and before.judgement == judgement:
            event = ProtectionChanged(
                account_id=book.account_id,
                state=judgement.state,
                reasons=judgement.reasons,
                at_ms=self._clock.now_ms(),
            )
            desk.record([event])
