"""Computes conditions over whole arrays of bars.

The value at a bar depends on that bar and earlier ones only, and is the same whether computed over years or over the
newest bars alone: what a running sum leaves in the last digits is rounded away, and indicators that would remember for
ever begin anew at fixed times (``vocabulary.Shape``). Importing this loads numpy and TA-Lib.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Final, Protocol, TypeAlias

import numpy as np
import talib
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

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
)
from fairlead.core.rules.conditions.vocabulary import SHAPES, check_timeframe, timeframe_of

Floats: TypeAlias = NDArray[np.float64]
Ticks: TypeAlias = NDArray[np.int64]
DIGITS: Final = 10
"""Digits of the price that count; equal prices must be equal means."""

_SCALE_MAX: Final = 300
_PIECE: Final = 8_192


class Frame:
    """Bars of one length as arrays, oldest first: ``opened_ms`` is each one's first millisecond."""

    def __init__(
        self, timeframe: str, opened_ms: Sequence[int] | Ticks, prices: Mapping[str, Sequence[float] | Floats]
    ) -> None:
        """Take the columns ``open``, ``high``, ``low`` and ``close``.

        The first three are read when they are needed. Columns that are arrays are rounded in place: memory is dear.
        """
        self._opened_ms = opened_ms
        self._length_ms = TIMEFRAMES_MS[check_timeframe(timeframe)]
        self._raw = prices
        close = np.asarray(prices["close"], dtype=np.float64)
        self.scale = _scale_of(close)
        self._settled = {"close": _settle(close, self.scale)}

    def __len__(self) -> int:
        """How many."""
        return len(self._opened_ms)

    @cached_property
    def closed_ms(self) -> Ticks:
        """First milliseconds after them."""
        return np.asarray(self._opened_ms, dtype=np.int64) + self._length_ms

    def starts(self, bars: int) -> Ticks:
        """Which bars are the first of a stretch of so many; stretches are counted from 1970, so they are nobody's own.

        The very first bar is one too.
        """
        opened_ms = np.asarray(self._opened_ms, dtype=np.int64)
        stretches = opened_ms[[0, -1]] // (bars * self._length_ms)
        begin_ms = np.arange(stretches[0] + 1, stretches[1] + 1) * (bars * self._length_ms)
        # Where bars are missing, several stretches may begin with one.
        return np.unique(np.append(0, np.searchsorted(opened_ms, begin_ms)))

    def price(self, field: str) -> Floats:
        """A column, with the digits that count."""
        known = self._settled.get(field)
        if known is None:
            known = self._settled[field] = _settle(np.asarray(self._raw[field], dtype=np.float64), self.scale)
        return known


class Evaluator:
    """Computes expressions over the bars of one instrument, each part once."""

    def __init__(self, frames: Mapping[str, Frame], timeframe: str) -> None:
        """Look at these; ``timeframe`` is meant where an expression names none."""
        self._frames = frames
        self._timeframe = timeframe
        self._known: dict[tuple[Expression, str], Floats] = {}

    def evaluate(self, expression: Expression) -> Floats:
        """A value for each bar of the expression's own timeframe: NaN where unknown; 1 and 0 for a condition."""
        timeframe = timeframe_of(expression, self._timeframe) or self._timeframe
        return self._at(expression, self._timeframe, timeframe)

    def _at(self, expression: Expression, default: str, wanted: str) -> Floats:
        """The expression on the bars of ``wanted``: of a longer timeframe, what was closed then."""
        own = timeframe_of(expression, default) or wanted
        known = self._known.get((expression, own))
        if known is None:
            known = self._known[expression, own] = self._compute(expression, default, own)
        return known if own == wanted else self._align(known, own, wanted)

    def _align(self, values: Floats, own: str, wanted: str) -> Floats:
        newest = np.searchsorted(self._frames[own].closed_ms, self._frames[wanted].closed_ms, side="right") - 1
        padded = np.append(values, np.nan)
        return padded[np.where(newest < 0, len(values), newest)]

    def _compute(self, expression: Expression, default: str, own: str) -> Floats:
        match expression:
            case Price(field=field):
                return self._frames[own].price(field)
            case Number(value=value):
                return np.full(len(self._frames[own]), value)
            case Ago(series=series, bars=bars):
                return _shift(self._at(series, default, own), bars)
            case Arithmetic(operator=operator, left=left, right=right):
                with np.errstate(divide="ignore", invalid="ignore"):
                    found = _ARITHMETIC[operator](self._at(left, default, own), self._at(right, default, own))
                return np.where(np.isfinite(found), found, np.nan)
            case Comparison(operator=operator, left=left, right=right):
                return _compare(operator, self._at(left, default, own), self._at(right, default, own))
            case Logic(operator=operator, parts=parts):
                return _join(operator, [self._at(part, default, own) for part in parts])
            case Indicator(timeframe=timeframe):
                return self._indicate(expression, timeframe or default, own)
            case Series() | Condition():
                raise TypeError(expression)

    def _indicate(self, indicator: Indicator, default: str, own: str) -> Floats:
        frame = self._frames[own]
        if indicator.inputs:
            source = self._at(indicator.inputs[0], default, own)
            found = _compute_over(frame, indicator, _ON_SERIES[indicator.name], (source,))
            scale = np.minimum(frame.scale, _scale_of(source))
        else:
            columns = (frame.price("high"), frame.price("low"), frame.price("close"))
            found = _compute_over(frame, indicator, _ON_BARS[indicator.name], columns)
            scale = frame.scale
        if indicator.name in _PERCENTAGES:
            scale = np.full(len(found), 10.0 ** (DIGITS - 2))
        return _settle(found, scale)


