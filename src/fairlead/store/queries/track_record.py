"""How long an account has been at work, and what it did, counted from the journal."""

from __future__ import annotations

import msgspec
from sqlalchemy import func, select

from fairlead.store.session import Session
from fairlead.store.tables import journal


class TrackRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``first_ms`` is the time of the first fact, None before one; ``lifted`` counts kill switches ever lifted."""

    first_ms: int | None
    fills: int
    lifted: int


async def read_track_record(system: Session, stream: str) -> TrackRecord:
    """Count what a stream of the journal holds; needs a system session."""
    own = journal.c.stream == stream
    first = await system.fetch_one(select(journal.c.at_ms).where(own).order_by(journal.c.seq).limit(1))
    fills = await system.fetch_one(select(func.count()).where(own, journal.c.kind == "OrderFilled"))
    lifted = await system.fetch_one(select(func.count()).where(journal.c.kind == "KillSwitchCleared"))
    return TrackRecord(
        first_ms=None if first is None else first.at_ms,
        fills=0 if fills is None else fills[0],
        lifted=0 if lifted is None else lifted[0],
    )
