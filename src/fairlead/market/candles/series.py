"""Closed candles of one instrument as arrays of whole ticks, so that prices are compared exactly and searched fast."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fairlead.core.model.conditions import TIMEFRAMES_MS

Ticks: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

BLOCK: Final = 64
"""Candles whose lowest low and highest high are kept together, so that a search may pass over all of them at once."""

PRICES: Final = ("open", "high", "low", "close")

ALL_THERE_ARE: Final = 2**62


class CandleSeries:
    """Closed candles, oldest first: times in UTC milliseconds of each one's first moment, prices in ticks.

    ``volume`` is in the instrument's base currency (contracts where the venue counts in them), zero where unknown. A
    candle that is missing is missing: times are not evenly spaced then. A series that was cut from a longer one knows
    the candles ``earlier`` than its own, for whoever looks back; never later ones.

    Raises:
        ValueError: no candle at all, arrays of different lengths, times that do not grow, a price that is not positive,
            or a low or high that is not the lowest or highest of its candle.
    """

    def __init__(
        self,
        *,
        symbol: str,
        timeframe: str,
        tick: Decimal,
        opened_ms: Ticks,
        prices: Mapping[str, Ticks],
        volume: Floats | None = None,
    ) -> None:
        """Take columns; ``prices`` has open, high, low and close in ticks."""
        self.symbol = symbol
        self.timeframe = timeframe
        self.length_ms = TIMEFRAMES_MS[timeframe]
        self.tick = tick
        self.opened_ms = np.ascontiguousarray(opened_ms, dtype=np.int64)
        self.open, self.high, self.low, self.close = (
            np.ascontiguousarray(prices[name], dtype=np.int64) for name in PRICES
        )
        self.volume = (
            np.zeros(len(self.opened_ms)) if volume is None else np.ascontiguousarray(volume, dtype=np.float64)
        )
        self._whole: CandleSeries | None = None
        self._first = self._known = 0
        self._check()

    def __len__(self) -> int:
        """How many candles."""
        return len(self.opened_ms)

    @property
    def begin_ms(self) -> int:
        """First moment of the oldest candle."""
        return int(self.opened_ms[0])

    @property
    def end_ms(self) -> int:
        """First moment after the newest candle."""
        return int(self.opened_ms[-1]) + self.length_ms

    @property
    def earlier(self) -> int:
        """How many candles before these are known."""
        return self._known

    @property
    def missing(self) -> int:
        """How many candles of the time between the first and the last there are not."""
        return (self.end_ms - self.begin_ms) // self.length_ms - len(self)

    @cached_property
    def closed_ms(self) -> Ticks:
        """First moment after each candle."""
        return self.opened_ms + self.length_ms

    @cached_property
    def block_lows(self) -> Ticks:
        """Lowest low of every ``BLOCK`` candles."""
        return np.minimum.reduceat(self.low, np.arange(0, len(self), BLOCK))

    @cached_property
    def block_highs(self) -> Ticks:
        """Highest high of every ``BLOCK`` candles."""
        return np.maximum.reduceat(self.high, np.arange(0, len(self), BLOCK))

    @cached_property
    def closes(self) -> Floats:
        """Closes as numbers in the quote currency: for curves and statistics, never for an order."""
        return self.floats("close")

    def floats(self, name: str) -> Floats:
        """A price column as numbers; ``name`` is open, high, low or close."""
        column: Ticks = getattr(self, name)
        return np.multiply(column, float(self.tick))

    def price(self, ticks: int) -> Decimal:
        """A price from its ticks."""
        return ticks * self.tick

    def between(self, begin_ms: int, end_ms: int) -> CandleSeries:
        """Candles that lie wholly in [``begin_ms``, ``end_ms``), which know the earlier ones; views, not copies.

        Raises:
            ValueError: there are none.
        """
        first = int(np.searchsorted(self.opened_ms, begin_ms))
        after = int(np.searchsorted(self.opened_ms, end_ms - self.length_ms, side="right"))
        if first >= after:
            raise ValueError(f"no candles of {self.symbol} between {begin_ms} and {end_ms}")
        return self.slice(first, after)

    def slice(self, first: int, after: int, *, earlier_max: int = ALL_THERE_ARE) -> CandleSeries:
        """Candles number ``first`` up to before ``after``, which know so many earlier ones at most; no copies."""
        assert 0 <= first < after <= len(self), (first, after)
        # What was checked need not be checked again.
        view = CandleSeries.__new__(CandleSeries)
        vars(view).update(
            {name: getattr(self, name)[first:after] for name in ("opened_ms", *PRICES, "volume")},
            symbol=self.symbol,
            timeframe=self.timeframe,
            length_ms=self.length_ms,
            tick=self.tick,
            _whole=self if self._whole is None else self._whole,
            _first=self._first + first,
            _known=min(self._known + first, earlier_max),
        )
        return view

    def with_earlier(self, candles: int) -> CandleSeries:
        """These candles and so many of those before them, as far as they are known; views, not copies."""
        taken = min(candles, self._known)
        if not taken or self._whole is None:
            return self
        return self._whole.slice(self._first - taken, self._first + len(self))

    def _check(self) -> None:
        columns = {name: getattr(self, name) for name in PRICES}
        lengths = {len(self.opened_ms), len(self.volume), *(len(column) for column in columns.values())}
        if lengths == {0}:
            raise ValueError(f"no candles of {self.symbol}")
        if len(lengths) != 1:
            raise ValueError(f"columns of {self.symbol} have different lengths: {sorted(lengths)}")
        self._refuse(np.concatenate(([False], np.diff(self.opened_ms) <= 0)), "is not later than the one before")
        self._refuse(self.low <= 0, "has a price that is not positive")
        self._refuse(self.low > np.minimum(self.open, self.close), "has a low above its open or close")
        self._refuse(self.high < np.maximum(self.open, self.close), "has a high below its open or close")

    def _refuse(self, wrong: NDArray[np.bool_], rule: str) -> None:
        if wrong.any():
            number = int(np.argmax(wrong))
            raise ValueError(f"candle {number} of {self.symbol} (opened {int(self.opened_ms[number])}) {rule}")
