"""Expressions over closed bars: series of numbers, and conditions that hold or do not.

They are written down, not computed here: one expression is evaluated over years as arrays, and live on the newest bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn

import msgspec

_MINUTE_MS: Final = 60_000
TIMEFRAMES_MS: Final[Mapping[str, int]] = {
    "1m": _MINUTE_MS,
    "3m": 3 * _MINUTE_MS,
    "5m": 5 * _MINUTE_MS,
    "15m": 15 * _MINUTE_MS,
    "30m": 30 * _MINUTE_MS,
    "1h": 60 * _MINUTE_MS,
    "2h": 120 * _MINUTE_MS,
    "4h": 240 * _MINUTE_MS,
    "6h": 360 * _MINUTE_MS,
    "12h": 720 * _MINUTE_MS,
    "1d": 1_440 * _MINUTE_MS,
}
"""Lengths of bars; each begins at a whole multiple of its length, UTC."""


class Series(msgspec.Struct, frozen=True):
    """A number for each closed bar. Arithmetic and comparison write down a new expression."""

    def __add__(self, other: Series | float) -> Series:
        return Arithmetic("+", self, as_series(other))

    def __radd__(self, other: float) -> Series:
        return Arithmetic("+", as_series(other), self)

    def __sub__(self, other: Series | float) -> Series:
        return Arithmetic("-", self, as_series(other))

    def __rsub__(self, other: float) -> Series:
        return Arithmetic("-", as_series(other), self)

    def __mul__(self, other: Series | float) -> Series:
        return Arithmetic("*", self, as_series(other))

    def __rmul__(self, other: float) -> Series:
        return Arithmetic("*", as_series(other), self)

    def __truediv__(self, other: Series | float) -> Series:
        return Arithmetic("/", self, as_series(other))

    def __gt__(self, other: Series | float) -> Condition:
        return Comparison(">", self, as_series(other))

    def __ge__(self, other: Series | float) -> Condition:
        return Comparison(">=", self, as_series(other))

    def __lt__(self, other: Series | float) -> Condition:
        return Comparison("<", self, as_series(other))

    def __le__(self, other: Series | float) -> Condition:
        return Comparison("<=", self, as_series(other))

    def ago(self, bars: int) -> Series:
        """The same series so many bars before."""
        if bars < 1:
            message = f"ago({bars}) would look into the future: use 1 or more"
            raise ValueError(message)
        return Ago(self, bars)


class Condition(msgspec.Struct, frozen=True):
    """Holds at a closed bar, or does not; unknown while there are too few bars."""

    def __and__(self, other: Condition) -> Condition:
        return Logic("and", (self, other))

    def __or__(self, other: Condition) -> Condition:
        return Logic("or", (self, other))

    def __invert__(self) -> Condition:
        return Logic("not", (self,))

    def __bool__(self) -> NoReturn:
        """An expression is neither true nor false.

        Raises:
            TypeError: always.
        """
        raise TypeError("a condition is known only bar by bar: write a & b, a | b and ~a instead of and, or and not")


class Price(Series, frozen=True, tag=True):
    """Open, high, low or close of a bar; no timeframe: that of its surroundings."""

    field: str
    timeframe: str = ""


class Number(Series, frozen=True, tag=True):
    """The same for every bar."""

    value: float


class Indicator(Series, frozen=True, tag=True):
    """A function of the bars so far; its inputs without a timeframe take that of the indicator."""

    name: str
    inputs: tuple[Series, ...]
    length: int
    timeframe: str = ""


class Ago(Series, frozen=True, tag=True):
    """A series some bars before."""

    series: Series
    bars: int


class Arithmetic(Series, frozen=True, tag=True):
    """Two series combined by ``+ - * /``; a division by zero gives no number."""

    operator: str
    left: Series
    right: Series


class Comparison(Condition, frozen=True, tag=True):
    """Two series compared: ``> >= < <=``, or since the bar before ``crosses above`` and ``crosses below``."""

    operator: str
    left: Series
    right: Series


class Logic(Condition, frozen=True, tag=True):
    """Conditions joined by ``and``, ``or`` or ``not``; unknown as soon as one of them is."""

    operator: str
    parts: tuple[Condition, ...]


Expression = Series | Condition


def as_series(value: Series | float) -> Series:
    """A number as a series, and a series as it is."""
    return value if isinstance(value, Series) else Number(float(value))
