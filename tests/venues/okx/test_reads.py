"""Reads are repeated where an answer was lost: what was missed is read from many of them, and all must succeed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from fairlead.core.model import reports as rp
from fairlead.simulator.okx.faults.rules import FaultKind, FaultRule, Match
from fairlead.venues.okx import connection
from fairlead.venues.okx.rest import GET_TIMES_MAX
from tests.venues.okx.okx_floor import OkxFloor, approve, open_floor

READS = ["trade/orders-pending", "trade/orders-algo-pending", "trade/fills", "account/bills"]


@pytest.fixture(name="floor")
async def _floor() -> AsyncIterator[OkxFloor]:
    async with open_floor() as floor:
        yield floor


def strike(floor: OkxFloor, endpoint: str, times: int) -> None:
    rule = FaultRule(id="lost", kind=FaultKind.HTML_5XX, match=Match(endpoint=endpoint), count=times)
    floor.okx.faults.plan.add(rule)


def lost(floor: OkxFloor) -> int:
    return sum(state.struck for state in floor.okx.faults.plan.states)


@pytest.mark.parametrize("endpoint", READS)
async def test_a_stream_comes_up_although_answers_to_its_reads_are_lost(floor: OkxFloor, endpoint: str) -> None:
    trader = floor.trader()
    await trader.venue.start()
    strike(floor, endpoint, GET_TIMES_MAX - 1)
    with capture_logs() as logs:
        await trader.listen()
    assert [one for one in logs if one["event"] == "okx_stream_ended"] == []
    assert lost(floor) == GET_TIMES_MAX - 1


async def test_an_order_is_found_although_the_first_answers_are_lost(floor: OkxFloor) -> None:
    trader = floor.trader()
    order = trader.resting()
    assert isinstance(await trader.venue.place_order(approve(order)), rp.Accepted)
    strike(floor, "trade/order", GET_TIMES_MAX - 1)
    assert isinstance(await trader.venue.find_order(order), rp.VenueOrder)


async def test_a_question_that_is_lost_each_time_stays_open(floor: OkxFloor) -> None:
    trader = floor.trader()
    order = trader.resting()
    await trader.venue.place_order(approve(order))
    strike(floor, "trade/order", GET_TIMES_MAX)
    assert isinstance(await trader.venue.find_order(order), rp.Unknown)
    assert isinstance(await trader.venue.find_order(order), rp.VenueOrder)


async def test_a_silent_answer_to_a_question_is_not_waited_for_as_for_an_order(
    floor: OkxFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "QUESTION_TIMEOUT_S", 0.5)
    site = floor.connection.site
    await floor.connection.close()
    floor.connection = connection.OkxConnection(site, floor.clock, answer_timeout_s=60)
    await floor.connection.open()
    trader = floor.trader()
    order = trader.resting()
    assert isinstance(await trader.venue.place_order(approve(order)), rp.Accepted)
    rule = FaultRule(id="lost", kind=FaultKind.REPLY_LOST, match=Match(endpoint="trade/order"), count=1)
    floor.okx.faults.plan.add(rule)
    assert isinstance(await trader.venue.find_order(order), rp.VenueOrder)
    assert lost(floor) == 1
