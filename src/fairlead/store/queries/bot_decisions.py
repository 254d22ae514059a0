"""What a bot decided, read back from the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from sqlalchemy import select

from fairlead.core.model.bots.events import BotDecided
from fairlead.store.rows import StoredRow, decode_row
from fairlead.store.session import Session
from fairlead.store.tables import journal

DECISIONS_READ_MAX: Final = 10_000
"""So far back a bot's past is read; a bot that fills every minute makes that many in some days."""


async def load_decisions(session: Session, bot_id: str, *, newest: int = DECISIONS_READ_MAX) -> Sequence[BotDecided]:
    """The newest decisions of a bot of the tenant, oldest first."""
    # The key is the bot's id, a colon and the decision's number; ";" comes right after ":".
    query = select(journal).where(
        journal.c.tenant == session.tenant,
        journal.c.kind == BotDecided.__name__,
        journal.c.key > f"{bot_id}:",
        journal.c.key < f"{bot_id};",
    )
    rows = await session.fetch_all(query.order_by(journal.c.seq.desc()).limit(newest))
    events = [decode_row(cast("StoredRow", tuple(row))).event for row in reversed(rows)]
    return [event for event in events if isinstance(event, BotDecided)]
