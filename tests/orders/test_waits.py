"""Whoever waits for requests goes on when the last one is settled, or when the time is over."""

from __future__ import annotations

import asyncio

import msgspec

from fairlead.core.model.state import RequestState, RequestStatus
from fairlead.orders import waits
from fairlead.orders.waits import SettledRequests
from tests.orders.trading_world import REQUEST

LONG_MS = 60_000


def settled(request_id: str, status: RequestStatus = RequestStatus.FILLED) -> RequestState:
    request = msgspec.structs.replace(REQUEST, request_id=request_id)
    return RequestState(request=request, status=status, updated_ms=1)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_wait_ends_with_the_last_of_its_requests() -> None:
    results = SettledRequests()
    results.announce(settled("a"))
    waiting = asyncio.ensure_future(results.wait(["a", "b", "c"], LONG_MS))
    await turns()
    for request_id in ("b", "b"):
        results.announce(settled(request_id))
        await turns()
        assert not waiting.done()
    results.announce(settled("c"))
    await waiting
    assert results.awaited == 0


async def test_nobody_waits_for_what_is_settled_or_without_time() -> None:
    results = SettledRequests()
    results.announce(settled("a"))
    await results.wait(["a"], LONG_MS)
    await results.wait(["a", "b"], 0)
    assert results.awaited == 0


async def test_several_may_wait_for_the_same_request() -> None:
    results = SettledRequests()
    both = asyncio.gather(results.wait(["a"], LONG_MS), results.wait(["a", "b"], LONG_MS))
    await turns()
    results.announce(settled("a"))
    results.announce(settled("b"))
    await both


async def test_a_wait_that_is_over_or_was_broken_off_leaves_nothing_behind() -> None:
    results = SettledRequests()
    other = asyncio.ensure_future(results.wait(["a"], LONG_MS))
    await results.wait(["a", "b"], 1)
    assert results.awaited == 1
    broken = asyncio.ensure_future(results.wait(["a", "b"], LONG_MS))
    await turns()
    broken.cancel()
    await turns()
    assert results.awaited == 1
    results.announce(settled("a"))
    await other
    assert results.awaited == 0


async def test_the_newest_state_is_kept_for_a_while() -> None:
    results = SettledRequests()
    results.announce(settled("a", RequestStatus.ACCEPTED))
    results.announce(settled("a"))
    found = results.find("a")
    assert found is not None
    assert found.status is RequestStatus.FILLED
    for number in range(waits.RECENT_RESULTS_MAX):
        results.announce(settled(str(number)))
    assert results.find("a") is None
