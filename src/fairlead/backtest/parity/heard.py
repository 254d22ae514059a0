"""Candles made of the prices that bots decided at, for markets of which no others are kept."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import numpy as np

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.market.candles.series import CandleSeries


def series_of_heard(
    symbol: str, timeframe: str, tick: Decimal, heard: Iterable[tuple[int, Decimal]]
) -> CandleSeries | None:
    """Candles of (milliseconds, price) in any order; each opens where the one before closed, None: there is no price.

    A candle in which no bot heard a price stands at the last one: between two prices that bots wait for, nothing that
    matters to them happened.
    """
    ticks = sorted((at_ms, int(price / tick)) for at_ms, price in heard)
    if not ticks:
        return None
    length_ms = TIMEFRAMES_MS[timeframe]
    first, last = ticks[0][0] // length_ms, ticks[-1][0] // length_ms
    rows: dict[int, list[int]] = {}
    for at_ms, price in ticks:
        rows.setdefault(at_ms // length_ms, []).append(price)
    columns: dict[str, list[int]] = {"open": [], "high": [], "low": [], "close": []}
    close = ticks[0][1]
    for number in range(first, last + 1):
        prices = [close, *rows.get(number, ())]
        for name, price in zip(columns, (close, max(prices), min(prices), prices[-1]), strict=True):
            columns[name].append(price)
        close = prices[-1]
    return CandleSeries(
        symbol=symbol,
        timeframe=timeframe,
        tick=tick,
        opened_ms=np.arange(first, last + 1, dtype=np.int64) * length_ms,
        prices={name: np.array(column, dtype=np.int64) for name, column in columns.items()},
    )


def are_of_one_market(series: CandleSeries, heard: Iterable[tuple[int, Decimal]]) -> bool:
    """Whether at least half of the prices that bots heard lie in these candles, or in the ones beside them."""
    inside = total = 0
    for at_ms, price in heard:
        place = int(np.searchsorted(series.opened_ms, at_ms, side="right")) - 1
        beside = slice(max(0, place - 1), place + 2)
        if place < 0 or not len(series.low[beside]):
            continue
        total += 1
        low, high = series.price(int(series.low[beside].min())), series.price(int(series.high[beside].max()))
        inside += low <= price <= high
    return total == 0 or inside * 2 >= total
