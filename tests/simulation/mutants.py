"""Products with one thing done wrong: the simulation is worth something only if it catches each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final
from unittest.mock import patch

import msgspec

from fairlead.core.model import ids
from fairlead.core.model.events import AlertReceived, OrderApproved
from fairlead.core.model.order import ApprovedOrder
from fairlead.core.model.reports import PlaceOutcome, Unknown
from fairlead.ports import AppendOutcome, Committed, Journal, Unit, Venue, VenueCapabilities
from tests.passing_journal import PassingJournal
from tests.simulation.server import Mutant


class HastyJournal(PassingJournal):
    """Says of some facts that they are stored before they are."""

    def __init__(self, journal: Journal, *kinds: type) -> None:
        """Lie about facts of these kinds."""
        super().__init__(journal)
        self._kinds = kinds

    def append(self, unit: Unit, on_done: Callable[[AppendOutcome], None]) -> None:
        if any(isinstance(fact.event, self._kinds) for fact in unit.facts):
            super().append(unit, lambda _: None)
            asyncio.get_running_loop().call_soon(on_done, Committed(last_seq=0))
        else:
            super().append(unit, on_done)


class PassingVenue:
    """A venue that passes everything on; whatever is not said here is said by the venue behind."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.listen = venue.listen
        self.cancel_order = venue.cancel_order
        self.set_leverage = venue.set_leverage
        self.find_order = venue.find_order
        self.read_account = venue.read_account
        self.position_mode = venue.position_mode

    @property
    def capabilities(self) -> VenueCapabilities:
        return self._venue.capabilities

    async def place_order(self, approved: ApprovedOrder) -> PlaceOutcome:
        return await self._venue.place_order(approved)


class ResendingVenue(PassingVenue):
    """Takes a time-out for an answer, and sends the same order again."""

    async def place_order(self, approved: ApprovedOrder) -> PlaceOutcome:
        outcome = await super().place_order(approved)
        return await super().place_order(approved) if isinstance(outcome, Unknown) else outcome


class TrustingVenue(PassingVenue):
    """Believes "no such order" at once, although the request may still be under way."""

    @property
    def capabilities(self) -> VenueCapabilities:
        return msgspec.structs.replace(super().capabilities, late_arrivals=False)


def _one_id_for_all(*, cause_at_ms: int, request: str, leg: int) -> str:
    return ids.derive_id(0, "order", str(leg))


def _drawn_ids() -> AbstractContextManager[object]:
    numbers = iter(range(1, 1_000_000))
    return patch.object(ids, "client_order_id", lambda **_: ids.derive_id(0, "drawn", str(next(numbers))))


SEND_BEFORE_JOURNAL: Final = Mutant(journal=lambda journal: HastyJournal(journal, OrderApproved))
ANSWER_BEFORE_JOURNAL: Final = Mutant(journal=lambda journal: HastyJournal(journal, AlertReceived))
RESEND_ON_TIME_OUT: Final = Mutant(venue=ResendingVenue)
NO_DEADLINE_AWAITED: Final = Mutant(venue=TrustingVenue)
ID_REUSED: Final = Mutant(patch=lambda: patch.object(ids, "client_order_id", _one_id_for_all))
ID_DRAWN: Final = Mutant(patch=_drawn_ids)

MUTANTS: Final = {
    "send before journal": SEND_BEFORE_JOURNAL,
    "answer before journal": ANSWER_BEFORE_JOURNAL,
    "resend on time-out": RESEND_ON_TIME_OUT,
    "no deadline awaited": NO_DEADLINE_AWAITED,
    "id reused": ID_REUSED,
    "id drawn": ID_DRAWN,
}
