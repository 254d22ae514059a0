"""The count after the storm: what the exchange has, what we say, and what senders were told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.clock import SystemClock
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.state import RequestState, RequestStatus
from fairlead.core.rules.drift import DOUBTFUL
from fairlead.ports import Record
from fairlead.simulator import orders as sim
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.records import AccountRecord
from fairlead.store.journal import StoredJournal
from fairlead.store.queries import states
from fairlead.store.session import Store
from fairlead.store.verify import verify
from fairlead.venues.paper import wire
from fairlead.venues.paper.house import ACCOUNT_SPACE, ORDER_SPACE
from fairlead.wiring import journal_fold, record_kinds
from tests.crash.house import House
from tests.crash.messages import SeenAccount, SeenOrder
from tests.crash.remote_venue import RemoteVenue
from tests.crash.storm import Mark, Sent

SETTLED_S_MAX: Final = 90.0
POLL_MS: Final = 50
# The venue's word for an order that its owner has canceled.
TAKEN_BACK: Final = "user"
# What a request may be told to be and not be in the end.
PASSING: Final = frozenset({"queued", "working", "unknown", "accepted"})
EXECUTED: Final = frozenset({RequestStatus.FILLED, RequestStatus.ACCEPTED})

Seen = Mapping[str, SeenAccount]

_CENT_OF_A_CENT: Final = Decimal("0.0001")
_CONTRACT_VALUES: Final = {one.symbol: one.contract_value for one in DEFAULT_INSTRUMENTS}


async def wait_until_settled(house: House) -> None:
    """Return when no alert waits to be handled, no request is pending, and no order is in doubt."""
    store, clock = Store(house.url), SystemClock()
    open_things: list[str] = []
    try:
        async with asyncio.timeout(SETTLED_S_MAX):
            while open_things := await _list_unsettled(store):
                await clock.sleep_ms(POLL_MS)
    except TimeoutError as error:
        message = f"not settled within {SETTLED_S_MAX:g} s: {'; '.join(open_things)}"
        raise AssertionError(message) from error
    finally:
        await store.close()


async def _list_unsettled(store: Store) -> list[str]:
    async with store.system_session() as system:
        alerts = [f"alert {one.alert_id}" for one in await states.load_alerts_since(system, 0) if not one.verdict]
        requests = [f"request {one}" for one in await states.load_pending_requests(system)]
        orders = [f"order {one}" for one in await states.load_open_orders(system) if one.status in DOUBTFUL]
    return [*alerts, *requests, *orders]


async def ask_exchange(house: House, port: int) -> Seen:
    """What the exchange process has seen; it outlived every server."""
    venue = RemoteVenue(house.accounts[0], port)
    try:
        return (await venue.count()).accounts
    finally:
        await venue.close()


async def read_paper_books(house: House) -> Seen:
    """What the paper exchange has written down; its server must have ended."""
    journal = await StoredJournal.open(house.url, on_death=_fail)
    try:
        accounts = [_account(one) for one in await journal.read_records(ACCOUNT_SPACE)]
        finished = [(one.owner, _order(one)) for one in await journal.read_records(ORDER_SPACE) if one.body]
    finally:
        await journal.close()
    return {
        account.account_id: SeenAccount(
            orders=tuple(
                _seen(order)
                for order in (
                    *(order for owner, order in finished if owner == account.account_id and not order.is_pending),
                    *account.pending,
                )
            ),
            cash={name: total for name, total in account.totals.items() if total},
            positions={f"{one.symbol} {one.position_side}": one.quantity for one in account.positions if one.quantity},
        )
        for account in accounts
    }


def _account(record: Record) -> AccountRecord:
    assert record.body is not None
    return msgspec.json.decode(record.body, type=AccountRecord)


def _order(record: Record) -> sim.Order:
    assert record.body is not None
    return msgspec.json.decode(record.body, type=sim.Order)


def _seen(order: sim.Order) -> SeenOrder:
    return SeenOrder(
        order_id=wire.order_id_of(order),
        symbol=order.symbol,
        side=order.wish.side,
        quantity=order.quantity,
        filled=sum((fill.quantity for fill in order.fills), Decimal(0)),
        is_born=bool(order.parent_id),
    )


async def find_problems(house: House, sent: Sequence[Sent], seen: Seen) -> list[str]:
    """Everything that a crash did wrong, one sentence each; the server must have ended."""
    store = Store(house.url)
    problems: list[str] = []
    try:
        async with store.session(house.tenant) as session:
            for account in house.accounts:
                account_id = account.account_id
                theirs = seen[account_id]
                ours = await states.load_orders_since(session, 0, account_id)
                held = [row for row in await states.load_positions(session, account_id) if row.quantity]
                positions = {f"{row.symbol} {row.position_side}": row.quantity for row in held}
                entries = {f"{row.symbol} {row.position_side}": row.entry_price for row in held}
                cash = {row.currency: row.total for row in await states.load_balances(session, account_id) if row.total}
                found = [*_check_orders(ours, theirs), *_check_doubles(sent, theirs)]
                found += [f"positions: ours {positions}, theirs {theirs.positions}"] * (positions != theirs.positions)
                found += _check_cash(SeenAccount(orders=(), cash=cash, positions=positions, entries=entries), theirs)
                problems += [f"{account.label}: {problem}" for problem in found]
            for one in sent:
                if one.answers:
                    made = await states.load_requests_of(session, one.answers[0].alert_id)
                    problems += [f"alert {one.number}: {problem}" for problem in _check_answered(one, made, seen)]
    finally:
        await store.close()
    problems += verify(house.url, journal_fold(), records=record_kinds()).problems
    return problems


def _check_cash(ours: SeenAccount, theirs: SeenAccount) -> Iterator[str]:
    if theirs.entries is None:
        if ours.cash != theirs.cash:
            yield f"cash: ours {ours.cash}, theirs {theirs.cash}"
    elif _unspent(ours) != _unspent(theirs):
        yield f"cash less cost of positions: ours {_unspent(ours)}, theirs {_unspent(theirs)}"


def _unspent(account: SeenAccount) -> Decimal:
    """Cash less what the positions cost: the same in whatever order fills were applied (linear perpetuals, USDT)."""
    assert account.entries is not None
    cost = sum(
        (
            quantity * _CONTRACT_VALUES[name.partition(" ")[0]] * account.entries[name]
            for name, quantity in account.positions.items()
        ),
        Decimal(0),
    )
    return (account.cash["USDT"] - cost).quantize(_CENT_OF_A_CENT)


def _check_orders(ours: Sequence[Order], theirs: SeenAccount) -> Iterator[str]:
    """Every order of the exchange is known to us with the same fills, and the reverse."""
    held = {order.order_id: order.filled for order in theirs.orders}
    twice = [order_id for order_id, times in Counter(order.order_id for order in theirs.orders).items() if times > 1]
    if twice:
        yield f"the exchange has more than one order of {twice}"
    # Refused, or never arrived: the exchange has no order then.
    known = {order.order_id: order.filled_quantity for order in ours if order.venue_order_id}
    for order_id in sorted({*held, *known}):
        if held.get(order_id) != known.get(order_id):
            yield f"order {order_id}: we say {known.get(order_id)} is filled, the exchange says {held.get(order_id)}"
    for order in ours:
        if not order.venue_order_id and order.status not in {OrderStatus.REJECTED, OrderStatus.EXPIRED}:
            yield f"order {order.order_id}: {order.status}, and the exchange has never heard of it"


def _check_doubles(sent: Sequence[Sent], theirs: SeenAccount) -> Iterator[str]:
    """No alert has two orders: its mark is its own."""
    wishes = Counter(_mark(order) for order in theirs.orders if not order.is_born)
    for one in sent:
        times = wishes.pop(one.mark, 0)
        if times > 1:
            yield f"alert {one.number}: {times} orders"
    if wishes:
        yield f"orders that nobody wished: {wishes}"


def _mark(order: SeenOrder) -> Mark:
    return order.symbol, order.side, order.quantity


def _check_answered(one: Sent, made: Sequence[RequestState], seen: Seen) -> Iterator[str]:
    """What was answered was done, once on each account, and was told the same way every time."""
    if len({answer.alert_id for answer in one.answers}) > 1:
        yield f"it was taken as several: {one.answers}"
    states_by_account = {state.request.account_id: state for state in made}
    if states_by_account.keys() != seen.keys() or len(made) != len(seen):
        yield f"it was answered and made requests of {sorted(states_by_account)}"
        return
    for account_id, state in states_by_account.items():
        there = any(_mark(order) == one.mark and not order.is_born for order in seen[account_id].orders)
        # An order that rested until a close took it back was executed too, as far as it goes.
        if there is not (state.status in EXECUTED or state.reason_code == TAKEN_BACK):
            yield f"{state.status} ({state.reason_code}), and the exchange has {'an' if there else 'no'} order"
    for answer in one.answers:
        told = Counter(status for status in answer.statuses if status not in PASSING)
        kept = Counter(state.status.value for state in made)
        if told - kept:
            yield f"its sender was told {answer.statuses}, what is kept is {sorted(kept)}"


def _fail(error: BaseException) -> None:
    raise AssertionError("the writer died") from error
