"""Gather everything that is stored about one alert, request or order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, cast

import msgspec
from sqlalchemy import ColumnElement, and_, or_, select

from fairlead.core.model.account import Balance, Position
from fairlead.core.model.events import VenueOrderBorn
from fairlead.core.model.order import Order
from fairlead.core.model.state import AlertState, RequestState
from fairlead.ports import JournalRow
from fairlead.store.queries.states import (
    find_alert,
    find_order,
    find_order_of_venue,
    find_request,
    load_balances,
    load_orders,
    load_positions,
    load_requests_of,
)
from fairlead.store.rows import StoredRow, decode_row
from fairlead.store.session import Session
from fairlead.store.tables import journal

# Facts without a key stand near the first fact of their alert; this many rows after it are searched for them.
NEARBY_ROWS_MAX: Final = 5_000
ROWS_PER_QUERY_MAX: Final = 10_000
IDS_PER_QUERY_MAX: Final = 100

_Found = dict[int, JournalRow]

# Kinds whose key is an id alone, and kinds whose key is an id, a colon and more.
_KEYED_BY_ALERT: Final = ("AlertHandled",)
_KEYED_BY_REQUEST: Final = ("OrderRequested", "RequestDenied", "RequestSkipped", "RequestExpired", "CancelRequested")
_KEYED_BY_ORDER: Final = (
    "OrderApproved",
    "OrderAccepted",
    "OrderRejected",
    "OrderCanceled",
    "OrderExpired",
)
_KEYED_BY_CAUSE: Final = ("BotDecided",)
_BEGINS_WITH_ALERT: Final = ("AlertDuplicated",)
_BEGINS_WITH_ORDER: Final = ("OrderFilled", "OrderUnknown", "VenueOrderBorn")


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored about a subject: rows in journal order, states by id, holdings of the accounts it touched."""

    subject: str
    alert: AlertState | None = None
    rows: tuple[JournalRow, ...] = ()
    requests: Mapping[str, RequestState] = {}
    orders: Mapping[str, Order] = {}
    positions: tuple[Position, ...] = ()
    balances: tuple[Balance, ...] = ()


async def read_trail(session: Session, subject: str) -> Trail | None:
    """Follow an alert id, request id or order id through everything it caused; None when nothing bears that id.

    An order is found under its venue's id too; then the trail's subject is our own id of it.
    """
    alert, requests, order_ids = await _find_subject(session, subject)
    if alert is None and not requests and not order_ids:
        order = await find_order_of_venue(session, subject)
        return None if order is None else await read_trail(session, order.order_id)
    rows = await _read_rows(session, alert, requests, order_ids)
    orders = await load_orders(session, sorted(order_ids | set(_born_ids(rows))))
    positions: list[Position] = []
    balances: list[Balance] = []
    for account_id in sorted({request.request.account_id for request in requests}):
        positions += await load_positions(session, account_id)
        balances += await load_balances(session, account_id)
    return Trail(
        subject=subject,
        alert=alert,
        rows=tuple(rows),
        requests={request.request.request_id: request for request in requests},
        orders={order.order_id: order for order in orders},
        positions=tuple(positions),
        balances=tuple(balances),
    )


async def _find_subject(session: Session, subject: str) -> tuple[AlertState | None, Sequence[RequestState], set[str]]:
    alert = await find_alert(session, subject)
    if alert is not None:
        requests = await load_requests_of(session, alert.alert_id)
        return alert, requests, {order_id for request in requests for order_id in request.order_ids}
    order = await find_order(session, subject)
    # An order that the venue made belongs to the request of its parent; a liquidation belongs to nobody's.
    asked = await find_order(session, order.parent_id) if order is not None and order.parent_id else order
    request = await find_request(session, subject if asked is None else asked.request_id)
    known = {one.order_id for one in (order, asked) if one is not None}
    if request is None and not known:
        first = await _find_first(session, subject)
        if first is not None:
            return await _find_subject(session, first)
        # What a kill switch asked for bears its id as the cause.
        made = await load_requests_of(session, subject)
        return None, made, {order_id for one in made for order_id in one.order_ids}
    if request is None:
        return None, (), known
    return await find_alert(session, request.request.cause), (request,), known | set(request.order_ids)