def _compute_over(
    frame: Frame, indicator: Indicator, compute: Callable[..., Floats], columns: tuple[Floats, ...]
) -> Floats:
    """An indicator over whole columns; one that restarts over a stretch and the one before it, stretch by stretch."""
    shape, length = SHAPES[indicator.name], indicator.length
    if not shape.restarts or not len(frame):
        return compute(*columns, length)
    seen = shape.memory * length
    starts = frame.starts(seen)
    found = np.empty(len(frame))
    done = 0
    # What begins at a start counts once it has seen enough; until then, what began at the start before.
    for start, end in zip(starts, np.append(starts[1:] + seen, len(frame)), strict=True):
        part = compute(*(column[start:end] for column in columns), length)
        found[done:end] = part[done - start :]
        done = min(end, len(frame))
    return found


class ClosedBars(Protocol):
    """Bars of one length as columns of numbers, oldest first."""

    @property
    def opened_ms(self) -> Sequence[int]:
        """Their first milliseconds."""
        ...

    @property
    def columns(self) -> Mapping[str, Sequence[float]]:
        """The columns ``open``, ``high``, ``low`` and ``close``."""
        ...


def newest_values(expressions: Sequence[Expression], bars: Mapping[str, ClosedBars], timeframe: str) -> Sequence[float]:
    """The newest value of each; NaN while it is unknown."""
    frames = {name: Frame(name, one.opened_ms, one.columns) for name, one in bars.items()}
    evaluator = Evaluator(frames, timeframe)
    found = [evaluator.evaluate(expression) for expression in expressions]
    return [float(values[-1]) if len(values) else float("nan") for values in found]


def _scale_of(values: Floats) -> Floats:
    """Powers of ten that leave so many digits of each value; none at all of zero and of what is unknown.

    One number is enough where all that is known has as many digits before the point.
    """
    ends = _ends_of(values)
    if ends[0] > 0.0 and np.isfinite(ends[1]):
        scale = _powers(ends)
        if scale[0] == scale[1]:
            return scale[:1]
    return _powers(values)


def _powers(values: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = DIGITS - np.floor(np.log10(np.abs(values)))
    return np.power(10.0, np.where(np.isfinite(exponent), exponent, _SCALE_MAX))


def _ends_of(values: Floats) -> Floats:
    """The lowest and the highest of what is known; NaN where nothing is."""
    return np.array([end.reduce(values, initial=np.nan) for end in (np.fmin, np.fmax)])


def _settle(values: Floats, scale: Floats) -> Floats:
    """Round to a scale, in place; where the scale says nothing the value stays as it is."""
    with np.errstate(over="ignore", invalid="ignore"):
        # Pieces that stay in the processor's cache.
        for first in range(0, len(values), _PIECE):
            part = values[first : first + _PIECE]
            of = scale if len(scale) == 1 else scale[first : first + _PIECE]
            found = part * of
            np.rint(found, out=found)
            found /= of
            np.copyto(part, found, where=np.isfinite(found))
    return values


def _shift(values: Floats, bars: int) -> Floats:
    shifted = np.full(len(values), np.nan)
    if bars < len(values):
        shifted[bars:] = values[:-bars]
    return shifted


def _compare(operator: str, left: Floats, right: Floats) -> Floats:
    if operator.startswith("crosses"):
        before_left, before_right = _shift(left, 1), _shift(right, 1)
        if operator == "crosses above":
            holds = (left > right) & (before_left <= before_right)
        else:
            holds = (left < right) & (before_left >= before_right)
        unknown = np.isnan(left) | np.isnan(right) | np.isnan(before_left) | np.isnan(before_right)
    else:
        holds = _COMPARE[operator](left, right)
        unknown = np.isnan(left) | np.isnan(right)
    found = holds.astype(np.float64)
    found[unknown] = np.nan
    return found


def _join(operator: str, parts: Sequence[Floats]) -> Floats:
    if operator == "not":
        return 1.0 - parts[0]
    unknown = np.logical_or.reduce([np.isnan(part) for part in parts])
    joined = np.minimum.reduce(parts) if operator == "and" else np.maximum.reduce(parts)
    return np.where(unknown, np.nan, joined)


def _rsi(values: Floats, length: int) -> Floats:
    found: Floats = talib.RSI(values, length)
    if not found.all():
        # TA-Lib says 0 before the first move, and nobody has sold.
        moves = np.flatnonzero(np.abs(np.diff(values)) > 0.0)
        still = found[: moves[0] + 1 if len(moves) else len(found)]
        still[still == 0.0] = 50.0
    return found


def _stddev(values: Floats, length: int) -> Floats:
    found = np.full(len(values), np.nan)
    if len(values) >= length:
        # Squares of a running sum lose the digits that matter here.
        found[length - 1 :] = sliding_window_view(values, length).std(axis=1)
    return found


_ARITHMETIC: Final[Mapping[str, Callable[[Floats, Floats], Floats]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}
_COMPARE: Final[Mapping[str, Callable[[Floats, Floats], NDArray[np.bool_]]]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}
_ON_SERIES: Final[Mapping[str, Callable[[Floats, int], Floats]]] = {
    "sma": talib.SMA,
    "ema": talib.EMA,
    "wma": talib.WMA,
    "rsi": _rsi,
    "roc": talib.ROC,
    "stddev": _stddev,
    "highest": talib.MAX,
    "lowest": talib.MIN,
}
_ON_BARS: Final[Mapping[str, Callable[[Floats, Floats, Floats, int], Floats]]] = {"atr": talib.ATR, "adx": talib.ADX}
_PERCENTAGES: Final = frozenset({"rsi", "roc", "adx"})
