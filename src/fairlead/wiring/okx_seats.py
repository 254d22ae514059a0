"""Lets the processes of one database see who has which seat at OKX's limits."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fairlead.observing.figures import LimitFigures
from fairlead.orders.recover import VenueUnreachableError
from fairlead.ports import Clock
from fairlead.store.queries.rate_seats import RateSeat, read_seat, write_seat
from fairlead.store.session import Store
from fairlead.venues.okx.governor import RateGovernor, Share, Usage
from fairlead.venues.okx.seats import LimitSeats, Seat

_log = structlog.get_logger("fairlead")


class StoredSeatBook:
    """The seats as rows of the database."""

    def __init__(self, store: Store) -> None:
        """Use short sessions of its own."""
        self._store = store

    async def read(self, share: Share) -> Seat | None:
        """Who has it.

        Raises:
            VenueUnreachableError: the database does not tell, so nothing may be sent.
        """
        try:
            async with self._store.system_session() as system:
                row = await read_seat(system, share.value)
        except SQLAlchemyError as error:
            raise VenueUnreachableError("the database does not tell who uses the rate limits of OKX") from error
        return None if row is None else Seat(share=share, holder=row.holder, free_ms=row.free_ms)

    async def write(self, seat: Seat, before: Seat | None) -> bool:
        """Write it if nobody else has meanwhile."""
        known = None if before is None else _as_row(before)
        try:
            async with self._store.system_session(writes=True) as system:
                return await write_seat(system, _as_row(seat), known)
        except SQLAlchemyError as error:
            # Two at the same moment are a failure to some databases: then somebody else has it now.
            _log.info("rate_seat_not_written", seat=seat.share.value, cause=type(error).__name__)
            return False


def open_seats(store: Store, governor: RateGovernor, clock: Clock) -> LimitSeats:
    """The seats as this process sees them."""
    holder = f"{platform.node()[:64]}:{os.getpid()}:{clock.now_ms()}"
    return LimitSeats(StoredSeatBook(store), governor, clock, holder=holder)


def gather_limits(governor: RateGovernor) -> Sequence[LimitFigures]:
    """How much of the limits is in use, all accounts and instruments of an endpoint together."""
    rows = governor.usage()
    waiting: Counter[str] = Counter()
    fullest: dict[str, Usage] = {}
    for row in rows:
        waiting[row.endpoint] += row.waiting
        fullest[row.endpoint] = max(fullest.get(row.endpoint, row), row, key=lambda one: one.used / max(one.usable, 1))
    return [
        LimitFigures(
            endpoint=endpoint,
            used=row.used,
            usable=row.usable,
            waiting=waiting[endpoint],
            refused=governor.refused[endpoint],
        )
        for endpoint, row in sorted(fullest.items())
    ]


def _as_row(seat: Seat) -> RateSeat:
    return RateSeat(name=seat.share.value, holder=seat.holder, free_ms=seat.free_ms)
