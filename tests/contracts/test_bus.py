"""What every bus promises (ports.Bus)."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.bus.in_process import InProcessBus
from fairlead.ports import Bus


@pytest.fixture(name="bus", params=[InProcessBus])
def _bus(request: pytest.FixtureRequest) -> Bus:
    bus: Bus = request.param()
    return bus


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_whoever_listens_to_a_topic_is_woken_at_each_ring(bus: Bus) -> None:
    woken: list[str] = []
    bus.listen("orders", lambda: woken.append("first"))
    bus.listen("orders", lambda: woken.append("second"))
    bus.listen("alerts", lambda: woken.append("other"))

    bus.ring("orders")
    bus.ring("orders")
    await settle()

    assert woken == ["first", "second", "first", "second"]


async def test_nobody_is_woken_inside_the_call_that_rings(bus: Bus) -> None:
    woken: list[int] = []
    bus.listen("orders", lambda: woken.append(1))

    bus.ring("orders")

    assert woken == []


async def test_whoever_left_hears_nothing_not_even_the_ring_before(bus: Bus) -> None:
    woken: list[int] = []
    leave = bus.listen("orders", lambda: woken.append(1))

    bus.ring("orders")
    leave()
    leave()
    bus.ring("orders")
    await settle()

    assert woken == []


async def test_a_listener_that_fails_disturbs_neither_the_ringer_nor_the_others(bus: Bus) -> None:
    raised: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))
    woken: list[int] = []

    def fail() -> None:
        raise LookupError("a bug of the listener")

    bus.listen("orders", fail)
    bus.listen("orders", lambda: woken.append(1))
    bus.ring("orders")
    await settle()

    assert woken == [1]
    assert [type(error) for error in raised] == [LookupError]


async def test_a_ring_that_nobody_hears_is_lost(bus: Bus) -> None:
    bus.ring("orders")
    woken: list[int] = []
    bus.listen("orders", lambda: woken.append(1))
    await settle()

    assert woken == []
