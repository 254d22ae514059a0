"""The words of conditions. Everything looks back: there is no word for a bar that is not closed yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from fairlead.core.model.conditions import (
    TIMEFRAMES_MS,
    Ago,
    Arithmetic,
    Comparison,
    Condition,
    Expression,
    Indicator,
    Logic,
    Number,
    Price,
    Series,
    as_series,
)

LENGTH_MIN: Final = 2
LENGTH_MAX: Final = 1_000
AGO_MAX: Final = 1_000


class Shape(msgspec.Struct, frozen=True):
    """What an indicator needs, in its own lengths: bars before its first number, and until its start is forgotten.

    An average that never forgets is computed over so many bars that what came before is below one part in 10^11. That
    says nothing of a share of two averages: where nothing moves both fade alike, and it stays what it was for ever. One
    that ``restarts`` begins anew at fixed times and sees ``memory`` to twice as many bars, so that older ones count for
    nothing at all.
    """

    lookback: int
    memory: int = 1
    restarts: bool = False

    @property
    def kept(self) -> int:
        """So many must be kept for the newest number."""
        return max(self.memory, self.lookback) * (2 if self.restarts else 1)


SHAPES: Final[Mapping[str, Shape]] = {
    "sma": Shape(1),
    "ema": Shape(1, 14),
    "wma": Shape(1),
    "rsi": Shape(1, 28, restarts=True),
    "roc": Shape(1),
    "stddev": Shape(1),
    "highest": Shape(1),
    "lowest": Shape(1),
    "atr": Shape(1, 28),
    "adx": Shape(2, 56, restarts=True),
}

_OF_CHANGES: Final = frozenset({"rsi", "roc", "atr"})
"""They look at changes from bar to bar, of which there is one less than bars."""

open_: Final = Price("open")
high: Final = Price("high")
low: Final = Price("low")
close: Final = Price("close")


def sma(series: Series, length: int, timeframe: str = "") -> Series:
    """Mean of the last ``length`` values."""
    return _indicator("sma", series, length, timeframe)


def ema(series: Series, length: int, timeframe: str = "") -> Series:
    """Mean that weighs newer values more, by 2 / (length + 1); it begins with the mean of the first ``length``."""
    return _indicator("ema", series, length, timeframe)


def wma(series: Series, length: int, timeframe: str = "") -> Series:
    """Mean of the last ``length`` values with weights 1, 2, ... length."""
    return _indicator("wma", series, length, timeframe)


def rsi(series: Series, length: int = 14, timeframe: str = "") -> Series:
    """Wilder's relative strength, 0 to 100; 50 where nothing has moved for long."""
    return _indicator("rsi", series, length, timeframe)


def roc(series: Series, length: int, timeframe: str = "") -> Series:
    """Change over ``length`` bars in percent."""
    return _indicator("roc", series, length, timeframe)


def stddev(series: Series, length: int, timeframe: str = "") -> Series:
    """Standard deviation of the last ``length`` values, of the whole population."""
    return _indicator("stddev", series, length, timeframe)


def highest(series: Series, length: int, timeframe: str = "") -> Series:
    """The greatest of the last ``length`` values."""
    return _indicator("highest", series, length, timeframe)


def lowest(series: Series, length: int, timeframe: str = "") -> Series:
    """The least of the last ``length`` values."""
    return _indicator("lowest", series, length, timeframe)


def atr(length: int = 14, timeframe: str = "") -> Series:
    """Wilder's average true range, in the quote currency."""
    return _indicator("atr", None, length, timeframe)


def adx(length: int = 14, timeframe: str = "") -> Series:
    """Wilder's average directional index, 0 to 100; 0 where nothing has moved for long."""
    return _indicator("adx", None, length, timeframe)


def macd(series: Series, fast: int = 12, slow: int = 26, timeframe: str = "") -> Series:
    """The faster exponential mean less the slower one."""
    return ema(series, fast, timeframe) - ema(series, slow, timeframe)


def macd_signal(series: Series, fast: int = 12, slow: int = 26, signal: int = 9, timeframe: str = "") -> Series:
    """The exponential mean of ``macd``."""
    return ema(macd(series, fast, slow, timeframe), signal, timeframe)


def bollinger_upper(series: Series, length: int = 20, width: float = 2, timeframe: str = "") -> Series:
    """The mean and ``width`` standard deviations above it."""
    return sma(series, length, timeframe) + width * stddev(series, length, timeframe)


def bollinger_lower(series: Series, length: int = 20, width: float = 2, timeframe: str = "") -> Series:
    """The mean and ``width`` standard deviations below it."""
    return sma(series, length, timeframe) - width * stddev(series, length, timeframe)


