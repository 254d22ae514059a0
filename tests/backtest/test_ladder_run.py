"""A plain ladder in whole numbers: the same run, bit for bit, as that of the rule itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.backtest.ladders.fill_log import LadderFills
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.spec import BacktestSpec, BotSpec, FeeCurrency, IntraBar, ReplayTerms
from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.martingale import (
    DeviationFrom,
    LadderStep,
    MartingaleSettings,
    PriceRounding,
    StopLoss,
    TakeProfitFrom,
    TakeProfitStep,
)
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.series import CandleSeries
from tests.backtest.world import INSTRUMENTS, SYMBOL, quote, replay


def amounts(*texts: str) -> st.SearchStrategy[Decimal]:
    return st.sampled_from([Decimal(text) for text in texts])


SETTINGS = st.fixed_dictionaries(
    {
        "base_order": st.sampled_from([quote(25), quote("100.5")]),
        "safety_order": st.sampled_from([quote(40), quote("33.333")]),
        "max_safety_orders": st.integers(0, 7),
        "active_safety_orders": st.integers(1, 7),
        "step": amounts("0.05", "0.13", "0.6"),
        "step_scale": amounts("1", "1.17"),
        "volume_scale": amounts("0.9", "1", "1.618"),
        "deviation_from": st.sampled_from([DeviationFrom.BASE, DeviationFrom.PREVIOUS_LEVEL]),
        "custom_ladder": st.sampled_from(
            [(), (LadderStep(Decimal("0.1"), Decimal(30)), LadderStep(Decimal("0.37"), Decimal(50)))]
        ),
        "take_profit": st.sampled_from(["0.05", "0.21", "0.7"]).map(lambda text: (TakeProfitStep(Decimal(text)),)),
        "take_profit_from": st.sampled_from(TakeProfitFrom),
        "take_profit_after_fees": st.booleans(),
        "price_rounding": st.sampled_from(PriceRounding),
        "cooldown_s": st.sampled_from([0, 0, 60, 90, 600]),
    }
)
TERMS = st.fixed_dictionaries(
    {
        "fees": st.tuples(amounts("0", "0.0008", "-0.0001"), amounts("0", "0.001")).map(
            lambda pair: FeeRates(spot_maker=pair[0], spot_taker=pair[1])
        ),
        "fee_currency": st.sampled_from(FeeCurrency),
        "intra_bar": st.sampled_from([IntraBar.PESSIMISTIC, IntraBar.EXIT_FIRST]),
    }
)


def by_the_rule(settings: MartingaleSettings, series: CandleSeries, terms: ReplayTerms, cash: int) -> BacktestResult:
    # Whoever wants to see how long orders rested gets the replay of the rule itself.
    return replay(settings, series, terms, Extras(keep_orders=True), cash)


@settings(max_examples=25)
@given(chosen=SETTINGS, terms=TERMS, seed=st.integers(0, 500), cash=st.sampled_from([100_000, 600]))
def test_it_is_the_run_of_the_rule_bit_for_bit(
    chosen: dict[str, Any], terms: dict[str, Any], seed: int, cash: int
) -> None:
    series = generate_series(SYMBOL, candles=160, seed=seed)
    wanted, assumed = MartingaleSettings(**chosen), ReplayTerms(**terms)
    quick = replay(wanted, series, assumed, cash=cash)
    slow = by_the_rule(wanted, series, assumed, cash)
    assert list(quick.fills) == list(slow.fills)
    assert list(quick.deals) == list(slow.deals)
    assert list(quick.denials) == list(slow.denials)
    assert (quick.cash_end, quick.equity_end) == (slow.cash_end, slow.equity_end)
    assert np.allclose(quick.equity.values, slow.equity.values, rtol=0, atol=1e-6)
    assert np.allclose(quick.held_value, slow.held_value, rtol=0, atol=1e-6)


@settings(max_examples=15)
@given(chosen=SETTINGS, seed=st.integers(0, 500), profile=st.sampled_from(["paper", "standard", "strict"]))
def test_with_risk_checks_it_is_the_run_in_which_every_order_was_asked(
    chosen: dict[str, Any], seed: int, profile: str
) -> None:
    series = generate_series(SYMBOL, candles=160, seed=seed)
    wanted = MartingaleSettings(**chosen)
    bot = BotSpec(name="bot", symbol=SYMBOL, settings=wanted)
    spec = BacktestSpec(bots=(bot,), cash=Decimal(8_000), risk_profile=profile)
    quick = run_backtest(spec, {SYMBOL: series}, INSTRUMENTS)
    slow = run_backtest(spec, {SYMBOL: series}, INSTRUMENTS, Extras(keep_orders=True))
    assert list(quick.fills) == list(slow.fills)
    assert list(quick.denials) == list(slow.denials)
    assert quick.equity_end == slow.equity_end


def test_a_ladder_that_no_check_of_paper_accounts_minds_takes_the_quick_way() -> None:
    series = generate_series(SYMBOL, candles=400, seed=1)
    bot = BotSpec(name="bot", symbol=SYMBOL, settings=MartingaleSettings())
    spec = BacktestSpec(bots=(bot,), cash=Decimal(8_000), risk_profile="paper")
    assert isinstance(run_backtest(spec, {SYMBOL: series}, INSTRUMENTS).fills, LadderFills)


def test_most_plain_ladders_take_the_quick_way() -> None:
    series = generate_series(SYMBOL, candles=400, seed=1)
    for terms in (ReplayTerms(), ReplayTerms(fee_currency=FeeCurrency.QUOTE)):
        assert isinstance(replay(MartingaleSettings(), series, terms).fills, LadderFills)


@pytest.mark.parametrize(
    "changes",
    [
        {"stop_loss": StopLoss(percent=Decimal(5))},
        {"trailing": Decimal("0.2")},
        {"max_cycles": 3},
        {"total_max": Decimal(300)},
    ],
)
def test_what_is_not_plain_is_for_the_rule(changes: dict[str, Any]) -> None:
    series = generate_series(SYMBOL, candles=400, seed=1)
    assert not isinstance(replay(MartingaleSettings(**changes), series).fills, LadderFills)


def test_what_cash_does_not_carry_is_for_the_rule_and_its_refusals_are_told() -> None:
    series = generate_series(SYMBOL, candles=400, seed=1)
    result = replay(MartingaleSettings(), series, cash=250)
    assert not isinstance(result.fills, LadderFills)
    assert result.denials
