"""Runs are made through the risk checks of their profile."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import msgspec
import numpy as np
import pytest

from fairlead.backtest.ladders.fill_log import LadderFills
from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.spec import BacktestSpec, BotSpec, FeeCurrency, IntraBar, ReplayTerms
from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.martingale import PriceRounding, TakeProfitStep
from fairlead.core.model.risk import RiskLimits
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.series import CandleSeries
from tests.backtest.gate_world import BTC, ETH, INSTRUMENTS, W2, D, profiles_with
from tests.backtest.test_ladder_proof import draw_settings as ladder_of
from tests.backtest.w2_reference import replay_w2

CANDLES = 40_000
SERIES = generate_series(BTC, candles=CANDLES, seed=1)
MARKET = {BTC: SERIES, ETH: generate_series(ETH, candles=CANDLES, seed=2, start_price=Decimal(2_500))}
FEE = D("0.001")
SPEC = BacktestSpec(
    bots=(BotSpec(name="w2", symbol=BTC, settings=msgspec.structs.replace(W2, price_rounding=PriceRounding.NEAREST)),),
    cash=D(10_000),
    terms=ReplayTerms(
        fees=FeeRates(spot_maker=FEE, spot_taker=FEE),
        fee_currency=FeeCurrency.QUOTE,
        intra_bar=IntraBar.EXIT_FIRST,
    ),
    risk_profile="paper",
)


# Levels are ordered one after the other here, so that some are after losses.
ONE_AT_A_TIME = msgspec.structs.replace(SPEC.bots[0].settings, active_safety_orders=1)


def drawn(limits: RiskLimits, *, one_at_a_time: bool = False) -> tuple[BacktestSpec, Extras]:
    settings = ONE_AT_A_TIME if one_at_a_time else SPEC.bots[0].settings
    bots = (msgspec.structs.replace(SPEC.bots[0], settings=settings),)
    return msgspec.structs.replace(SPEC, bots=bots, risk_profile="drawn"), Extras(profiles=profiles_with(limits))


def test_the_paper_profile_lets_the_reference_workload_through() -> None:
    result, wanted = run_backtest(SPEC, MARKET, INSTRUMENTS), replay_w2(SERIES)
    told = [(fill.candle, fill.is_buy, fill.quantity, fill.price, fill.fee) for fill in result.fills]
    assert told == [(fill.candle, fill.is_buy, fill.quantity, fill.price, fill.fee) for fill in wanted.fills]
    assert result.equity_end == wanted.equity
    assert not result.denials


def test_an_order_above_a_limit_is_denied_and_named_and_the_rest_goes_on() -> None:
    spec, extras = drawn(RiskLimits(order_notional_max_usd=D(200)))
    result = run_backtest(spec, MARKET, INSTRUMENTS, extras)
    assert {denial.slot for denial in result.denials} == {"s3", "s4", "s5", "s6", "s7"}
    assert "MAX_ORDER denied: order value" in result.denials[0].why
    assert result.fills
    assert max(fill.value for fill in result.fills if fill.is_buy) <= 200


def test_a_ladder_that_is_placed_at_once_is_one_decision() -> None:
    spec, extras = drawn(RiskLimits(repeat_orders_max=1, repeat_window_ms=30_000))
    result, unlimited = run_backtest(spec, MARKET, INSTRUMENTS, extras), run_backtest(SPEC, MARKET, INSTRUMENTS)
    assert not result.denials
    assert list(result.fills) == list(unlimited.fills)


def test_a_day_that_lost_its_limit_opens_nothing_more() -> None:
    spec, extras = drawn(RiskLimits(day_loss_reduce=D("0.001")), one_at_a_time=True)
    unlimited = run_backtest(msgspec.structs.replace(spec, risk_profile="paper"), MARKET, INSTRUMENTS)
    result = run_backtest(spec, MARKET, INSTRUMENTS, extras)
    assert result.denials
    assert all("DAY_LOSS denied" in denial.why for denial in result.denials)
    first = result.denials[0].at_ms
    before = [fill for fill in unlimited.fills if fill.at_ms < first]
    assert [fill for fill in result.fills if fill.at_ms < first] == before


def test_a_halt_takes_entries_back_and_opens_nothing_for_good() -> None:
    spec, extras = drawn(RiskLimits(drawdown_halt=D("0.002")))
    result = run_backtest(spec, MARKET, INSTRUMENTS, extras)
    # A peak counts when it is half a thousandth above the one before.
    halted = int(np.argmax(result.drawdown >= 0.0026))
    assert halted
    halted_ms = int(result.equity.at_ms[halted])
    assert [fill for fill in result.fills if fill.opens and fill.at_ms < halted_ms]
    assert not [fill for fill in result.fills if fill.opens and fill.at_ms >= halted_ms]


def test_after_losses_sizes_are_cut() -> None:
    spec, extras = drawn(RiskLimits(drawdown_halve=D("0.0005")), one_at_a_time=True)
    result = run_backtest(spec, MARKET, INSTRUMENTS, extras)
    sizes = {fill.value.quantize(D(1)) for fill in result.fills if fill.slot == "s4"}
    assert sizes == {D(169)}, "half of 337.5, in whole lots"


def test_bots_that_share_an_account_share_its_limits() -> None:
    bots = (SPEC.bots[0], BotSpec(name="eth", symbol=ETH, settings=SPEC.bots[0].settings))
    shared = msgspec.structs.replace(SPEC, bots=bots, risk_profile="drawn")
    extras = Extras(profiles=profiles_with(RiskLimits(gross_exposure_max=D("0.45"))))
    alone = run_backtest(msgspec.structs.replace(shared, bots=bots[:1]), MARKET, INSTRUMENTS, extras)
    together = run_backtest(shared, MARKET, INSTRUMENTS, extras)
    assert not alone.denials
    assert {denial.why.split(" ")[0] for denial in together.denials} == {"GROSS"}


@pytest.mark.parametrize("seed", range(8))
def test_the_quick_way_denies_nothing_that_the_rule_is_denied(seed: int) -> None:
    random = Random(seed)
    settings = msgspec.structs.replace(
        ladder_of(random), price_rounding=PriceRounding.NEAREST, take_profit=(TakeProfitStep(percent=D("0.4")),)
    )
    limits = random.choice(
        (
            RiskLimits(order_notional_max_usd=D(random.choice((90, 200, 900)))),
            RiskLimits(order_equity_share_max=D(random.choice(("0.02", "0.2")))),
            RiskLimits(position_equity_share_max_spot=D(random.choice(("0.05", "0.3")))),
            RiskLimits(price_collar=D("0.0005"), price_collar_passive=D("0.05")),
            RiskLimits(open_orders_max=random.choice((4, 40))),
        )
    )
    bots = (msgspec.structs.replace(SPEC.bots[0], settings=settings),)
    cash = D(random.choice((600, 10_000)))
    spec = msgspec.structs.replace(SPEC, bots=bots, cash=cash, risk_profile="drawn")
    extras = Extras(profiles=profiles_with(limits))
    quick = run_backtest(spec, MARKET, INSTRUMENTS, extras)
    rule = run_backtest(spec, MARKET, INSTRUMENTS, msgspec.structs.replace(extras, keep_orders=True))
    assert list(quick.fills) == list(rule.fills)
    assert quick.equity_end == rule.equity_end
    assert list(quick.denials) == list(rule.denials)


@pytest.mark.parametrize("fee_currency", FeeCurrency)
def test_a_cycle_that_begins_in_a_wild_candle_is_asked_and_goes_the_quick_way(fee_currency: FeeCurrency) -> None:
    # Bought at 100, and the candle closes at 97: farther than what was proven; then up to the take-profit, twice.
    rows = [(100, 100, 100, 100), (100, 100, 97, 97), (97, 102, 97, 102), (102, 102, 99, 99), (99, 104, 99, 104)] * 3
    opens, highs, lows, closes = (np.array(column, dtype=np.int64) * 100 for column in zip(*rows, strict=True))
    series = CandleSeries(
        symbol=BTC,
        timeframe="1m",
        tick=D("0.01"),
        opened_ms=60_000 * np.arange(len(rows), dtype=np.int64),
        prices={"open": opens, "high": highs, "low": lows, "close": closes},
    )
    terms = msgspec.structs.replace(SPEC.terms, fee_currency=fee_currency)
    spec = msgspec.structs.replace(SPEC, terms=terms)
    quick = run_backtest(spec, {BTC: series}, INSTRUMENTS)
    rule = run_backtest(spec, {BTC: series}, INSTRUMENTS, Extras(keep_orders=True))
    assert isinstance(quick.fills, LadderFills)
    assert len(quick.fills) > 3
    assert list(quick.fills) == list(rule.fills)
    assert quick.equity_end == rule.equity_end
