"""What must hold once everything is quiet, counted on the exchange's side; one sentence for each thing amiss."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model import events as ev
from fairlead.core.model.account import PositionSide, VenueAccount
from fairlead.core.model.ids import client_order_id
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.request import Enter, Side
from fairlead.core.model.state import AlertState, RequestState, RequestStatus
from fairlead.core.rules.account_book import AccountBook
from fairlead.orders.facts import account_stream
from fairlead.ports import JournalRow
from fairlead.simulator import orders as sim
from fairlead.sources.webhook.stored_alerts import StoredAlerts
from fairlead.store.queries import states
from fairlead.venues.paper import wire
from tests.simulation.cast import TENANTS, Sent
from tests.simulation.exchange_side import ExchangeSide
from tests.simulation.server import Server

# No request has more orders than this: its steps, and what was tried again after it never arrived.
LEGS_MAX: Final = 12
NEVER_THERE: Final = frozenset({OrderStatus.REJECTED, OrderStatus.EXPIRED})


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at: a live server, both ends of its accounts, all rows of its journal, all that was sent."""

    server: Server
    sides: dict[str, ExchangeSide]
    rows: Sequence[JournalRow]
    sent: Sequence[Sent]


async def find_problems(evidence: Evidence) -> list[str]:
    """Everything that went wrong."""
    server = evidence.server
    found: list[str] = []
    for account in server.site.directory.list_all_accounts():
        side = evidence.sides[account.account_id]
        async with server.store.session(account.tenant) as session:
            ours = await states.load_orders_since(session, 0, account.account_id)
        requests = await _requests_of(evidence, account)
        theirs = side.orders(account.account_id)
        lines = [
            *_check_twice(theirs),
            *_check_known(ours, theirs),
            *_check_wished(requests, theirs),
            *_check_settled(ours, requests, side),
            *_check_fills(evidence, account),
            *await _check_book(evidence, account),
        ]
        found += [f"{account.label} ({side.kind.name}): {line}" for line in lines]
    return [*found, *await _check_answers(evidence), *await _check_tenants(evidence)]


async def _requests_of(evidence: Evidence, account: VenueAccount) -> list[RequestState]:
    ids = [row.event.request.request_id for row in evidence.rows if isinstance(row.event, ev.OrderRequested)]
    async with evidence.server.store.session(account.tenant) as session:
        found = await states.load_requests(session, ids)
    return [state for state in found if state.request.account_id == account.account_id]


def _check_twice(theirs: Sequence[sim.Order]) -> Iterator[str]:
    """No id was taken twice."""
    for order_id, times in Counter(wire.order_id_of(order) for order in theirs).items():
        if times > 1:
            yield f"the exchange has {times} orders of {order_id}"


def _check_known(ours: Sequence[Order], theirs: Sequence[sim.Order]) -> Iterator[str]:
    """Every order of the exchange is known to us with the same fills, and the reverse."""
    held = {wire.order_id_of(order): order.filled_quantity for order in theirs}
    known = {order.order_id: order.filled_quantity for order in ours if order.venue_order_id}
    for order_id in sorted({*held, *known}):
        if held.get(order_id) != known.get(order_id):
            yield f"order {order_id}: we say {known.get(order_id)} is filled, the exchange says {held.get(order_id)}"
    open_there = {wire.order_id_of(order) for order in theirs if order.is_pending}
    for order in ours:
        if order.venue_order_id and order.is_terminal is (order.order_id in open_there):
            yield f"order {order.order_id}: {order.status} with us, {order.order_id in open_there=}"


