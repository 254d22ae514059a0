"""Candles made of the prices that bots decided at, for markets of which no others are kept."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import numpy as np

from fairlead.backtest.parity.stretches import Trade
from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.market.candles.series import CandleSeries


def series_of_heard(
    symbol: str, timeframe: str, tick: Decimal, heard: Iterable[tuple[int, Decimal]]
) -> CandleSeries | None:
    """Candles of (milliseconds, price); each opens at the first price of its time. None: there is no price.

    Of prices of one millisecond those that are given first came first.

    A candle in which no bot heard a price stands at the last one: between two prices that bots wait for, nothing that
    matters to them happened. One more stands at either end, for what is decided at its close.
    """
    ticks = sorted(((at_ms, int(price / tick)) for at_ms, price in heard), key=lambda one: one[0])
    if not ticks:
        return None
    length_ms = TIMEFRAMES_MS[timeframe]
    first, last = ticks[0][0] // length_ms - 1, ticks[-1][0] // length_ms + 1
    rows: dict[int, list[int]] = {}
    for at_ms, price in ticks:
        rows.setdefault(at_ms // length_ms, []).append(price)
    columns: dict[str, list[int]] = {"open": [], "high": [], "low": [], "close": []}
    close = ticks[0][1]
    for number in range(first, last + 1):
        prices = rows.get(number, [close])
        for name, price in zip(columns, (prices[0], max(prices), min(prices), prices[-1]), strict=True):
            columns[name].append(price)
        close = prices[-1]
    return CandleSeries(
        symbol=symbol,
        timeframe=timeframe,
        tick=tick,
        opened_ms=np.arange(first, last + 1, dtype=np.int64) * length_ms,
        prices={name: np.array(column, dtype=np.int64) for name, column in columns.items()},
    )


def touched_prices(trades: Iterable[Trade]) -> list[tuple[int, Decimal]]:
    """Limits that were filled, so that they were reached, though nobody was woken there; on the way to each other."""
    limits = [one for one in trades if one.limit is not None]
    on_the_way = sorted(limits, key=lambda one: (one.at_ms, -one.price if one.is_buy else one.price))
    return [(one.at_ms - 1, one.price) for one in on_the_way]


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
