"""A venue's history for tests: tells of a series page by page, and fails where it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from fairlead.core.model.history import FundingRate, Page, PageFailure
from fairlead.core.model.market import Candle
from fairlead.market.candles.generate import BEGIN_MS, generate_series
from fairlead.market.candles.series import CandleSeries

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


def candles_of(series: CandleSeries) -> list[Candle]:
    return [
        Candle(
            symbol=series.symbol,
            open_ms=int(series.opened_ms[row]),
            open=series.price(int(series.open[row])),
            high=series.price(int(series.high[row])),
            low=series.price(int(series.low[row])),
            close=series.price(int(series.close[row])),
            volume=Decimal(repr(float(series.volume[row]))),
        )
        for row in range(len(series))
    ]


class Past:
    """Ten candles a page; ``limit`` of them are told of each, ``fail`` says what goes wrong with which request."""

    name = "a test"
    candles_per_page = 10
    funding_page_ms = 10 * HOUR_MS

    def __init__(self, candles: int = 100, *, begin_ms: int = BEGIN_MS, limit: int = 10) -> None:
        self.candles = candles_of(generate_series("BTC-USDT", candles=candles, seed=1, begin_ms=begin_ms))
        self.asked: list[tuple[str, int, int]] = []
        self.fail: Callable[[int], PageFailure | None] = lambda _number: None
        self.hang_after = 10**9
        self.hanging = asyncio.Event()
        self.limit = limit
        self.open_ms = 10**15

    async def read_candles(self, symbol: str, timeframe: str, begin_ms: int, end_ms: int) -> Page[Candle] | PageFailure:
        assert end_ms - begin_ms <= self.candles_per_page * (DAY_MS if timeframe == "1d" else MINUTE_MS)
        failure = await self._note(timeframe, begin_ms, end_ms)
        if failure is not None:
            return failure
        if timeframe == "1d":
            days = sorted({candle.open_ms // DAY_MS * DAY_MS for candle in self.candles})
            rows = [candle for candle in self.candles if candle.open_ms in days]
            return Page(tuple(row for row in rows if begin_ms <= row.open_ms < end_ms), end_ms)
        end_ms = min(end_ms, self.open_ms)
        found = [candle for candle in self.candles if begin_ms <= candle.open_ms < end_ms]
        told = found[: self.limit]
        return Page(tuple(told), told[-1].open_ms + MINUTE_MS if len(told) < len(found) else end_ms)

    async def read_funding(self, symbol: str, begin_ms: int, end_ms: int) -> Page[FundingRate] | PageFailure:
        failure = await self._note("funding", begin_ms, end_ms)
        first = -(-begin_ms // (8 * HOUR_MS)) * 8 * HOUR_MS
        rates = (FundingRate(at_ms, Decimal("0.0001")) for at_ms in range(first, end_ms, 8 * HOUR_MS))
        return failure or Page(tuple(rates), end_ms)

    async def _note(self, what: str, begin_ms: int, end_ms: int) -> PageFailure | None:
        self.asked.append((what, begin_ms, end_ms))
        number = len(self.asked)
        if number > self.hang_after:
            self.hanging.set()
            await asyncio.Event().wait()
        return self.fail(number)
