"""Finds the next candle that touches a price, without looking at the others one by one.

With numba installed the search is compiled; without it the same search runs on numpy's own loops. Both find the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from fairlead.backtest.compiled import compiled_search, is_compiled
from fairlead.market.candles.series import BLOCK, CandleSeries

Search: TypeAlias = Callable[[int, int, int], int]
"""Takes the first candle to look at, a price from above and one from below, in ticks.

It finds the first candle from there whose low is at or below the former or whose high is at or above the latter; the
number of candles where there is none.
"""

NEVER_LOW: Final = -1
NEVER_HIGH: Final = 2**62
"""Ticks that no candle touches."""

_FIRST_LOOK: Final = 128
_LONGEST_LOOK: Final = 65_536


def make_search(series: CandleSeries, *, compiled: bool | None = None) -> Search:
    """Make the search over a series; ``compiled`` None: where numba is installed."""
    wants_compiled = is_compiled() if compiled is None else compiled
    return _compiled(series) if wants_compiled else _plain(series)


def _compiled(series: CandleSeries) -> Search:
    search = compiled_search()
    # One array as the argument: unpacking six of them would take longer than the search.
    header = np.array([len(series), len(series.block_lows)], dtype=np.int64)
    flat = np.concatenate((header, series.low, series.high, series.block_lows, series.block_highs))

    def find(start: int, buy: int, sell: int) -> int:
        return search(flat, start, buy, sell)

    return find


def _plain(series: CandleSeries) -> Search:
    low, high, length = series.low, series.high, len(series)
    lows, highs = series.block_lows, series.block_highs

    def find(start: int, buy: int, sell: int) -> int:
        end = min(start + _FIRST_LOOK, length)
        touched = (low[start:end] <= buy) | (high[start:end] >= sell)
        place = int(touched.argmax()) if end > start else 0
        if end > start and touched[place]:
            return start + place
        block, size = end // BLOCK, _FIRST_LOOK
        while block < len(lows):
            over = (lows[block : block + size] <= buy) | (highs[block : block + size] >= sell)
            place = int(over.argmax())
            if over[place]:
                first = max((block + place) * BLOCK, end)
                after = (block + place + 1) * BLOCK
                touched = (low[first:after] <= buy) | (high[first:after] >= sell)
                at = int(touched.argmax()) if first < length else 0
                if first < length and touched[at]:
                    return first + at
                # What touched in that block lies before the candles still to be looked at.
                block += place + 1
                continue
            block, size = block + size, min(size * 2, _LONGEST_LOOK)
        return length

    return find
