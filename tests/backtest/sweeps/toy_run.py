"""A run that is quick to know by heart: equity goes with the closes, times the step; some settings go wrong on purpose.

It stands where the engine stands, so that what a sweep does around it is tested in milliseconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from fairlead.backtest.result import BacktestResult, Curve, DealRow
from fairlead.backtest.spec import BacktestSpec, BotSpec
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.series import CandleSeries
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS

SYMBOL = "BTC-USDT"
DIES = Decimal(13)
HANGS = Decimal(9)
FAILS = Decimal(7)
INSTRUMENTS = {one.symbol: one for one in DEFAULT_INSTRUMENTS}


def toy_spec() -> BacktestSpec:
    bot = BotSpec(name="dip", symbol=SYMBOL, settings=MartingaleSettings(restart=False))
    return BacktestSpec(bots=(bot,), cash=Decimal(10_000), timeframe="1h")


def toy_market(candles: int = 2_000, seed: int = 7) -> dict[str, CandleSeries]:
    return {SYMBOL: generate_series(SYMBOL, candles=candles, seed=seed, timeframe="1h")}


def toy_run(
    spec: BacktestSpec,
    market: Mapping[str, CandleSeries],
    instruments: Mapping[str, Instrument],
    *,
    keep_orders: bool = False,
) -> BacktestResult:
    series, settings = market[SYMBOL], spec.bots[0].settings
    assert isinstance(settings, MartingaleSettings)
    if settings.step == DIES:
        os._exit(3)
    if settings.step == HANGS:
        time.sleep(60)
    if settings.step == FAILS:
        message = "seven is refused"
        raise ValueError(message)
    part = float(settings.step) * float(settings.volume_scale)
    values = float(spec.cash) * (1 + part / 10 * (series.closes / series.closes[0] - 1))
    end = Decimal(str(round(float(values[-1]), 8)))
    times = series.opened_ms + series.length_ms
    return BacktestResult(
        spec=spec,
        candles=len(series),
        begin_ms=series.begin_ms,
        end_ms=series.end_ms,
        missing=0,
        fills=(),
        deals=(DealRow(bot=0, cycle=1, began_ms=series.begin_ms, ended_ms=series.end_ms, profit=end - spec.cash),),
        equity=Curve(times, values),
        held_value=np.ones(len(series)),
        make_hold=lambda: values,
        cash_end=end,
        equity_end=end,
    )
