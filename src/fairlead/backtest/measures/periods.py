"""What a curve of equity was at each UTC midnight and month's end, and what it gained from one to the next."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from fairlead.backtest.result import Curve
from fairlead.market.candles.series import Floats, Ticks

DAY_MS: Final = 86_400_000


class MonthReturn(msgspec.Struct, frozen=True):
    """What one month of UTC gained, as a fraction; the first and last may be part of a month."""

    year: int
    month: int
    value: float


def daily_values(curve: Curve, start: float, begin_ms: int) -> Floats:
    """Equity at the beginning, at each UTC midnight after it, and at the end; in the curve's unit.

    The first and the last day may be parts of one. A day without a candle keeps the value before it.
    """
    end_ms = int(curve.at_ms[-1]) if len(curve) else begin_ms
    midnights = np.arange((begin_ms // DAY_MS + 1) * DAY_MS, end_ms, DAY_MS, dtype=np.int64)
    return values_at(curve, start, np.append(midnights, [end_ms] if end_ms > begin_ms else []).astype(np.int64))


def values_at(curve: Curve, start: float, moments: Ticks) -> Floats:
    """``start``, and then the newest value as of each moment."""
    places = np.searchsorted(curve.at_ms, moments, side="right") - 1
    found = np.where(places >= 0, curve.values[places] if len(curve) else start, start)
    return np.append(start, found)


def returns_of(values: Floats) -> Floats:
    """Simple return of each value over the one before; they end with the day that lost everything."""
    lost = np.flatnonzero(values <= 0.0)
    if len(lost):
        values = np.append(values[: int(lost[0])], 0.0)
    return values[1:] / values[:-1] - 1.0


def monthly_returns(curve: Curve, start: float, begin_ms: int) -> list[MonthReturn]:
    """What each month gained, from the first to the last."""
    if not len(curve):
        return []
    # The last value belongs to the month in which its candle began.
    last_ms = int(curve.at_ms[-1])
    first, last = (np.datetime64(moment, "ms").astype("datetime64[M]") for moment in (begin_ms, last_ms - 1))
    months = np.arange(first, last + 1)
    ends = (months + 1).astype("datetime64[ms]").astype(np.int64)
    gained = returns_of(values_at(curve, start, ends))
    numbers = months.astype(np.int64).tolist()[: len(gained)]
    return [
        MonthReturn(1970 + number // 12, number % 12 + 1, value)
        for number, value in zip(numbers, gained.tolist(), strict=True)
    ]
