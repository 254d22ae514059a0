"""The rate governor: never above a limit, the urgent first, and nearly all of what the limits allow."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.clock import VirtualClock
from fairlead.simulator.okx import windows
from fairlead.simulator.okx.rest.endpoints import ENDPOINTS
from fairlead.venues.okx.governor import Ask, Limit, LimitTable, Priority, RateGovernor, Scope, load_limits
from fairlead.venues.okx.rest import SOCKET

START_MS = 1_767_600_000_000
PATIENCE_MS = 3_600_000
PLACE = "POST trade/order"
PLACE_BATCH = "POST trade/batch-orders"
CANCEL = "POST trade/cancel-order"
SWAP = "BTC-USDT-SWAP"


def order(priority: Priority = Priority.ENTRY, account: str = "a1", symbol: str = SWAP) -> Ask:
    return Ask(endpoint=PLACE, account=account, subject=symbol, priority=priority)


class Traffic:
    """Requests over virtual time, and when each was let go."""

    def __init__(self, limits: LimitTable | None = None) -> None:
        self.clock = VirtualClock(START_MS)
        self.governor = RateGovernor(self.clock, limits)
        self.let_go: list[tuple[int, Ask]] = []
        self.sent_away: list[Ask] = []
        self._tasks: list[asyncio.Task[None]] = []

    def send(self, ask: Ask, *, patience_ms: int = PATIENCE_MS) -> asyncio.Task[None]:
        task = asyncio.create_task(self._send(ask, patience_ms))
        self._tasks.append(task)
        return task

    async def _send(self, ask: Ask, patience_ms: int) -> None:
        admission = await self.governor.admit(ask, wait_max_ms=patience_ms)
        if admission is not None:
            admission.done()
            self.let_go.append((self.clock.now_ms() - START_MS, ask))
        else:
            self.sent_away.append(ask)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.clock.settle()


async def test_a_tenth_of_each_limit_stays_unused() -> None:
    traffic = Traffic()
    for _ in range(120):
        traffic.send(order())
    await traffic.clock.run_ms(4_000)
    assert Counter(at_ms for at_ms, _ in traffic.let_go) == {0: 54, 2_000: 54, 4_000: 12}
    await traffic.stop()


async def test_cancels_go_before_closes_and_closes_before_entries_and_those_before_questions() -> None:
    traffic = Traffic()
    limit = Limit(count=1, window_ms=1_000, scope=Scope.ACCOUNT)
    traffic.governor = RateGovernor(traffic.clock, LimitTable(account_orders=limit, endpoints={PLACE: limit}))
    wanted = [Priority.ENTRY, Priority.QUERY, Priority.CLOSE, Priority.ENTRY, Priority.CANCEL, Priority.CLOSE]
    traffic.send(order(Priority.QUERY))
    await traffic.clock.settle()
    for priority in wanted:
        traffic.send(order(priority))
    await traffic.clock.run_ms(10_000)
    assert [ask.priority for _, ask in traffic.let_go[1:]] == sorted(wanted)
    await traffic.stop()


async def test_who_would_wait_beyond_his_deadline_is_sent_away_at_once_and_takes_no_place() -> None:
    traffic = Traffic()
    for _ in range(54):
        traffic.send(order())
    await traffic.clock.settle()
    traffic.send(order(), patience_ms=1_999)
    traffic.send(order(), patience_ms=2_000)
    await traffic.clock.settle()
    assert len(traffic.sent_away) == 1
    await traffic.clock.run_ms(2_000)
    assert len(traffic.let_go) == 55
    await traffic.stop()


async def test_who_stands_behind_others_is_sent_away_when_his_time_is_over() -> None:
    traffic = Traffic()
    for _ in range(60):
        traffic.send(order(Priority.CLOSE))
    await traffic.clock.settle()
    traffic.send(order(Priority.QUERY), patience_ms=500)
    await traffic.clock.run_ms(500)
    assert [ask.priority for ask in traffic.sent_away] == [Priority.QUERY]
    await traffic.stop()


async def test_who_is_canceled_while_waiting_keeps_nobody_else_waiting() -> None:
    traffic = Traffic()
    for _ in range(54):
        traffic.send(order())
    await traffic.clock.settle()
    gone = traffic.send(order(Priority.CLOSE))
    traffic.send(order(Priority.ENTRY))
    await traffic.clock.settle()
    gone.cancel()
    await traffic.clock.run_ms(2_000)
    assert len(traffic.let_go) == 55
    await traffic.stop()


async def test_a_refusal_of_okx_closes_that_limit_for_a_while() -> None:
    traffic = Traffic()
    traffic.governor.close(order(), for_ms=2_000)
    traffic.send(order())
    traffic.send(order(symbol="ETH-USDT-SWAP"))
    await traffic.clock.run_ms(3_000)
    assert [(at_ms, ask.subject) for at_ms, ask in traffic.let_go] == [(0, "ETH-USDT-SWAP"), (2_000, SWAP)]
    await traffic.stop()


async def test_entries_over_many_instruments_leave_room_for_closes() -> None:
    traffic = Traffic()
    for number in range(40):
        for _ in range(54):
            traffic.send(order(symbol=f"S{number}"))
    await traffic.clock.settle()
    traffic.send(order(Priority.CLOSE, symbol="LAST"))
    await traffic.clock.settle()
    sent = Counter(ask.priority for _, ask in traffic.let_go)
    assert sent == {Priority.ENTRY: 720, Priority.CLOSE: 1}
    (last,) = [row for row in traffic.governor.usage() if row.subject == "LAST"]
    assert (last.used, last.usable, last.waiting) == (1, 54, 0)
    await traffic.stop()


async def test_each_item_of_a_batch_counts() -> None:
    traffic = Traffic()
    batch = Ask(endpoint="POST trade/cancel-batch-orders", account="a1", subject=SWAP, items=20)
    for _ in range(15):
        traffic.send(batch)
    await traffic.clock.run_ms(2_000)
    assert Counter(at_ms for at_ms, _ in traffic.let_go) == {0: 13, 2_000: 2}
    await traffic.stop()


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 12),
    window_ms=st.integers(10, 300),
    arrivals=st.lists(st.tuples(st.integers(0, 400), st.sampled_from(list(Priority))), max_size=60),
)
async def test_no_sliding_window_ever_holds_more_than_the_limit(
    count: int, window_ms: int, arrivals: list[tuple[int, Priority]]
) -> None:
    limit = Limit(count=count, window_ms=window_ms, scope=Scope.ACCOUNT)
    traffic = Traffic(LimitTable(account_orders=limit, endpoints={PLACE: limit}))
    for pause_ms, priority in arrivals:
        traffic.send(order(priority))
        await traffic.clock.run_ms(pause_ms)
    await traffic.clock.run_ms(window_ms * (len(arrivals) + 1))
    moments = [at_ms for at_ms, _ in traffic.let_go]
    assert len(moments) == len(arrivals)
    assert all(sum(at_ms <= other < at_ms + window_ms for other in moments) <= limit.usable for at_ms in moments)
    await traffic.stop()


@pytest.mark.slow
async def test_four_hundred_accounts_at_their_limits_are_never_refused_and_their_closes_never_starve() -> None:
    accounts, seconds = 400, 4
    traffic = Traffic()
    exchange = windows.RateWindows()
    single = windows.RateLimit("trade/order", 60, windows.Scope.USER_AND_INSTRUMENT)
    total = windows.RateLimit("orders of an account", 1_000, windows.Scope.USER)
    closes: dict[str, int] = {}
    for number in range(accounts):
        for _ in range(30 * seconds):
            traffic.send(order(account=f"a{number}"))
    await traffic.clock.run_ms(1_000)
    for number in range(accounts):
        traffic.send(order(Priority.CLOSE, account=f"a{number}"))
    await traffic.clock.run_ms((seconds - 1) * 1_000 - 1)

    refused = 0
    for at_ms, ask in traffic.let_go:
        refused += not exchange.take(single, f"{ask.account} {ask.subject}", at_ms)
        refused += not exchange.take(total, ask.account, at_ms)
        if ask.priority is Priority.CLOSE:
            closes[ask.account] = at_ms
    await traffic.stop()
    assert refused == 0
    assert len(closes) == accounts
    assert max(closes.values()) == 2_000
    assert len(traffic.let_go) >= accounts * 30 * seconds * 0.9


@settings(max_examples=30, deadline=None)
@given(
    delays=st.lists(st.tuples(st.integers(0, 150), st.integers(0, 150)), min_size=1, max_size=40),
    count=st.integers(1, 8),
)
async def test_no_window_of_the_exchange_overflows_however_long_requests_are_on_their_way(
    delays: list[tuple[int, int]], count: int
) -> None:
    limit = Limit(count=count, window_ms=100, scope=Scope.ACCOUNT)
    traffic = Traffic(LimitTable(account_orders=limit, endpoints={PLACE: limit}))
    arrived: list[int] = []

    async def travel(there_ms: int, back_ms: int) -> None:
        admission = await traffic.governor.admit(order(Priority.CLOSE), wait_max_ms=PATIENCE_MS)
        assert admission is not None
        await traffic.clock.sleep_ms(there_ms)
        arrived.append(traffic.clock.now_ms())
        await traffic.clock.sleep_ms(back_ms)
        admission.done()

    tasks = [asyncio.create_task(travel(there_ms, back_ms)) for there_ms, back_ms in delays]
    await traffic.clock.run_ms(len(delays) * 1_000)
    await asyncio.gather(*tasks)
    assert all(sum(at_ms <= other < at_ms + 100 for other in arrived) <= limit.usable for at_ms in arrived)


def test_the_limits_are_those_of_okx() -> None:
    limits = load_limits()
    per_second = {name: limit.count * 1_000 / limit.window_ms for name, limit in limits.endpoints.items()}
    assert per_second[PLACE] == per_second[CANCEL] == 30
    assert per_second["GET account/balance"] == per_second["GET account/positions"] == 5
    assert per_second["GET account/config"] == 2.5
    assert per_second["GET trade/fills"] == per_second["GET trade/orders-pending"] == 30
    assert per_second["GET trade/fills-history"] == 5
    assert per_second["POST trade/order-algo"] == 10
    assert (limits.account_orders.count, limits.account_orders.window_ms) == (1_000, 2_000)
    assert [name for name, limit in limits.endpoints.items() if limit.is_order] == [PLACE, PLACE_BATCH]
    assert per_second[PLACE_BATCH] == per_second["POST trade/cancel-batch-orders"] == 150


def test_the_limits_are_those_that_the_exchange_of_our_own_enforces() -> None:
    ours = {name: (limit.count, limit.window_ms) for name, limit in load_limits().endpoints.items()}
    enforced = {
        f"{endpoint.method} {endpoint.path.removeprefix('/api/v5/')}": endpoint.batch_limit or endpoint.limit
        for endpoint in ENDPOINTS
    }
    theirs = {name: (limit.count, limit.window_ms) for name, limit in enforced.items()}
    assert {name: theirs[name] for name in ours.keys() & theirs.keys()} == {
        name: ours[name] for name in ours.keys() & theirs.keys()
    }
    assert ours.keys() - theirs.keys() == {SOCKET}


async def test_a_refusal_of_the_limit_over_all_instruments_closes_all_of_them() -> None:
    traffic = Traffic()
    traffic.governor.close(order(), for_ms=2_000, all_orders=True)
    traffic.send(order(symbol="ETH-USDT-SWAP"))
    traffic.send(Ask(endpoint=CANCEL, account="a1", subject=SWAP, priority=Priority.CANCEL))
    await traffic.clock.run_ms(3_000)
    assert [(at_ms, ask.endpoint) for at_ms, ask in traffic.let_go] == [(0, CANCEL), (2_000, PLACE)]
    await traffic.stop()
