"""Candles as they came: in any order, perhaps twice, perhaps wrong; prices are whole numbers of one decimal place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fairlead.core.model.market import Candle
from fairlead.market.candles.series import PRICES, Floats, Ticks

DIGITS_MAX: Final = 18
"""A price has at most so many digits, those behind the point included: they fit into 64 bits."""

_TEN: Final = 10


class PriceDigitsError(ValueError):
    """A price has more digits than are kept."""


@dataclass(frozen=True, slots=True)
class CandleTable:
    """Rows of equal length: ``opened_ms`` in UTC, ``prices`` (open, high, low, close) in steps of ten to -``decimals``.

    ``volume`` is zero where unknown.
    """

    opened_ms: Ticks
    prices: Mapping[str, Ticks]
    decimals: int
    volume: Floats

    def __len__(self) -> int:
        """How many rows."""
        return len(self.opened_ms)

    @property
    def step(self) -> Decimal:
        """What a price of one stands for."""
        return Decimal(1).scaleb(-self.decimals)

    def price(self, name: str, row: int) -> Decimal:
        """One price, exactly."""
        return int(self.prices[name][row]) * self.step

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> CandleTable:
        """Only these rows, in this order."""
        prices = {name: column[chosen] for name, column in self.prices.items()}
        return CandleTable(self.opened_ms[chosen], prices, self.decimals, self.volume[chosen])

    def between(self, begin_ms: int, end_ms: int) -> CandleTable:
        """Rows that open in [``begin_ms``, ``end_ms``)."""
        return self.rows((self.opened_ms >= begin_ms) & (self.opened_ms < end_ms))

    def with_decimals(self, decimals: int) -> CandleTable:
        """The same prices in finer or equal steps.

        Raises:
            PriceDigitsError: they would not fit any more.
            ValueError: the steps would be coarser.
        """
        if decimals < self.decimals:
            raise ValueError(f"prices with {self.decimals} decimals cannot be told with {decimals}")
        factor = _TEN ** (decimals - self.decimals)
        if factor == 1:
            return self
        highest = max((int(np.abs(column).max()) for column in self.prices.values() if len(column)), default=0)
        if highest * factor >= _TEN**DIGITS_MAX:
            raise PriceDigitsError(
                f"prices up to {highest * self.step} with {decimals} decimals: over {DIGITS_MAX} digits"
            )
        return CandleTable(
            self.opened_ms, {name: column * factor for name, column in self.prices.items()}, decimals, self.volume
        )

    def reduced(self) -> CandleTable:
        """The same with as few decimals as its prices need."""
        shared = int(np.gcd.reduce([int(np.gcd.reduce(column)) for column in self.prices.values()])) if len(self) else 0
        spare = 0
        while spare < self.decimals and shared % _TEN ** (spare + 1) == 0:
            spare += 1
        if not spare:
            return self
        prices = {name: column // _TEN**spare for name, column in self.prices.items()}
        return CandleTable(self.opened_ms, prices, self.decimals - spare, self.volume)

    def equal_rows(self, other: CandleTable) -> NDArray[np.bool_]:
        """Which rows are the same in both; they have equally many rows and decimals."""
        same: NDArray[np.bool_] = (self.opened_ms == other.opened_ms) & (self.volume == other.volume)
        for name in PRICES:
            same &= self.prices[name] == other.prices[name]
        return same


def join_tables(tables: Sequence[CandleTable]) -> CandleTable:
    """All rows of all tables, in their order, in the finest of their steps.

    Raises:
        PriceDigitsError: some prices have too many digits for the decimals of others.
    """
    decimals = max((table.decimals for table in tables), default=0)
    alike = [table.with_decimals(decimals) for table in tables]
    if not alike:
        nothing = np.empty(0, dtype=np.int64)
        return CandleTable(nothing, dict.fromkeys(PRICES, nothing), 0, np.empty(0))
    if len(alike) == 1:
        return alike[0]
    return CandleTable(
        np.concatenate([table.opened_ms for table in alike]),
        {name: np.concatenate([table.prices[name] for table in alike]) for name in PRICES},
        decimals,
        np.concatenate([table.volume for table in alike]),
    )


def distinct(times: Ticks) -> Ticks:
    """The same times in order, each once; numpy's own way for that is many times slower on times in order."""
    ordered = np.sort(times)
    return ordered[np.concatenate(([True], np.diff(ordered) > 0))] if len(ordered) else ordered


def table_of(candles: Sequence[Candle]) -> CandleTable:
    """Candles with exact prices as a table.

    Raises:
        PriceDigitsError: a price has more digits than are kept.
    """
    texts = [(candle.open, candle.high, candle.low, candle.close) for candle in candles]
    decimals = max((decimals_of(price) for row in texts for price in row), default=0)
    scaled = [[int(price.scaleb(decimals)) for price in row] for row in texts]
    if any(abs(price) >= _TEN**DIGITS_MAX for row in scaled for price in row):
        raise PriceDigitsError(f"a price has over {DIGITS_MAX} digits")
    columns = np.array(scaled, dtype=np.int64).reshape(len(candles), len(PRICES))
    return CandleTable(
        np.array([candle.open_ms for candle in candles], dtype=np.int64),
        {name: np.ascontiguousarray(columns[:, place]) for place, name in enumerate(PRICES)},
        decimals,
        np.array([float(candle.volume) for candle in candles], dtype=np.float64),
    )


def decimals_of(value: Decimal) -> int:
    """How many decimals a number needs."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
