"""Finds the next candle that touches a price, without looking at the others one by one.

With numba installed the search is compiled; without it plain Python passes over groups. Both find the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import numpy as np

from fairlead.backtest.compiled import compiled_search, is_compiled
from fairlead.market.candles.series import CandleSeries, Ticks

Search: TypeAlias = Callable[[int, int, int], int]
"""Takes the first candle to look at, a price from above and one from below, in ticks.

It finds the first candle from there whose low is at or below the former or whose high is at or above the latter; the
number of candles where there is none.
"""

NEVER_LOW: Final = -1
NEVER_HIGH: Final = 2**62
"""Ticks that no candle touches."""

_GROUP: Final = 16
_LAST: Final = _GROUP - 1


def make_search(series: CandleSeries, *, compiled: bool | None = None) -> Search:
    """Make the search over a series; ``compiled`` None: where numba is installed."""
    wants_compiled = is_compiled() if compiled is None else compiled
    return CompiledSearch(series) if wants_compiled else _plain(series)


class CompiledSearch:
    """The search that numba has compiled; ``flat`` is what it takes, for whoever compiles more than the search."""

    __slots__ = ("_search", "flat")

    def __init__(self, series: CandleSeries) -> None:
        """Lay the columns out one after the other."""
        # One array as the argument: unpacking six of them would take longer than the search.
        header = np.array([len(series), len(series.block_lows)], dtype=np.int64)
        self.flat: Ticks = np.concatenate((header, series.low, series.high, series.block_lows, series.block_highs))
        self._search = compiled_search()

    def __call__(self, start: int, buy: int, sell: int) -> int:
        """Find it."""
        return self._search(self.flat, start, buy, sell)


def _plain(series: CandleSeries) -> Search:
    """Plain Python over groups of groups: whole groups that nothing touches are passed over, larger ones first."""
    levels = [(low.data, high.data) for low, high in _groups(series)]
    length = len(series)

    def find(start: int, buy: int, sell: int) -> int:
        place, level = start, 0
        while True:
            lows, highs = levels[level]
            end = min(len(lows), (place | _LAST) + 1)
            while place < end and lows[place] > buy and highs[place] < sell:
                place += 1
            if place < end:
                break
            if place >= len(lows):
                return length
            place, level = place // _GROUP, level + 1
        # The touched one is among the members of the touched group.
        while level:
            level -= 1
            place *= _GROUP
            lows, highs = levels[level]
            while lows[place] > buy and highs[place] < sell:
                place += 1
        return place

    return find


def _groups(series: CandleSeries) -> Iterator[tuple[Ticks, Ticks]]:
    """Lows and highs of the candles, then of groups of them, then of groups of groups, until one is left."""
    low, high = series.low, series.high
    yield low, high
    while len(low) > 1:
        firsts = np.arange(0, len(low), _GROUP)
        low, high = np.minimum.reduceat(low, firsts), np.maximum.reduceat(high, firsts)
        yield low, high
