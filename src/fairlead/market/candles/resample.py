"""Longer candles out of shorter ones: exact, and only where all the shorter ones are there."""

from __future__ import annotations

import numpy as np

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.market.candles.series import CandleSeries


def resample(series: CandleSeries, timeframe: str) -> CandleSeries:
    """Candles of a longer timeframe, each beginning at a whole multiple of its length, UTC.

    One of which a part is missing is left out.

    Raises:
        ValueError: the timeframe is not a multiple of that of the series, or not one candle is complete.
    """
    length_ms = TIMEFRAMES_MS[timeframe]
    if length_ms % series.length_ms:
        raise ValueError(f"candles of {timeframe} cannot be made of candles of {series.timeframe}")
    group = series.opened_ms // length_ms
    first = np.flatnonzero(np.concatenate(([True], np.diff(group) > 0)))
    counts = np.diff(np.concatenate((first, [len(series)])))
    whole = counts == length_ms // series.length_ms
    if not whole.any():
        raise ValueError(f"not one candle of {timeframe} is complete in {len(series)} of {series.timeframe}")
    last = first + counts - 1
    prices = {
        "open": series.open[first],
        "high": np.maximum.reduceat(series.high, first),
        "low": np.minimum.reduceat(series.low, first),
        "close": series.close[last],
    }
    return CandleSeries(
        symbol=series.symbol,
        timeframe=timeframe,
        tick=series.tick,
        opened_ms=(group[first] * length_ms)[whole],
        prices={name: column[whole] for name, column in prices.items()},
        volume=np.add.reduceat(series.volume, first)[whole],
    )
