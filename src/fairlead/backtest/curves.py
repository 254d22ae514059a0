"""Equity at each close, made from the fills in a second pass: between two fills nothing but the price moves.

What a bot adds to the account's equity is a + b x, with x the close (of inverse contracts 1 / close) and a and b the
same from one fill to the next: a is the cash that fills moved, b what is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import numpy as np

from fairlead.backtest.compiled import compiled_trace, is_compiled
from fairlead.backtest.result import Fill
from fairlead.core.model.instrument import Instrument
from fairlead.market.candles.series import CandleSeries, Floats, Ticks


class Traded(msgspec.Struct, frozen=True):
    """What one bot did: its fills in their order, and what funding added, by candle."""

    series: CandleSeries
    instrument: Instrument
    fills: Sequence[Fill]
    fee_in_coin: bool
    funding: Sequence[tuple[int, Decimal]] = ()


def curves_of(traded: Traded) -> Floats:
    """Two rows: what a bot adds to equity at each close, and the absolute value of what it holds there."""
    curves = trace_curves(traded.series, holding_segments(traded), inverse=traded.instrument.is_inverse)
    if traded.funding:
        steps = np.zeros(len(traded.series))
        for candle, amount in traded.funding:
            steps[candle] += float(amount)
        curves[0] += np.cumsum(steps)
    return curves


def trace_curves(series: CandleSeries, segments: Floats, *, inverse: bool = False, cash: float = 0.0) -> Floats:
    """The same from segments: rows of candles, cash moved until then, and what is held from then on.

    ``cash`` is what there was before, and counts to equity.
    """
    curves = np.zeros((2, len(series)))
    first = int(segments[0, 0]) if segments.shape[1] else len(series)
    curves[0, :first] = cash
    segments[1] += cash
    if segments.shape[1]:
        trace = compiled_trace() if is_compiled() else _trace_arrays
        trace(series.close, float(series.tick), int(inverse), segments, curves)
    return curves


def holding_segments(traded: Traded) -> Floats:
    """Three rows with a column for each fill: its candle, the cash moved since the beginning, and what is held then.

    A value of inverse contracts counts the other way round: what was bought is owed less as the price rises.
    """
    fills, instrument = traded.fills, traded.instrument
    if not fills:
        return np.zeros((3, 0))
    candles = np.array([fill.candle for fill in fills], dtype=np.float64)
    is_buy = np.array([fill.is_buy for fill in fills])
    columns = ([fill.quantity for fill in fills], [fill.value for fill in fills], [fill.fee for fill in fills])
    quantity, value, fee = (np.array(list(map(float, column))) for column in columns)
    side = np.where(is_buy, 1.0, -1.0)
    held, paid = side * quantity, fee
    if traded.fee_in_coin:
        price = np.array([float(fill.price) for fill in fills])
        held = held - np.where(is_buy, fee / price, 0.0)
        paid = np.where(is_buy, 0.0, fee)
    sign = -1.0 if instrument.is_inverse else 1.0
    cash = np.cumsum(-sign * side * value - paid)
    return np.ascontiguousarray((candles, cash, np.cumsum(held) * sign * float(instrument.contract_value)))


def _trace_arrays(close: Ticks, tick: float, inverse: int, segments: Floats, curves: Floats) -> None:
    candles = segments[0].astype(np.int64)
    lengths = np.diff(np.append(candles, len(close)))
    cash, worth = curves[0, candles[0] :], curves[1, candles[0] :]
    price = np.multiply(close[candles[0] :], tick, out=cash)
    held = np.repeat(segments[2], lengths)
    (np.divide if inverse else np.multiply)(held, price, out=worth)
    np.add(np.repeat(segments[1], lengths), worth, out=cash)
    np.abs(worth, out=worth)


def align(closes_ms: Ticks, own_ms: Ticks, values: Floats) -> Floats:
    """Values known at own times, at other times: each the newest that was known; zero before the first."""
    if closes_ms is own_ms or (len(closes_ms) == len(own_ms) and bool((closes_ms == own_ms).all())):
        return values
    newest = np.searchsorted(own_ms, closes_ms, side="right") - 1
    return np.where(newest >= 0, values[newest], 0.0)


def hold_curve(cash: float, series: Sequence[CandleSeries], at_ms: Ticks) -> Floats:
    """Equity of somebody who bought equal parts at the first closes and kept them."""
    if len(series) == 1:
        return np.multiply(series[0].close, cash / float(series[0].close[0]))
    part = cash / len(series)
    total = np.zeros(len(at_ms))
    for one in series:
        worth = np.multiply(one.close, part / float(one.close[0]))
        aligned = align(at_ms, one.closed_ms, worth)
        total += np.where(aligned > 0, aligned, part)
    return total
