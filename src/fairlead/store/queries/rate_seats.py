"""Who uses which part of a venue's rate limits, of all processes that share this database."""

from __future__ import annotations

import msgspec
from sqlalchemy import insert, select, update

from fairlead.store.link_tables import rate_seats
from fairlead.store.session import Session, values_of


class RateSeat(msgspec.Struct, frozen=True, kw_only=True):
    """One seat: its name, who has it, and when (UTC, ms) the next one may have it."""

    name: str
    holder: str
    free_ms: int


async def read_seat(system: Session, name: str) -> RateSeat | None:
    """Who has a seat; needs a system session."""
    row = await system.fetch_one(select(rate_seats).where(rate_seats.c.name == name))
    return None if row is None else msgspec.convert(values_of(row), RateSeat)


async def write_seat(system: Session, seat: RateSeat, before: RateSeat | None) -> bool:
    """Change a seat if it is still as it was; False when it is not. Needs a system session that writes.

    Raises:
        sqlalchemy.exc.DBAPIError: somebody else changed it at the same moment, or the database refused.
    """
    if before is None:
        await system.execute(insert(rate_seats), [msgspec.structs.asdict(seat)])
        return True
    same = (
        rate_seats.c.name == before.name,
        rate_seats.c.holder == before.holder,
        rate_seats.c.free_ms == before.free_ms,
    )
    changed = await system.execute(update(rate_seats).where(*same).values(holder=seat.holder, free_ms=seat.free_ms))
    return changed.rowcount == 1
