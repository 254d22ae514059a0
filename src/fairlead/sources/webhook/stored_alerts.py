"""Reads alerts, requests and orders back from the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError

from fairlead.core.model.events import AlertHandled
from fairlead.core.model.order import Order
from fairlead.core.model.state import AlertState, RequestState
from fairlead.sources.webhook.seams import StoredAlert, UnreadableError
from fairlead.store.queries.alerts import find_handled_alert, find_received_alert, load_unhandled_alerts
from fairlead.store.queries.states import find_alert, load_alerts_since, load_orders, load_requests
from fairlead.store.session import Session, Store


class StoredAlerts:
    """Answers the webhook source's questions from the tables."""

    def __init__(self, store: Store) -> None:
        """Read one database."""
        self._store = store

    async def find_alert(self, tenant: str, alert_id: str) -> AlertState | None:
        """One alert by its id."""
        async with self._session(tenant) as session:
            return await find_alert(session, alert_id)

    async def find_alert_by_key(self, tenant: str, duplicate_key: str) -> AlertState | None:
        """The alert that holds a duplicate key."""
        async with self._session(tenant) as session:
            event = await find_received_alert(session, tenant, duplicate_key)
            return await find_alert(session, event.alert_id) if event is not None else None

    async def find_verdict(self, tenant: str, alert_id: str) -> AlertHandled | None:
        """What became of an alert at the edge."""
        async with self._session(tenant) as session:
            return await find_handled_alert(session, tenant, alert_id)

    async def find_requests(self, tenant: str, request_ids: Sequence[str]) -> Sequence[RequestState]:
        """Requests by their ids."""
        async with self._session(tenant) as session:
            return await load_requests(session, request_ids)

    async def find_orders(self, tenant: str, order_ids: Sequence[str]) -> Sequence[Order]:
        """Orders by their ids."""
        async with self._session(tenant) as session:
            return await load_orders(session, order_ids)

    async def read_recent(self, since_ms: int) -> Sequence[AlertState]:
        """Alerts of all tenants since a moment, oldest first."""
        async with self._store.system_session() as session:
            return await load_alerts_since(session, since_ms)

    async def read_unhandled(self, since_ms: int) -> Sequence[StoredAlert]:
        """Alerts of all tenants since a moment that have no verdict yet, oldest first."""
        async with self._store.system_session() as session:
            found = await load_unhandled_alerts(session, since_ms)
            return [StoredAlert(tenant=tenant, received=event) for tenant, event in found]

    @asynccontextmanager
    async def _session(self, tenant: str) -> AsyncIterator[Session]:
        try:
            async with self._store.session(tenant) as session:
                yield session
        except SQLAlchemyError as error:
            raise UnreadableError(type(error).__name__) from error
