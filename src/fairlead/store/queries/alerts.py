"""Alerts as they came in, read back from the journal."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Final, cast

from sqlalchemy import select

from fairlead.core.model.events import AlertHandled, AlertReceived, Event
from fairlead.store.rows import StoredRow, decode_row
from fairlead.store.session import Session
from fairlead.store.tables import alerts, journal

_UNHANDLED: Final = "received"


async def find_received_alert(session: Session, tenant: str, duplicate_key: str) -> AlertReceived | None:
    """The alert of a tenant that was stored under a duplicate key."""
    event = await _find_event(session, tenant, AlertReceived.__name__, duplicate_key)
    return event if isinstance(event, AlertReceived) else None


async def find_handled_alert(session: Session, tenant: str, alert_id: str) -> AlertHandled | None:
    """The verdict of an alert of a tenant."""
    event = await _find_event(session, tenant, AlertHandled.__name__, alert_id)
    return event if isinstance(event, AlertHandled) else None


async def load_unhandled_alerts(system: Session, since_ms: int) -> Sequence[tuple[str, AlertReceived]]:
    """Tenant and alert of all that have no verdict yet, oldest first; needs a system session."""
    query = (
        select(alerts.c.tenant, alerts.c.duplicate_key)
        # The id begins with the time in hexadecimal, so the primary key finds the place.
        .where(alerts.c.alert_id >= f"{max(since_ms, 0):011x}", alerts.c.verdict == _UNHANDLED)
        .order_by(alerts.c.alert_id)
    )
    found: list[tuple[int, str, AlertReceived]] = []
    for alert in await system.fetch_all(query):
        row = await _find_row(system, alert.tenant, AlertReceived.__name__, alert.duplicate_key)
        event = None if row is None else decode_row(row).event
        if row is not None and isinstance(event, AlertReceived):
            found.append((row[0], alert.tenant, event))
    # Of one millisecond the journal alone knows who came first.
    found.sort(key=itemgetter(0))
    return [(tenant, event) for _, tenant, event in found]


async def _find_event(session: Session, tenant: str, kind: str, key: str) -> Event | None:
    row = await _find_row(session, tenant, kind, key)
    return None if row is None else decode_row(row).event


async def _find_row(session: Session, tenant: str, kind: str, key: str) -> StoredRow | None:
    query = select(journal).where(journal.c.tenant == tenant, journal.c.kind == kind, journal.c.key == key)
    row = await session.fetch_one(query)
    return None if row is None else cast("StoredRow", tuple(row))
