"""How bad and how good each deal looked on its way: its open profit at the extremes of candles.

Between two fills a deal is worth a + b x, with x the price (of inverse contracts 1 / price), so only the lowest and the
highest price between them matter. A fill's own candle counts as after it, which is the worse assumption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from fairlead.backtest.curves import Traded, holding_segments
from fairlead.backtest.result import BacktestResult, DealRow, Fill
from fairlead.backtest.spec import BacktestSpec, FeeCurrency
from fairlead.core.model.instrument import Instrument
from fairlead.market.candles.series import CandleSeries


def with_excursions(
    result: BacktestResult, market: Mapping[str, CandleSeries], instruments: Mapping[str, Instrument]
) -> BacktestResult:
    """The same run, its deals with their worst and best open profit, after fees and without funding."""
    extremes: dict[tuple[int, int], tuple[float, float]] = {}
    for number, bot in enumerate(result.spec.bots):
        fills = [fill for fill in result.fills if fill.bot == number]
        if fills:
            series = market[bot.symbol].between(result.begin_ms, result.end_ms)
            found = _extremes(fills, series, instruments[bot.symbol], result.spec)
            extremes.update({(number, cycle): pair for cycle, pair in found.items()})
    deals = [_with(deal, extremes.get((deal.bot, deal.cycle), (0.0, 0.0))) for deal in result.deals]
    return msgspec.structs.replace(result, deals=deals)


def _extremes(
    fills: Sequence[Fill], series: CandleSeries, instrument: Instrument, spec: BacktestSpec
) -> dict[int, tuple[float, float]]:
    """Lowest and highest of each cycle."""
    in_coin = instrument.is_spot and spec.terms.fee_currency is FeeCurrency.RECEIVED
    _, cash, held = holding_segments(Traded(series, instrument, fills, in_coin))
    places = np.searchsorted(series.opened_ms, [fill.at_ms for fill in fills], side="right") - 1
    tick = float(series.tick)
    lows = np.minimum.reduceat(series.low, places) * tick
    highs = np.maximum.reduceat(series.high, places) * tick
    if instrument.is_inverse:
        lows, highs = 1.0 / lows, 1.0 / highs
    cycles = np.array([fill.cycle for fill in fills])
    firsts = np.flatnonzero(np.diff(cycles, prepend=cycles[0] - 1))
    # What earlier deals left behind is not this one's.
    counts = np.diff(np.append(firsts, len(fills)))
    own_cash = cash - np.repeat(np.append(0.0, cash)[firsts], counts)
    own_held = held - np.repeat(np.append(0.0, held)[firsts], counts)
    one, other = own_cash + own_held * lows, own_cash + own_held * highs
    worst = np.minimum.reduceat(np.minimum(one, other), firsts)
    best = np.maximum.reduceat(np.maximum(one, other), firsts)
    return dict(zip(cycles[firsts].tolist(), zip(worst.tolist(), best.tolist(), strict=True), strict=True))


def _with(deal: DealRow, extremes: tuple[float, float]) -> DealRow:
    worst, best = extremes
    return msgspec.structs.replace(deal, worst=worst, best=best)
