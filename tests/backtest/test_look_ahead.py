from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from fairlead.backtest.look_ahead import check_look_ahead, draw_cuts
from fairlead.backtest.result import BacktestResult, Fill, OrderSpan
from fairlead.backtest.spec import BacktestSpec
from fairlead.core.model.instrument import Instrument
from fairlead.market.candles.series import CandleSeries
from tests.backtest.sweeps.toy_run import INSTRUMENTS, SYMBOL, toy_market, toy_run, toy_spec

MARKET = toy_market(candles=500)
CUTS = draw_cuts(MARKET, count=10, seed=3)


def honest(
    spec: BacktestSpec,
    market: Mapping[str, CandleSeries],
    instruments: Mapping[str, Instrument],
    *,
    keep_orders: bool = False,
) -> BacktestResult:
    """Buy at each close that is higher than the one before."""
    series = market[SYMBOL]
    rises = np.flatnonzero(np.diff(series.close) > 0) + 1
    return _having(toy_run(spec, market, instruments), series, rises.tolist())


def clairvoyant(
    spec: BacktestSpec,
    market: Mapping[str, CandleSeries],
    instruments: Mapping[str, Instrument],
    *,
    keep_orders: bool = False,
) -> BacktestResult:
    """Buy at each close below the average of all closes, also of those that are yet to come."""
    series = market[SYMBOL]
    cheap = np.flatnonzero(series.close < series.close.mean())
    return _having(toy_run(spec, market, instruments), series, cheap.tolist())


def _having(result: BacktestResult, series: CandleSeries, candles: list[int]) -> BacktestResult:
    one = Decimal(1)
    fills, orders = [], []
    for place in candles:
        at_ms, price = int(series.opened_ms[place]), series.price(int(series.close[place]))
        fills.append(
            Fill(0, place, at_ms, "base", True, True, one, price, price, one, 1, False)  # noqa: FBT003
        )
        orders.append(OrderSpan(0, "base", True, True, price, at_ms, at_ms, True))  # noqa: FBT003
    return msgspec.structs.replace(result, fills=fills, orders=orders)


def test_what_knows_no_future_is_the_same_until_the_candles_end() -> None:
    found = check_look_ahead(toy_spec(), MARKET, INSTRUMENTS, honest, cuts=CUTS)
    assert found.difference is None
    assert found.cuts == CUTS
    assert found.fills > 1_000


def test_what_knows_the_future_is_caught_with_its_first_decision() -> None:
    found = check_look_ahead(toy_spec(), MARKET, INSTRUMENTS, clairvoyant, cuts=CUTS)
    assert found.difference
    assert found.difference.cut_ms == CUTS[0]
    assert found.difference.at_ms < CUTS[0]
    assert found.difference.what == "order base"


def test_a_fill_at_another_price_is_named_with_both_prices() -> None:
    cut_ms = CUTS[-1]
    place = int(np.searchsorted(MARKET[SYMBOL].opened_ms, CUTS[0]))

    def moved(
        spec: BacktestSpec,
        market: Mapping[str, CandleSeries],
        instruments: Mapping[str, Instrument],
        *,
        keep_orders: bool = False,
    ) -> BacktestResult:
        result = _having(toy_run(spec, market, instruments), market[SYMBOL], [place])
        if len(market[SYMBOL]) == len(MARKET[SYMBOL]):
            return result
        (fill,) = result.fills
        dearer = msgspec.structs.replace(fill, price=fill.price + Decimal("0.01"))
        return msgspec.structs.replace(result, fills=[dearer])

    found = check_look_ahead(toy_spec(), MARKET, INSTRUMENTS, moved, cuts=[cut_ms])
    assert found.difference
    assert (found.difference.what, found.difference.field) == ("fill base", "price")
    assert Decimal(found.difference.cut) - Decimal(found.difference.whole) == Decimal("0.01")


def test_what_is_not_the_same_twice_is_told_without_a_cut() -> None:
    runs = iter(range(100))

    def forgetful(
        spec: BacktestSpec,
        market: Mapping[str, CandleSeries],
        instruments: Mapping[str, Instrument],
        *,
        keep_orders: bool = False,
    ) -> BacktestResult:
        result = toy_run(spec, market, instruments)
        result.equity.values[5] += next(runs)
        return result

    found = check_look_ahead(toy_spec(), MARKET, INSTRUMENTS, forgetful, cuts=CUTS)
    assert found.difference
    assert (found.difference.cut_ms, found.difference.field) == (0, "equity")


def test_cuts_are_closes_and_repeat_with_their_seed() -> None:
    series = MARKET[SYMBOL]
    assert draw_cuts(MARKET, count=10, seed=3) == CUTS
    assert set(CUTS) <= set((series.opened_ms + series.length_ms).tolist())
    assert len(draw_cuts(MARKET, count=10_000, seed=3)) == len(series) - 3
    with pytest.raises(ValueError, match="cuts of"):
        draw_cuts(MARKET, count=0, seed=3)