def _check_wished(requests: Sequence[RequestState], theirs: Sequence[sim.Order]) -> Iterator[str]:
    """Each order belongs to a request by the id derived from it, and together they are no more than was asked for."""
    filled = {order.client_order_id: order.filled_quantity for order in theirs if not order.parent_id}
    for state in requests:
        request = state.request
        ids = [
            client_order_id(cause_at_ms=request.cause_at_ms, request=request.request_id, leg=leg)
            for leg in range(LEGS_MAX)
        ]
        done = sum((filled.pop(order_id, ZERO) for order_id in ids), ZERO)
        if isinstance(request.intent, Enter) and done > request.intent.size.amount:
            yield f"request {request.request_id}: {done} is filled, {request.intent.size.amount} was asked for"
    for order_id in sorted(filled):
        if order_id:
            yield f"order {order_id}: nobody asked for it"


def _check_settled(ours: Sequence[Order], requests: Sequence[RequestState], side: ExchangeSide) -> Iterator[str]:
    """Nobody waits for ever; a doubt may last only where nothing can prove that an order never arrived."""
    doubts = {order.request_id for order in ours if order.status is OrderStatus.UNKNOWN and not side.kind.deadlines}
    for state in requests:
        is_open = state.is_pending or state.status is RequestStatus.UNKNOWN
        if is_open and state.request.request_id not in doubts:
            yield f"request {state.request.request_id} is {state.status}"
    for order in ours:
        in_doubt = order.status in {OrderStatus.IN_FLIGHT, OrderStatus.UNKNOWN}
        if in_doubt and (side.kind.deadlines or order.status is OrderStatus.IN_FLIGHT):
            yield f"order {order.order_id} is {order.status}"
        elif not order.venue_order_id and not in_doubt and order.status not in NEVER_THERE:
            yield f"order {order.order_id} is {order.status}, and the exchange has never heard of it"


def _check_fills(evidence: Evidence, account: VenueAccount) -> Iterator[str]:
    """The fills in the journal add up to what the exchange says is held."""
    orders: dict[str, PositionSide] = {}
    sides: dict[str, Side] = {}
    sums: defaultdict[tuple[str, PositionSide], Decimal] = defaultdict(Decimal)
    for row in evidence.rows:
        event = row.event
        if row.stream != account_stream(account.account_id):
            continue
        if isinstance(event, ev.OrderApproved):
            orders[event.order.order_id] = event.order.position_side
            sides[event.order.order_id] = event.order.side
        elif isinstance(event, ev.VenueOrderBorn):
            orders[event.report.order_id] = event.report.position_side
            sides[event.report.order_id] = event.report.side
        elif isinstance(event, ev.OrderFilled):
            fill = event.fill
            sign = 1 if sides[fill.order_id] is Side.BUY else -1
            sums[fill.symbol, orders[fill.order_id]] += sign * fill.quantity
    exchange = evidence.sides[account.account_id].exchange
    held = {
        (row.symbol, row.position_side): row.signed_quantity for row in exchange.accounts.positions(account.account_id)
    }
    for key in sorted({*sums, *held}):
        if not exchange.instruments[key[0]].is_spot and sums.get(key, ZERO) != held.get(key, ZERO):
            yield f"{key[0]} {key[1]}: our fills add up to {sums.get(key, ZERO)}, held is {held.get(key, ZERO)}"


async def _check_book(evidence: Evidence, account: VenueAccount) -> list[str]:
    """The book is the exchange's, also as a restart would find it."""
    desk = evidence.server.trading.floor.find(account.account_id)
    if desk is None:
        return ["its desk is not open"]
    book = desk.book
    await evidence.server.trading.compare(desk)
    # What it has just learned is stored before somebody reads it.
    await evidence.server.store_all()
    lines = [f"drift: {line}" for line in book.drift if not line.startswith("balance ")]
    lines += _check_cash(evidence, account, book)
    for row in evidence.sides[account.account_id].exchange.accounts.positions(account.account_id):
        position = book.positions.get((row.symbol, row.position_side))
        if position is not None and position.entry_price != row.entry_price:
            lines.append(f"{row.symbol}: entered at {position.entry_price} with us, at {row.entry_price} there")
        if position is not None and position.leverage != row.leverage:
            lines.append(f"{row.symbol}: leverage {position.leverage} with us, {row.leverage} there")
    rebuilt = await evidence.server.trading.load_book(account)
    for name in ("balances", "positions", "orders", "requests", "leverages"):
        if getattr(rebuilt, name) != getattr(book, name):
            lines.append(f"a restart would find other {name}: {getattr(rebuilt, name)} for {getattr(book, name)}")
    return lines


