from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from tests.simulation.virtual_loop import (
    STEPS_AT_ONE_MOMENT_MAX,
    LivelockError,
    StandstillError,
    VirtualLoop,
    open_loop,
)

T = TypeVar("T")
TASKS = 6


def run(work: Callable[[], Coroutine[Any, Any, T]], seed: int | None = None) -> T:
    loop = open_loop(seed)
    try:
        return loop.run_until_complete(work())
    finally:
        loop.close()


async def finish_in_some_order() -> list[int]:
    done: list[int] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    await asyncio.gather(*(work(number) for number in range(TASKS)))
    return done


def test_a_day_passes_at_once() -> None:
    async def sleep() -> float:
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time()

    started = time.monotonic()
    assert run(sleep) == 86_400
    assert time.monotonic() - started < 5


def test_without_a_seed_callbacks_run_in_order() -> None:
    assert run(finish_in_some_order) == list(range(TASKS))


def test_a_seed_repeats_its_order_and_other_seeds_have_others() -> None:
    orders = {seed: run(finish_in_some_order, seed) for seed in range(20)}
    assert orders == {seed: run(finish_in_some_order, seed) for seed in range(20)}
    assert len({tuple(order) for order in orders.values()}) > 10
    assert all(sorted(order) == list(range(TASKS)) for order in orders.values())


def test_timers_ring_at_their_moments_however_callbacks_are_shuffled() -> None:
    async def sleepers() -> list[float]:
        rung: list[float] = []

        async def sleep(delay: float) -> None:
            await asyncio.sleep(delay)
            rung.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(sleep(delay) for delay in (3, 1, 2)))
        return rung

    assert [run(sleepers, seed) for seed in range(10)] == [[1, 2, 3]] * 10


def test_time_outs_and_cancellation_work_as_on_any_loop() -> None:
    async def wait_in_vain() -> str:
        try:
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        except TimeoutError:
            return f"gave up at {asyncio.get_running_loop().time()}"
        return "never"

    assert run(wait_in_vain, 3) == "gave up at 30.0"


def test_waiting_for_nothing_is_told_instead_of_hanging() -> None:
    with pytest.raises(StandstillError):
        run(lambda: asyncio.Event().wait())


def test_spinning_without_letting_time_pass_is_told_instead_of_hanging() -> None:
    async def spin() -> None:
        for _ in range(2 * STEPS_AT_ONE_MOMENT_MAX):
            await asyncio.sleep(0)

    with pytest.raises(LivelockError):
        run(spin)


def test_threads_and_sockets_are_not_to_be_had() -> None:
    async def read(path: str) -> None:
        await asyncio.to_thread(open, path)

    async def connect() -> None:
        await asyncio.open_connection("127.0.0.1", 1)

    for work in (lambda: read("x"), connect):
        with pytest.raises(NotImplementedError):
            run(work)


def test_an_alarm_rings_between_two_callbacks() -> None:
    async def count_steps() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        rung: list[int] = []
        began = loop.steps
        loop.ring_after(5, lambda: rung.append(loop.steps))
        for _ in range(20):
            await asyncio.sleep(0)
        return began, rung[0]

    began, rung = run(count_steps)
    assert rung == began + 5
