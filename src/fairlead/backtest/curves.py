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


class Holding(msgspec.Struct, frozen=True):
    """What one bot did: its fills in their order, and what funding added, by candle."""

    series: CandleSeries
    instrument: Instrument
    fills: Sequence[Fill]
    fee_in_coin: bool
    funding: Sequence[tuple[int, Decimal]] = ()


def curves_of(holding: Holding) -> tuple[Floats, Floats]:
    """What a bot adds to equity at each close, and the absolute value of what it holds there."""
    series, instrument = holding.series, holding.instrument
    added, held = np.zeros(len(series)), np.zeros(len(series))
    candles, cash, quantity = _segments(holding)
    if not len(candles):
        return added, held
    scale = float(instrument.contract_value)
    sign = -1.0 if instrument.is_inverse else 1.0
    trace = compiled_trace() if is_compiled() else _trace_arrays
    prices = (series.close, float(series.tick), int(instrument.is_inverse))
    trace(*prices, candles, cash * sign, quantity * sign * scale, added, held)
    if holding.funding:
        steps = np.zeros(len(series))
        for candle, amount in holding.funding:
            steps[candle] += float(amount)
        added += np.cumsum(steps)
    return added, held


def _segments(holding: Holding) -> tuple[Ticks, Floats, Floats]:
    """Cash that was moved and what is held after each fill.

    Fees count against ``sign`` of inverse contracts: they are cost there, too, while values are turned round.
    """
    fills = holding.fills
    columns = np.array(
        [
            (fill.candle, float(fill.quantity), float(fill.value), float(fill.fee), fill.is_buy, float(fill.price))
            for fill in fills
        ],
        dtype=np.float64,
    ).reshape(len(fills), 6)
    candles = columns[:, 0].astype(np.int64)
    quantity, value, fee, price = columns[:, 1], columns[:, 2], columns[:, 3], columns[:, 5]
    side = np.where(columns[:, 4] > 0, 1.0, -1.0)
    held, paid = side * quantity, fee
    if holding.fee_in_coin:
        is_buy = side > 0
        held = held - np.where(is_buy, fee / price, 0.0)
        paid = np.where(is_buy, 0.0, fee)
    sign = -1.0 if holding.instrument.is_inverse else 1.0
    return candles, np.cumsum(-side * value - sign * paid), np.cumsum(held)


def _trace_arrays(  # noqa: PLR0913, PLR0917 (the signature of the compiled one)
    close: Ticks, tick: float, inverse: int, candles: Ticks, cash: Floats, held: Floats, added: Floats, value: Floats
) -> None:
    last = np.searchsorted(candles, np.arange(len(close)), side="right") - 1
    known = last >= 0
    price = close * tick
    worth = held[last] * (1.0 / price if inverse else price)
    added[known] = (cash[last] + worth)[known]
    value[known] = np.abs(worth)[known]


def align(closes_ms: Ticks, own_ms: Ticks, values: Floats) -> Floats:
    """Values known at own times, at other times: each the newest that was known; zero before the first."""
    if len(closes_ms) == len(own_ms) and bool((closes_ms == own_ms).all()):
        return values
    newest = np.searchsorted(own_ms, closes_ms, side="right") - 1
    return np.where(newest >= 0, values[newest], 0.0)
