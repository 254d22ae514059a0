"""OKX's candles and funding rates of the past, as our OKX tells them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fairlead.core.model.history import Page, PageFailure
from fairlead.simulator.okx.faults.rules import FaultKind, FaultRule, Match
from fairlead.venues.okx.history import OkxHistory
from fairlead.venues.okx.rest import GET_TIMES_MAX, OkxRest
from tests.venues.okx.okx_floor import SPOT, SWAP, OkxFloor, open_floor

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


@pytest.fixture(name="floor")
async def _floor() -> AsyncIterator[OkxFloor]:
    async with open_floor() as floor:
        yield floor


@pytest.fixture(name="history")
def _history(floor: OkxFloor) -> OkxHistory:
    return OkxHistory(OkxRest(floor.connection, floor.governor, floor.clock))


async def test_a_page_is_all_closed_candles_of_its_time(floor: OkxFloor, history: OkxHistory) -> None:
    end_ms = floor.clock.now_ms() // MINUTE_MS * MINUTE_MS - 10 * MINUTE_MS
    begin_ms = end_ms - history.candles_per_page * MINUTE_MS
    page = await history.read_candles(SPOT, "1m", begin_ms, end_ms)
    assert isinstance(page, Page)
    assert [candle.open_ms for candle in page.rows] == list(range(begin_ms, end_ms, MINUTE_MS))
    assert page.until_ms == end_ms
    assert all(candle.low <= min(candle.open, candle.close) for candle in page.rows)


async def test_a_page_ends_before_the_candle_that_is_open(floor: OkxFloor, history: OkxHistory) -> None:
    now_ms = floor.clock.now_ms()
    page = await history.read_candles(SPOT, "1h", now_ms // HOUR_MS * HOUR_MS - 3 * HOUR_MS, now_ms + 2 * HOUR_MS)
    assert isinstance(page, Page)
    assert [candle.open_ms + HOUR_MS for candle in page.rows][-1] == page.until_ms
    assert page.until_ms <= floor.clock.now_ms()


@pytest.mark.parametrize("timeframe", ["6h", "12h", "1d"])
async def test_long_candles_open_at_midnight_utc(floor: OkxFloor, history: OkxHistory, timeframe: str) -> None:
    now_ms = floor.clock.now_ms()
    page = await history.read_candles(SPOT, timeframe, now_ms - 240 * HOUR_MS, now_ms)
    assert isinstance(page, Page)
    length_ms = {"6h": 6, "12h": 12, "1d": 24}[timeframe] * HOUR_MS
    assert page.rows
    assert all(candle.open_ms % length_ms == 0 for candle in page.rows)


async def test_funding_rates_come_in_order_with_the_time_they_are_of(floor: OkxFloor, history: OkxHistory) -> None:
    end_ms = floor.clock.now_ms()
    page = await history.read_funding(SWAP, end_ms - 48 * HOUR_MS, end_ms)
    assert isinstance(page, Page)
    assert [rate.at_ms % (8 * HOUR_MS) for rate in page.rows] == [0] * 6
    assert sorted(page.rows, key=lambda rate: rate.at_ms) == list(page.rows)


async def test_what_does_not_exist_is_a_lasting_failure(floor: OkxFloor, history: OkxHistory) -> None:
    now_ms = floor.clock.now_ms()
    failure = await history.read_candles("NO-SUCH", "1m", now_ms - HOUR_MS, now_ms)
    assert isinstance(failure, PageFailure)
    assert failure.is_lasting
    assert failure.message.startswith("51001")


@pytest.mark.parametrize(
    ("kind", "times"),
    [(FaultKind.CODE_50011, 1), (FaultKind.CODE_50001, GET_TIMES_MAX), (FaultKind.HTML_5XX, GET_TIMES_MAX)],
)
async def test_what_passes_by_itself_may_be_asked_again(
    floor: OkxFloor, history: OkxHistory, kind: FaultKind, times: int
) -> None:
    floor.okx.faults.plan.add(FaultRule(id="f", kind=kind, match=Match(endpoint="market/history-candles"), count=times))
    now_ms = floor.clock.now_ms()
    failure = await history.read_candles(SPOT, "1m", now_ms - HOUR_MS, now_ms)
    assert isinstance(failure, PageFailure)
    assert not failure.is_lasting
    assert isinstance(await history.read_candles(SPOT, "1m", now_ms - HOUR_MS, now_ms), Page)
