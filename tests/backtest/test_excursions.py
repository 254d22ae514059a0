"""The worst and best moment of each deal, against a look at every candle."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from fairlead.accounts.bot_presets import to_settings
from fairlead.backtest.measures.excursions import with_excursions
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.run import run_backtest
from fairlead.backtest.spec import BacktestSpec, BotSpec, FeeCurrency, ReplayTerms
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.series import CandleSeries
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS

INSTRUMENTS = {one.symbol: one for one in DEFAULT_INSTRUMENTS}


def run(symbol: str, fee_currency: FeeCurrency) -> tuple[BacktestResult, CandleSeries]:
    """A small martingale on a week of minutes."""
    settings = to_settings(
        {
            "base_order": {"amount": "500", "unit": "quote"},
            "safety_order": {"amount": "500", "unit": "quote"},
            "max_safety_orders": 4,
            "step": "0.4",
            "take_profit": [{"percent": "0.5"}],
        }
    )
    spec = BacktestSpec(
        bots=(BotSpec(name="dip", symbol=symbol, settings=settings),),
        cash=Decimal(10_000),
        currency=INSTRUMENTS[symbol].settle_currency,
        terms=ReplayTerms(fee_currency=fee_currency),
    )
    series = generate_series(symbol, candles=7 * 1_440, seed=4)
    return run_backtest(spec, {symbol: series}, INSTRUMENTS), series


def look_at_every_candle(result: BacktestResult, series: CandleSeries, cycle: int) -> tuple[float, float]:
    """Open profit at the low and the high of each candle from one fill to before the next, and after the last."""
    instrument = INSTRUMENTS[series.symbol]
    fills = [fill for fill in result.fills if fill.cycle == cycle]
    in_coin = instrument.is_spot and result.spec.terms.fee_currency is FeeCurrency.RECEIVED
    cash = held = 0.0
    seen = []
    for number, fill in enumerate(fills):
        sign = 1.0 if fill.is_buy else -1.0
        # What is bought of an inverse contract is owed in the coin, the less of it the higher the price.
        turn = -sign if instrument.is_inverse else sign
        cash -= turn * float(fill.value)
        held += turn * float(fill.quantity) * float(instrument.contract_value)
        if in_coin and fill.is_buy:
            held -= float(fill.fee / fill.price)
        else:
            cash -= float(fill.fee)
        after = fills[number + 1].candle if number + 1 < len(fills) else fill.candle + 1
        if number + 1 == len(fills) and result.deals[cycle - 1].is_open:
            after = len(series)
        for candle in range(fill.candle, max(after, fill.candle + 1)):
            prices = [float(series.price(int(column[candle]))) for column in (series.low, series.high)]
            seen += [cash + held * (1.0 / price if instrument.is_inverse else price) for price in prices]
    return min(seen), max(seen)


@pytest.mark.parametrize(
    ("symbol", "fee_currency"),
    [
        ("BTC-USDT", FeeCurrency.RECEIVED),
        ("BTC-USDT", FeeCurrency.QUOTE),
        ("BTC-USDT-SWAP", FeeCurrency.QUOTE),
        ("BTC-USD-SWAP", FeeCurrency.QUOTE),
    ],
)
def test_extremes_are_those_of_a_look_at_every_candle(symbol: str, fee_currency: FeeCurrency) -> None:
    plain, series = run(symbol, fee_currency)
    result = with_excursions(plain, {symbol: series}, INSTRUMENTS)
    close = 1e-6 if INSTRUMENTS[symbol].is_inverse else 0.05
    assert len(result.deals) >= 3
    assert any(deal.worst < 0.0 for deal in result.deals)
    for deal in result.deals:
        worst, best = look_at_every_candle(result, series, deal.cycle)
        # After its last fill a closed deal holds what the fee and whole lots left of a coin.
        assert abs(deal.worst - worst) < close, deal
        assert abs(deal.best - best) < close, deal
        assert deal.worst <= float(deal.profit) + close


def test_nothing_else_of_a_run_changes() -> None:
    plain, series = run("BTC-USDT", FeeCurrency.QUOTE)
    result = with_excursions(plain, {"BTC-USDT": series}, INSTRUMENTS)
    bare = [msgspec.structs.replace(deal, worst=0.0, best=0.0) for deal in result.deals]
    assert bare == list(plain.deals)
    assert result.fills is plain.fills


def test_a_run_without_fills_has_no_extremes() -> None:
    plain, series = run("BTC-USDT", FeeCurrency.QUOTE)
    empty = msgspec.structs.replace(plain, fills=(), deals=())
    assert not with_excursions(empty, {"BTC-USDT": series}, INSTRUMENTS).deals
