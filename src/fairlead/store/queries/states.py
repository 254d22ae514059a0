"""Read back what the journal's facts add up to: open orders, holdings, requests, alerts.

Start-up reads with a system session and sees every tenant; everybody else sees the session's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from msgspec import json
from sqlalchemy import ColumnElement, Integer, Table, literal_column, select, true

from fairlead.core.model.account import Balance, Position
from fairlead.core.model.order import Order
from fairlead.core.model.state import AlertState, RequestState, State
from fairlead.store.projections import read_as
from fairlead.store.session import SYSTEM, Session
from fairlead.store.tables import alerts, balances, orders, positions, requests

ROWS_PER_READ_MAX: Final = 1_000
VENUE_IDS_SEARCHED_MAX: Final = 50_000
S = TypeVar("S", bound=State)

# Written out, because a bound parameter would hide the partial index from SQLite's planner.
_YES: Final[ColumnElement[int]] = literal_column("1", Integer)
IS_OPEN: Final[ColumnElement[bool]] = orders.c.is_open == _YES
IS_PENDING: Final[ColumnElement[bool]] = requests.c.is_pending == _YES


async def load_open_orders(session: Session, account_id: str | None = None) -> Sequence[Order]:
    """Orders that are not terminal, oldest first."""
    return await _load(session, orders, Order, IS_OPEN, _of_account(orders, account_id))


async def load_pending_requests(session: Session, account_id: str | None = None) -> Sequence[RequestState]:
    """Requests that wait, or will plan further legs, oldest first."""
    conditions = IS_PENDING, _of_account(requests, account_id)
    return await _load(session, requests, RequestState, *conditions)


async def load_positions(session: Session, account_id: str | None = None) -> Sequence[Position]:
    """Positions, closed ones too, by account, symbol and side."""
    return await _load(session, positions, Position, _of_account(positions, account_id))


async def load_balances(session: Session, account_id: str | None = None) -> Sequence[Balance]:
    """Balances by account and currency."""
    return await _load(session, balances, Balance, _of_account(balances, account_id))


async def load_alerts_since(session: Session, since_ms: int) -> Sequence[AlertState]:
    """Alerts received at or after a moment (UTC milliseconds), oldest first."""
    # The id begins with the time in hexadecimal, so the primary key finds the place; the column has the last word.
    first_id = f"{since_ms:011x}"
    return await _load(session, alerts, AlertState, alerts.c.alert_id >= first_id, alerts.c.received_ms >= since_ms)


async def find_alert(session: Session, alert_id: str) -> AlertState | None:
    """One alert."""
    return _only(await _load(session, alerts, AlertState, alerts.c.alert_id == alert_id))


async def find_request(session: Session, request_id: str) -> RequestState | None:
    """One request."""
    return _only(await _load(session, requests, RequestState, requests.c.request_id == request_id))


async def find_order(session: Session, order_id: str) -> Order | None:
    """One order."""
    return _only(await _load(session, orders, Order, orders.c.order_id == order_id))


async def load_requests_of(session: Session, cause: str) -> Sequence[RequestState]:
    """Requests that a cause (an alert) made, by id."""
    return await _load(session, requests, RequestState, requests.c.cause == cause)


async def load_orders(session: Session, order_ids: Sequence[str]) -> Sequence[Order]:
    """Orders by their ids; unknown ones are left out."""
    return await _load(session, orders, Order, orders.c.order_id.in_(order_ids))


async def load_requests(session: Session, request_ids: Sequence[str]) -> Sequence[RequestState]:
    """Requests by their ids; unknown ones are left out."""
    return await _load(session, requests, RequestState, requests.c.request_id.in_(request_ids))


async def load_orders_since(session: Session, since_ms: int, account_id: str) -> Sequence[Order]:
    """Orders of an account whose cause is not older than a moment (UTC milliseconds), oldest first."""
    # The id begins with the time of the cause in hexadecimal, so the primary key finds the place.
    return await _load(
        session, orders, Order, orders.c.order_id >= f"{since_ms:011x}", orders.c.account_id == account_id
    )


async def load_recent_alerts(session: Session, rows_max: int, *, before: str = "~") -> Sequence[AlertState]:
    """The newest alerts, newest first; ``before`` is the last id of the page before."""
    return await _load_newest(session, alerts, AlertState, alerts.c.alert_id < before, rows_max)


async def load_recent_orders(session: Session, rows_max: int, *, before: str = "~") -> Sequence[Order]:
    """The newest orders, newest first; ``before`` is the last id of the page before."""
    return await _load_newest(session, orders, Order, orders.c.order_id < before, rows_max)


async def find_order_of_venue(session: Session, venue_order_id: str) -> Order | None:
    """The newest order that a venue knows under this id, among the tenant's newest ``VENUE_IDS_SEARCHED_MAX``.

    Read through from the newest on: a person asks this seldom, and an index would make every order dearer.
    """
    needle = json.encode(venue_order_id)
    query = select(orders.c.order_id, orders.c.body).where(_of_tenant(session, orders))
    query = query.order_by(orders.c.order_id.desc()).limit(ROWS_PER_READ_MAX)
    page = await session.fetch_all(query)
    for _ in range(VENUE_IDS_SEARCHED_MAX // ROWS_PER_READ_MAX):
        found = (read_as(Order, row.body) for row in page if needle in bytes(row.body))
        order = next((order for order in found if order.venue_order_id == venue_order_id), None)
        if order is not None or len(page) < ROWS_PER_READ_MAX:
            return order
        page = await session.fetch_all(query.where(orders.c.order_id < page[-1].order_id))
    return None


async def _load(session: Session, table: Table, kind: type[S], *conditions: ColumnElement[bool]) -> Sequence[S]:
    keys = table.primary_key.columns
    query = select(table.c.body).where(_of_tenant(session, table), *conditions).order_by(*keys)
    return [read_as(kind, row.body) for row in await session.fetch_all(query)]


async def _load_newest(
    session: Session,
    table: Table,
    kind: type[S],
    condition: ColumnElement[bool],
    rows_max: int,
) -> Sequence[S]:
    (key,) = table.primary_key.columns
    query = select(table.c.body).where(_of_tenant(session, table), condition).order_by(key.desc())
    found = await session.fetch_all(query.limit(min(rows_max, ROWS_PER_READ_MAX)))
    return [read_as(kind, row.body) for row in found]


def _of_tenant(session: Session, table: Table) -> ColumnElement[bool]:
    return true() if session.tenant == SYSTEM else table.c.tenant == session.tenant


def _of_account(table: Table, account_id: str | None) -> ColumnElement[bool]:
    return true() if account_id is None else table.c.account_id == account_id


def _only(found: Sequence[S]) -> S | None:
    return found[0] if found else None
