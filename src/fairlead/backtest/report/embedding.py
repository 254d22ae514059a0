"""The numbers that a page carries: columns packed in few bytes, as text that a script of the page unpacks."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

import numpy as np

from fairlead.backtest.packing import pack_ints, pack_steps, to_units
from fairlead.backtest.report.figures import decimals_of
from fairlead.backtest.result import BacktestResult, Curve, DealRow, Fill, OrderSpan
from fairlead.market.candles.series import CandleSeries, Floats, Ticks

CANDLES_MAX: Final = 600_000
"""Candles of all instruments of a page; beyond that several are shown as one."""
POINTS_MAX: Final = 600_000
EXACT_MAX: Final = 200_000
"""More candles than these are shown to six digits, which halves the page."""
ORDERS_MAX: Final = 60_000
"""Resting orders of a page: the newest."""
SHORTEST_CANDLES: Final = 12
_CENT: Final = 0.01
_FEE_UNIT: Final = 1e-6
_CURVE_DIGITS: Final = 6
_PRICE_DIGITS: Final = 6

_RowT = TypeVar("_RowT")
_Column = tuple[Callable[[_RowT], float], float]


def price_columns(series: CandleSeries, candles_max: int = CANDLES_MAX) -> dict[str, Any]:
    """Candles of an instrument, at most so many; exact to the tick, or many of them to six digits of their price."""
    each = -(-len(series) // candles_max)
    times, *prices = _merged(series, each)
    coarse = 1
    if len(times) > EXACT_MAX:
        coarse = 10 ** max(0, len(str(int(prices[1].max()))) - _PRICE_DIGITS)
    open_, high, low, close = (np.rint(column / coarse).astype(np.int64) if coarse > 1 else column for column in prices)
    unit = series.tick * coarse
    return {
        "symbol": series.symbol,
        "step": series.length_ms * each,
        "merged": each,
        "unit": float(unit),
        "decimals": max(0, -int(unit.normalize().as_tuple().exponent)),
        "times": _text(pack_steps(times)),
        "close": _text(pack_steps(close)),
        "open": _text(pack_ints(close - open_)),
        "above": _text(pack_ints(high - np.maximum(open_, close))),
        "below": _text(pack_ints(np.minimum(open_, close) - low)),
    }


def line_columns(curve: Curve, points_max: int = POINTS_MAX) -> dict[str, Any]:
    """A curve to six digits or the cent; of more points than asked, the lowest and the highest of every few."""
    places = _telling_places(curve.values, points_max)
    at_ms, values = curve.at_ms[places], curve.values[places]
    largest = float(np.abs(values).max(initial=1.0)) or 1.0
    unit = min(_CENT, 10.0 ** (math.floor(math.log10(largest)) + 1 - _CURVE_DIGITS))
    return {"times": _text(pack_steps(at_ms)), "values": _text(pack_steps(to_units(values, unit))), "unit": unit}


def fill_columns(fills: Sequence[Fill], slots: Sequence[str], unit: float = _CENT) -> dict[str, Any]:
    """Every fill, in the order of time; values in whole ``unit`` of the currency."""
    numbers = {slot: number for number, slot in enumerate(slots)}
    finest = _finest(fill.price for fill in fills)
    columns: dict[str, _Column[Fill]] = {
        "at": (lambda fill: fill.at_ms, 1),
        "bot": (lambda fill: fill.bot, 1),
        "cycle": (lambda fill: fill.cycle, 1),
        "slot": (lambda fill: numbers[fill.slot], 1),
        "isBuy": (lambda fill: fill.is_buy, 1),
        "opens": (lambda fill: fill.opens, 1),
        "price": (lambda fill: float(fill.price), finest),
        "value": (lambda fill: float(fill.value), unit),
        "fee": (lambda fill: float(fill.fee), _FEE_UNIT),
    }
    return _table(sorted(fills, key=lambda fill: fill.at_ms), columns, steps={"at", "cycle", "price"})


def order_columns(orders: Sequence[OrderSpan]) -> dict[str, Any]:
    """Orders that rested, by the time from which they did; of too many the newest."""
    shown = sorted(orders, key=lambda order: order.from_ms)[-ORDERS_MAX:]
    columns: dict[str, _Column[OrderSpan]] = {
        "from": (lambda order: order.from_ms, 1),
        "to": (lambda order: order.to_ms, 1),
        "bot": (lambda order: order.bot, 1),
        "price": (lambda order: float(order.price), _finest(order.price for order in shown)),
        "isBuy": (lambda order: order.is_buy, 1),
        "isFilled": (lambda order: order.is_filled, 1),
    }
    return _table(shown, columns, steps={"from", "to", "price"})


def deal_columns(deals: Sequence[DealRow], whys: Sequence[str], unit: float = _CENT) -> dict[str, Any]:
    """Every deal; amounts in whole ``unit`` of the currency."""
    numbers = {why: number for number, why in enumerate(whys)}
    columns: dict[str, _Column[DealRow]] = {
        "bot": (lambda deal: deal.bot, 1),
        "cycle": (lambda deal: deal.cycle, 1),
        "began": (lambda deal: deal.began_ms, 1),
        "ended": (lambda deal: deal.ended_ms, 1),
        "levels": (lambda deal: deal.levels, 1),
        "fills": (lambda deal: deal.fills, 1),
        "cost": (lambda deal: float(deal.cost_max), unit),
        "profit": (lambda deal: float(deal.profit), unit),
        "fees": (lambda deal: float(deal.fees), unit),
        "funding": (lambda deal: float(deal.funding), unit),
        "worst": (lambda deal: deal.worst, unit),
        "why": (lambda deal: numbers[deal.why], 1),
    }
    return _table(deals, columns, steps={"began", "ended", "cycle"})


def run_numbers(result: BacktestResult, market: Mapping[str, CandleSeries]) -> dict[str, Any]:
    """Everything that the page of a run carries."""
    slots = sorted({fill.slot for fill in result.fills})
    whys = sorted({deal.why for deal in result.deals})
    shown = {bot.symbol: market[bot.symbol] for bot in result.spec.bots if bot.symbol in market}
    hold = Curve(result.equity.at_ms, result.hold)
    begin_ms, end_ms = _ends(result, shown)
    digits = decimals_of(result.spec.currency)
    unit = 10.0**-digits
    return {
        "digits": digits,
        "begin": begin_ms,
        "end": end_ms,
        "shortest": SHORTEST_CANDLES * min((series.length_ms for series in shown.values()), default=60_000),
        "start": float(result.spec.cash),
        "currency": result.spec.currency,
        "bots": [{"name": bot.name, "symbol": bot.symbol} for bot in result.spec.bots],
        "slots": slots,
        "whys": whys,
        "prices": [price_columns(series, CANDLES_MAX // len(shown)) for series in shown.values()],
        "lines": [
            {"name": "equity", "colour": "equity", "depth": True, **line_columns(result.equity)},
            {"name": "hold", "colour": "hold", "depth": False, **line_columns(hold)},
        ],
        "fills": fill_columns(result.fills, slots, unit),
        "orders": order_columns(result.orders),
        "deals": deal_columns(result.deals, whys, unit),
    }


def compared_numbers(results: Sequence[tuple[str, BacktestResult]]) -> dict[str, Any]:
    """What the page of two runs carries: their equity, and nothing of their prices."""
    begin_ms = min(result.begin_ms for _, result in results)
    end_ms = max(result.end_ms for _, result in results)
    return {
        "digits": decimals_of(results[0][1].spec.currency),
        "begin": begin_ms,
        "end": end_ms,
        "shortest": (end_ms - begin_ms) // 1_000 or 1,
        "start": float(results[0][1].spec.cash),
        "currency": results[0][1].spec.currency,
        "prices": [],
        "lines": [
            {"name": name, "colour": colour, "depth": True, **line_columns(result.equity, POINTS_MAX // 2)}
            for (name, result), colour in zip(results, ("equity", "second"), strict=True)
        ],
    }


def _ends(result: BacktestResult, shown: Mapping[str, CandleSeries]) -> tuple[int, int]:
    begins = [result.begin_ms, *(series.begin_ms for series in shown.values())]
    ends = [result.end_ms, *(series.end_ms for series in shown.values())]
    return min(begins), max(*ends, min(begins) + 1)


def _merged(series: CandleSeries, each: int) -> tuple[Ticks, Ticks, Ticks, Ticks, Ticks]:
    if each == 1:
        return series.opened_ms, series.open, series.high, series.low, series.close
    firsts = np.arange(0, len(series), each)
    lasts = np.minimum(firsts + each, len(series)) - 1
    high, low = np.maximum.reduceat(series.high, firsts), np.minimum.reduceat(series.low, firsts)
    return series.opened_ms[firsts], series.open[firsts], high, low, series.close[lasts]


def _telling_places(values: Floats, points_max: int) -> Ticks:
    count = len(values)
    if count <= points_max:
        return np.arange(count)
    each = 2 * -(-count // points_max)
    whole = count // each * each
    rows = values[:whole].reshape(-1, each)
    firsts = np.arange(0, whole, each)
    places = np.concatenate((firsts + rows.argmin(axis=1), firsts + rows.argmax(axis=1), [0, count - 1]))
    return np.unique(places)


def _table(rows: Sequence[_RowT], columns: Mapping[str, _Column[_RowT]], *, steps: set[str]) -> dict[str, Any]:
    told = {}
    for name, (read, unit) in columns.items():
        values = np.fromiter((read(row) for row in rows), dtype=np.float64, count=len(rows))
        whole = to_units(values, unit)
        pack = pack_steps if name in steps else pack_ints
        told[name] = {"packed": _text(pack(whole)), "steps": name in steps, "unit": unit}
    return {"columns": told}


def _finest(prices: Iterable[Decimal]) -> float:
    digits = {int(price.normalize().as_tuple().exponent) for price in prices}
    return 10.0 ** max(-9, min(digits, default=0))


def _text(packed: bytes) -> str:
    return b64encode(packed).decode()