def ago(series: Series, bars: int) -> Series:
    """A series so many bars before."""
    if bars > AGO_MAX:
        message = f"ago {bars}: at most {AGO_MAX} bars"
        raise ValueError(message)
    return series.ago(bars)


def crosses_above(left: Series, right: Series | float) -> Condition:
    """Above now, and not above at the bar before."""
    return Comparison("crosses above", left, as_series(right))


def crosses_below(left: Series, right: Series | float) -> Condition:
    """Below now, and not below at the bar before."""
    return Comparison("crosses below", left, as_series(right))


def on(price: Price, timeframe: str) -> Series:
    """A price of bars of this length; an indicator is given its own."""
    return Price(price.field, check_timeframe(timeframe))


FUNCTIONS: Final[Mapping[str, Callable[..., Expression]]] = {
    word.__name__: word
    for word in (
        *(sma, ema, wma, rsi, roc, stddev, highest, lowest, atr, adx),
        *(macd, macd_signal, bollinger_upper, bollinger_lower),
        *(ago, on, crosses_above, crosses_below),
    )
}
PRICES: Final[Mapping[str, Price]] = {"open": open_, "high": high, "low": low, "close": close}


def check_timeframe(timeframe: str) -> str:
    """Take a timeframe that there is.

    Raises:
        ValueError: there is none of this name.
    """
    if timeframe not in TIMEFRAMES_MS:
        message = f"no timeframe {timeframe!r}: use one of {', '.join(TIMEFRAMES_MS)}"
        raise ValueError(message)
    return timeframe


def timeframe_of(expression: Expression, default: str) -> str | None:
    """Of which bars an expression has a value: the shortest of those that it looks at; None for plain numbers."""
    inner = expression.timeframe or default if isinstance(expression, Indicator) else default
    found = [one for part in parts_of(expression) if (one := timeframe_of(part, inner)) is not None]
    if isinstance(expression, Price):
        return expression.timeframe or default
    if isinstance(expression, Indicator) and not found:
        return inner
    return min(found, key=TIMEFRAMES_MS.__getitem__) if found else None


def bars_kept(expression: Expression, default: str) -> dict[str, int]:
    """How many bars of each timeframe must be kept so that the newest value does not depend on older ones."""
    return _longest(_reach(expression, default, 1, _remembered))


def bars_awaited(expression: Expression, default: str) -> dict[str, int]:
    """How many bars of each timeframe there must be before the expression has a value."""
    return _longest(_reach(expression, default, 1, _looked_back))


def parts_of(expression: Expression) -> tuple[Expression, ...]:
    """What an expression is made of."""
    match expression:
        case Indicator(inputs=inputs):
            return inputs
        case Ago(series=series):
            return (series,)
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            return (left, right)
        case Logic(parts=parts):
            return parts
        case _:
            return ()


def _longest(reaches: Iterator[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for timeframe, bars in reaches:
        found[timeframe] = max(found.get(timeframe, 0), bars)
    return found


def _reach(
    expression: Expression, default: str, bars: int, before: Callable[[Indicator | Comparison], int]
) -> Iterator[tuple[str, int]]:
    match expression:
        case Number():
            return
        case Price(timeframe=timeframe):
            yield timeframe or default, bars
        case Indicator(timeframe=timeframe):
            default = timeframe or default
            bars += before(expression)
            if not expression.inputs:
                yield default, bars
        case Ago(bars=ago_bars):
            bars += ago_bars
        case Comparison():
            bars += before(expression)
        case _:
            pass
    for part in parts_of(expression):
        yield from _reach(part, default, bars, before)


def _remembered(expression: Indicator | Comparison) -> int:
    """How many bars before count for the newest value."""
    return 1 if isinstance(expression, Comparison) else expression.length * SHAPES[expression.name].kept


def _looked_back(expression: Indicator | Comparison) -> int:
    """How many bars before there must be for a value at all."""
    if isinstance(expression, Comparison):
        return int(expression.operator.startswith("crosses"))
    return expression.length * SHAPES[expression.name].lookback - (expression.name not in _OF_CHANGES)


def _indicator(name: str, series: object, length: object, timeframe: str) -> Indicator:
    # These come from texts and from rules of users, so their types are checked here.
    if not isinstance(length, int) or not LENGTH_MIN <= length <= LENGTH_MAX:
        message = f"{name}: length {length} must be a whole number from {LENGTH_MIN} to {LENGTH_MAX}"
        raise ValueError(message)
    if not isinstance(series, Series | None):
        message = f"{name}: looks at a series such as close, not at {series!r}"
        raise TypeError(message)
    if timeframe:
        check_timeframe(timeframe)
    return Indicator(name, () if series is None else (series,), length, timeframe)