async def _find_first(session: Session, repeat_id: str) -> str | None:
    """The alert that a repeat repeated."""
    # The key is the first alert's id, a colon, and the repeat's own id.
    repeats = select(journal.c.cause).where(
        journal.c.tenant == session.tenant,
        journal.c.kind.in_(_BEGINS_WITH_ALERT),
        journal.c.key.endswith(f":{repeat_id}", autoescape=True),
    )
    row = await session.fetch_one(repeats.limit(1))
    return None if row is None else str(row.cause)


async def _read_rows(
    session: Session,
    alert: AlertState | None,
    requests: Sequence[RequestState],
    order_ids: Collection[str],
) -> Sequence[JournalRow]:
    found: _Found = {}
    alert_ids = [] if alert is None else [alert.alert_id]
    if alert is not None:
        await _keep_keyed(session, found, ("AlertReceived",), [alert.duplicate_key])
    await _keep_keyed(session, found, _KEYED_BY_ALERT, alert_ids)
    await _keep_beginning(session, found, _BEGINS_WITH_ALERT, alert_ids)
    await _keep_keyed(session, found, _KEYED_BY_REQUEST, [request.request.request_id for request in requests])
    causes = {request.request.cause for request in requests}
    await _keep_keyed(session, found, _KEYED_BY_CAUSE, sorted(causes))
    causes.update(alert_ids, order_ids, (request.request.request_id for request in requests))
    # What happened to the account as a whole is filed under the account.
    causes.update(request.request.account_id for request in requests)
    await _keep_nearby(session, found, causes)
    born = [order_id for order_id in _born_ids(found.values()) if order_id not in order_ids]
    for ids in (sorted(order_ids), born):
        await _keep_keyed(session, found, _KEYED_BY_ORDER, ids)
        await _keep_beginning(session, found, _BEGINS_WITH_ORDER, ids)
    return [found[seq] for seq in sorted(found)]


async def _keep(session: Session, found: _Found, *conditions: ColumnElement[bool]) -> None:
    query = select(journal).where(journal.c.tenant == session.tenant, *conditions).limit(ROWS_PER_QUERY_MAX)
    for row in await session.fetch_all(query):
        found[row.seq] = decode_row(cast("StoredRow", tuple(row)))


async def _keep_keyed(session: Session, found: _Found, kinds: Sequence[str], keys: Sequence[str]) -> None:
    for chunk in _chunks(keys):
        await _keep(session, found, journal.c.kind.in_(kinds), journal.c.key.in_(chunk))


async def _keep_beginning(session: Session, found: _Found, kinds: Sequence[str], ids: Sequence[str]) -> None:
    for chunk in _chunks(ids):
        # A range and not LIKE, which would not use the index; ";" comes right after ":".
        ranges = [and_(journal.c.key > f"{one}:", journal.c.key < f"{one};") for one in chunk]
        await _keep(session, found, journal.c.kind.in_(kinds), or_(*ranges))


async def _keep_nearby(session: Session, found: _Found, causes: Collection[str]) -> None:
    if found:
        first = min(found)
        nearby = journal.c.seq.between(first, first + NEARBY_ROWS_MAX)
        await _keep(session, found, nearby, journal.c.cause.in_(sorted(causes)))


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + IDS_PER_QUERY_MAX] for start in range(0, len(ids), IDS_PER_QUERY_MAX)]


def _born_ids(rows: Iterable[JournalRow]) -> list[str]:
    return [row.event.report.order_id for row in rows if isinstance(row.event, VenueOrderBorn)]
