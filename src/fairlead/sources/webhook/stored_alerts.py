"""Reads alerts, requests and orders back from the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from sqlalchemy import select

from fairlead.core.model.events import AlertReceived
from fairlead.core.model.order import Order
from fairlead.core.model.state import AlertState, RequestState
from fairlead.sources.webhook.seams import StoredAlert
from fairlead.store.queries.states import find_alert, find_request, load_alerts_since, load_orders
from fairlead.store.rows import StoredRow, decode_row
from fairlead.store.session import Session, Store
from fairlead.store.tables import alerts, journal

RECEIVED: Final = "received"


class StoredAlerts:
    """Answers the webhook source's questions from the tables."""

    def __init__(self, store: Store) -> None:
        """Read one database."""
        self._store = store

    async def find_alert(self, tenant: str, alert_id: str) -> AlertState | None:
        """One alert by its id."""
        async with self._store.session(tenant) as session:
            return await find_alert(session, alert_id)

    async def find_alert_by_key(self, tenant: str, duplicate_key: str) -> AlertState | None:
        """The alert that holds a duplicate key."""
        async with self._store.session(tenant) as session:
            event = await _find_received(session, tenant, duplicate_key)
            return await find_alert(session, event.alert_id) if event is not None else None

    async def find_requests(self, tenant: str, request_ids: Sequence[str]) -> Sequence[RequestState]:
        """Requests by their ids."""
        async with self._store.session(tenant) as session:
            found = [await find_request(session, request_id) for request_id in request_ids]
        return [request for request in found if request is not None]

    async def find_orders(self, tenant: str, order_ids: Sequence[str]) -> Sequence[Order]:
        """Orders by their ids."""
        async with self._store.session(tenant) as session:
            return await load_orders(session, order_ids)

    async def read_recent(self, since_ms: int) -> Sequence[AlertState]:
        """Alerts of all tenants since a moment, oldest first."""
        async with self._store.system_session() as session:
            return await load_alerts_since(session, since_ms)

    async def read_unhandled(self, since_ms: int) -> Sequence[StoredAlert]:
        """Alerts of all tenants since a moment that have no verdict yet, oldest first."""
        async with self._store.system_session() as session:
            query = (
                select(alerts.c.tenant, alerts.c.duplicate_key)
                # The id begins with the time in hexadecimal, so the primary key finds the place.
                .where(alerts.c.alert_id >= f"{max(since_ms, 0):011x}", alerts.c.verdict == RECEIVED)
                .order_by(alerts.c.alert_id)
            )
            found = []
            for row in await session.fetch_all(query):
                event = await _find_received(session, row.tenant, row.duplicate_key)
                if event is not None:
                    found.append(StoredAlert(tenant=row.tenant, received=event))
            return found


async def _find_received(session: Session, tenant: str, duplicate_key: str) -> AlertReceived | None:
    query = select(journal).where(
        journal.c.tenant == tenant,
        journal.c.kind == AlertReceived.__name__,
        journal.c.key == duplicate_key,
    )
    row = await session.fetch_one(query)
    event = decode_row(cast("StoredRow", tuple(row))).event if row is not None else None
    return event if isinstance(event, AlertReceived) else None
