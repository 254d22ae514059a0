"""A burst is stored and answered first, worked off at a pace, in order, without loss, also over a crash."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.clock import VirtualClock
from fairlead.core.model.events import AlertReceived
from fairlead.core.model.request import Close
from fairlead.core.model.state import RequestStatus
from fairlead.sources.webhook.intake import Answered, Refusal
from fairlead.sources.webhook.pace import (
    BURST_CALLS_MIN,
    BURST_CALLS_WITHIN_S,
    BURST_S_MAX,
    LOOK_EVERY_MS,
    REQUESTS_IN_BURST_MAX,
    REQUESTS_UNDER_WAY_MAX,
    WINDOW_S,
    Pace,
)
from fairlead.store.queries.hooks import ResponseMode
from tests.sources.webhook.world import World, make_hook

BURST = 60
CLOSE: dict[str, object] = {"closePosition": True, "side": None, "qty": None, "leverage": None, "marginMode": None}
ETH: dict[str, object] = {"symbol": "ETH-USDT-SWAP"}


async def send_burst(world: World, first: int = 0) -> list[Answered | Refusal]:
    """Many calls at once, each for one account of the same instrument."""
    numbers = range(first, first + BURST)
    return await asyncio.gather(*(world.send({"alertId": str(n), "accounts": ["main"]}) for n in numbers))


async def work_off(world: World) -> None:
    """Let time go on and every request be filled, until nothing waits."""
    world.door.settles_as = RequestStatus.FILLED
    for request_id in list(world.door.states):
        world.door.settle(request_id, RequestStatus.FILLED)
    await world.clock.run_ms(LOOK_EVERY_MS)
    await world.settle_down()


async def test_a_burst_is_answered_before_it_is_worked_off_and_nothing_is_lost(world: World) -> None:
    replies = await send_burst(world)
    answered = [reply.answer.request_id for reply in replies if isinstance(reply, Answered)]
    assert len(answered) == BURST
    assert world.intake.unhandled >= BURST - REQUESTS_IN_BURST_MAX - BURST_CALLS_MIN
    await work_off(world)
    assert world.intake.unhandled == 0
    assert [request.cause for request in await world.read_requests()] == answered


async def test_what_waits_counts_against_the_limit_before_anything_is_stored(world: World) -> None:
    world.door.unfinished_max = BURST
    await send_burst(world)
    refusal = await world.refuse({"alertId": "one more", "accounts": ["main"]})
    assert (refusal.status_code, refusal.retry_after_s) == (429, 5)
    await work_off(world)
    await world.answer({"alertId": "one more", "accounts": ["main"]})


async def fill_up(world: World) -> int:
    """Send bursts until alerts wait for requests that do not end; returns how many were sent."""
    world.door.unfinished_max = 10_000
    bursts = REQUESTS_UNDER_WAY_MAX // BURST + 2
    for number in range(bursts):
        await send_burst(world, number * BURST)
    while world.door.unfinished < REQUESTS_UNDER_WAY_MAX:
        await world.clock.run_ms(LOOK_EVERY_MS)
        await world.store_all()
    return bursts * BURST


async def test_what_is_being_stored_counts_too_and_repeats_do_not(world: World) -> None:
    world.door.unfinished_max = 3
    replies = await asyncio.gather(*(world.send({"alertId": str(n // 2), "accounts": ["main"]}) for n in range(10)))
    assert [isinstance(reply, Answered) for reply in replies] == [n < 5 for n in range(10)]


async def test_closes_and_awaited_alerts_pass_a_burst_but_not_what_they_may_depend_on(world: World) -> None:
    sent = await fill_up(world)
    begun = len(world.door.states)
    world.door.settles_as = RequestStatus.FILLED
    await world.answer({"accounts": ["main"], "alertId": "eth", **ETH, **CLOSE})
    await world.configure(hook=make_hook(response_mode=ResponseMode.WAIT))
    reply = await world.answer({"accounts": ["main"], "alertId": "awaited"})
    assert reply.answer.successful == 1
    passed = [state.request for state in list(world.door.states.values())[begun:]]
    assert [request.symbol for request in passed] == ["ETH-USDT-SWAP", "BTC-USDT-SWAP"]
    assert passed[1].cause == reply.answer.request_id
    assert world.intake.unhandled > 0

    await world.answer({"accounts": ["main"], "alertId": "btc", **CLOSE})

    requests = await world.read_requests()
    assert isinstance(requests[-1].intent, Close)
    assert len(requests) == sent + 3


async def test_a_backlog_is_worked_off_after_a_crash_once_each_and_in_order(world: World) -> None:
    sent = await fill_up(world)
    left = world.intake.unhandled

    assert 0 < await world.restart() <= left
    await work_off(world)

    received = [event.alert_id for event in await world.read_events(AlertReceived)]
    assert len(received) == sent
    assert [request.cause for request in await world.read_requests()] == received
    assert await world.restart() == 0


async def test_requests_in_doubt_hold_nobody_up_for_ever(world: World) -> None:
    await fill_up(world)
    assert world.intake.unhandled > 0
    for _ in range(4):
        await world.clock.run_ms(int(WINDOW_S * 1000) + LOOK_EVERY_MS)
    await world.settle_down()
    assert world.intake.unhandled == 0
    assert world.door.unfinished > REQUESTS_UNDER_WAY_MAX


def call_fast(pace: Pace, clock: VirtualClock, *, for_s: float = BURST_CALLS_WITHIN_S / 2) -> None:
    """Calls that are stored at once, as fast as a burst."""
    gap_ms = int(1_000 * BURST_CALLS_WITHIN_S / BURST_CALLS_MIN / 2)
    for _ in range(max(BURST_CALLS_MIN, int(1_000 * for_s / gap_ms))):
        pace.begin_call()
        pace.end_call()
        pace.has_room(0, BURST_CALLS_MIN)
        clock.advance_ms(gap_ms)
    pace.begin_alert(REQUESTS_UNDER_WAY_MAX)


@pytest.fixture(name="pace")
def _pace(clock: VirtualClock) -> Pace:
    pace = Pace(clock)
    pace.begin_alert(REQUESTS_UNDER_WAY_MAX)
    return pace


@pytest.fixture(name="clock")
def _clock() -> VirtualClock:
    return VirtualClock()


def test_there_is_less_room_while_many_calls_are_being_stored(pace: Pace) -> None:
    assert pace.has_room(REQUESTS_IN_BURST_MAX, 1)
    assert not pace.has_room(REQUESTS_UNDER_WAY_MAX, 1)
    for _ in range(BURST_CALLS_MIN):
        pace.begin_call()
    assert not pace.has_room(REQUESTS_IN_BURST_MAX, 1)
    assert pace.has_room(REQUESTS_IN_BURST_MAX - 1, 1)


def test_a_burst_of_few_connections_is_known_by_what_waits(pace: Pace, clock: VirtualClock) -> None:
    call_fast(pace, clock)
    assert not pace.has_room(REQUESTS_IN_BURST_MAX, BURST_CALLS_MIN)


def test_many_calls_that_nobody_waits_behind_are_no_burst(pace: Pace, clock: VirtualClock) -> None:
    call_fast(pace, clock)
    assert pace.has_room(REQUESTS_IN_BURST_MAX, 1)


def test_a_burst_ends_when_no_more_calls_come(pace: Pace, clock: VirtualClock) -> None:
    call_fast(pace, clock)
    clock.advance_ms(int(1_000 * BURST_CALLS_WITHIN_S))
    assert pace.has_room(REQUESTS_IN_BURST_MAX, 1_000)


def test_a_stream_without_end_does_not_keep_alerts_waiting_for_ever(pace: Pace, clock: VirtualClock) -> None:
    call_fast(pace, clock, for_s=BURST_S_MAX + BURST_CALLS_WITHIN_S)
    assert pace.has_room(REQUESTS_IN_BURST_MAX, 1_000)
    call_fast(pace, clock)
    assert pace.has_room(REQUESTS_IN_BURST_MAX, 1_000)

    assert pace.has_room(REQUESTS_IN_BURST_MAX, 1)
    call_fast(pace, clock)
    assert not pace.has_room(REQUESTS_IN_BURST_MAX, 1_000)