def _check_cash(evidence: Evidence, account: VenueAccount, book: AccountBook) -> Iterator[str]:
    """Cash is the exchange's but for what moved while we were not there, and the book says so."""
    side = evidence.sides[account.account_id]
    # The key of an adjustment is its account's own: two accounts may have the same.
    heard = {
        row.event.adjustment
        for row in evidence.rows
        if isinstance(row.event, ev.CashAdjusted) and row.stream == account_stream(account.account_id)
    }
    missed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for key, report in side.tapes[account.account_id].adjustments.items():
        if key not in heard:
            missed[report.currency] += report.amount
    for currency, theirs in side.exchange.accounts.balances(account.account_id).items():
        ours = book.balances[currency].total if currency in book.balances else ZERO
        if ours + missed[currency] != theirs.total:
            yield f"cash {currency}: ours {ours}, missed {missed[currency]}, theirs {theirs.total}"
        if ours != theirs.total and not any(f"balance {currency}" in line for line in book.drift):
            yield f"cash {currency}: a difference that nobody noted"


async def _check_answers(evidence: Evidence) -> list[str]:
    """What was answered was stored, judged, and asked of every account."""
    lines: list[str] = []
    alerts: dict[str, AlertState] = {}
    for tenant in TENANTS:
        async with evidence.server.store.session(tenant) as session:
            alerts |= {state.alert_id: state for state in await states.load_alerts_since(session, 0)}
    asked = Counter(row.event.request.cause for row in evidence.rows if isinstance(row.event, ev.OrderRequested))
    for one in evidence.sent:
        names = {answer.answer.duplicate_of or answer.answer.request_id for answer in one.answers}
        if len(names) > 1:
            lines.append(f"{one.alert} was taken as several: {sorted(names)}")
        for name in names:
            state = alerts.get(name)
            if state is None or state.verdict == "received":
                lines.append(f"{one.alert} was answered, and is {'gone' if state is None else 'not handled'}")
            elif not asked[name] or asked[name] != len(state.request_ids):
                lines.append(f"{one.alert} was answered, and made {asked[name]} requests")
    return lines


async def _check_tenants(evidence: Evidence) -> list[str]:
    """Nobody sees another's: rows carry their owner, and a question of another tenant finds nothing."""
    lines: list[str] = []
    accounts = {one.account_id: one for one in evidence.server.site.directory.list_all_accounts()}
    owners = {account_stream(account_id): account.tenant for account_id, account in accounts.items()}
    lines += [
        f"row {row.seq} of {row.stream} belongs to {row.tenant}"
        for row in evidence.rows
        if owners.get(row.stream, row.tenant) != row.tenant
    ]
    reader = StoredAlerts(evidence.server.store)
    alerts = [row for row in evidence.rows if isinstance(row.event, ev.AlertReceived)]
    for tenant in TENANTS:
        async with evidence.server.store.session(tenant) as session:
            seen = [*await states.load_open_orders(session), *await states.load_pending_requests(session)]
            held = [*await states.load_positions(session), *await states.load_balances(session)]
        lines += [f"{tenant} sees {one}" for one in (*seen, *held) if _owner(one) != tenant]
        foreign = [
            row.event.alert_id for row in alerts if row.tenant != tenant and isinstance(row.event, ev.AlertReceived)
        ]
        lines += [f"{tenant} finds {one}" for one in foreign[:1] if await reader.find_alert(tenant, one) is not None]
    return lines


def _owner(state: object) -> str:
    return state.request.tenant if isinstance(state, RequestState) else getattr(state, "tenant", "")
