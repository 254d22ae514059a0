"""What every clock promises (ports.Clock), and what the virtual one adds."""

from __future__ import annotations

import asyncio
import time

import pytest

from fairlead.clock import SystemClock, VirtualClock
from fairlead.ports import Clock

START_MS = 1_700_000_000_000


@pytest.fixture(name="clock", params=["system", "virtual"])
def _clock(request: pytest.FixtureRequest) -> Clock:
    return SystemClock() if request.param == "system" else VirtualClock(START_MS)


async def test_time_does_not_go_back(clock: Clock) -> None:
    before_ms, before_s = clock.now_ms(), clock.monotonic_s()

    await clock.sleep_ms(0)

    assert clock.now_ms() >= before_ms
    assert clock.monotonic_s() >= before_s


async def test_sleeping_zero_gives_way_once(clock: Clock) -> None:
    order: list[str] = []
    asyncio.get_running_loop().call_soon(order.append, "other")

    await clock.sleep_ms(0)
    order.append("sleeper")

    assert order == ["other", "sleeper"]


def test_the_system_clock_reads_utc_milliseconds() -> None:
    assert abs(SystemClock().now_ms() - time.time() * 1_000) < 1_000


async def test_the_system_clock_waits() -> None:
    clock = SystemClock()
    before_s = clock.monotonic_s()

    await clock.sleep_ms(5)

    assert clock.monotonic_s() - before_s >= 0.004


async def test_virtual_sleepers_wake_in_the_order_of_their_moments() -> None:
    clock = VirtualClock(START_MS)
    woken: list[tuple[str, int]] = []

    async def sleep(name: str, duration_ms: int) -> None:
        await clock.sleep_ms(duration_ms)
        woken.append((name, clock.now_ms() - START_MS))

    tasks = [asyncio.create_task(sleep(name, ms)) for name, ms in (("c", 30), ("a", 10), ("b", 10), ("late", 31))]
    await clock.run_ms(30)

    assert woken == [("a", 10), ("b", 10), ("c", 30)]
    assert clock.monotonic_s() == 0.03
    assert clock.next_wake_ms == START_MS + 31
    clock.advance_ms(1)
    await asyncio.gather(*tasks)
    assert woken[-1] == ("late", 31)
    assert clock.next_wake_ms is None


async def test_a_virtual_sleeper_may_sleep_again_in_the_same_run() -> None:
    clock = VirtualClock()
    ticks: list[int] = []

    async def tick() -> None:
        while True:
            await clock.sleep_ms(7)
            ticks.append(clock.now_ms())

    task = asyncio.create_task(tick())
    await clock.run_ms(30)
    task.cancel()

    assert ticks == [7, 14, 21, 28]
    assert clock.now_ms() == 30


async def test_a_sleeper_that_was_cancelled_wakes_nobody() -> None:
    clock = VirtualClock()
    task = asyncio.create_task(clock.sleep_ms(5))
    await clock.settle()
    task.cancel()
    await clock.settle()

    assert clock.next_wake_ms is None
    clock.advance_ms(10)


def test_virtual_time_cannot_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        VirtualClock().advance_ms(-1)
