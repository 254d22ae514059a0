"""Statistics of runs of which everything is known beforehand."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.backtest.compiled import compiled_use
from fairlead.backtest.measures.deal_statistics import wilson_interval
from fairlead.backtest.measures.periods import daily_values, monthly_returns
from fairlead.backtest.measures.statistics import (
    N_TOO_SMALL,
    NO_LOSS,
    TOO_SHORT,
    deflated_sharpe,
    expected_best_sharpe,
    probabilistic_sharpe,
    quick_statistics,
    statistics_of,
    use_of,
)
from fairlead.backtest.spec import FeeCurrency, ReplayTerms
from fairlead.core.model.bots.martingale import MartingaleSettings, TakeProfitStep
from fairlead.market.candles.generate import generate_series
from tests.backtest.runs import BEGIN_MS, CASH, HOUR_MS, make_curve, make_deal, make_fill, make_result
from tests.backtest.world import SYMBOL, replay

MINUTE_MS = 60_000


def test_days_begin_at_midnight_in_utc() -> None:
    curve = make_curve(np.arange(1.0, 73.0), HOUR_MS)
    assert daily_values(curve, 0.5, BEGIN_MS).tolist() == [0.5, 24.0, 48.0, 72.0]


def test_parts_of_days_at_both_ends_are_days() -> None:
    curve = make_curve(np.arange(1.0, 73.0), HOUR_MS)
    part = type(curve)(curve.at_ms[6:50], curve.values[6:50])
    assert daily_values(part, 6.0, BEGIN_MS + 6 * HOUR_MS).tolist() == [6.0, 24.0, 48.0, 50.0]


def test_a_day_without_candles_keeps_its_value() -> None:
    curve = make_curve(np.arange(1.0, 97.0), HOUR_MS)
    kept = np.r_[0:30, 80:96]
    holey = type(curve)(curve.at_ms[kept], curve.values[kept])
    assert daily_values(holey, 0.5, BEGIN_MS).tolist() == [0.5, 24.0, 30.0, 30.0, 96.0]


def test_months_multiply_to_the_total() -> None:
    curve = make_curve(1_000.0 + np.arange(400.0) ** 1.5)
    months = monthly_returns(curve, 1_000.0, BEGIN_MS)
    assert [(one.year, one.month) for one in months[:2]] == [(2025, 1), (2025, 2)]
    assert (months[-1].year, months[-1].month) == (2026, 2)
    total = math.prod(1.0 + one.value for one in months)
    assert math.isclose(total, float(curve.values[-1]) / 1_000.0)


def test_a_run_that_ends_at_midnight_has_no_month_more() -> None:
    assert len(monthly_returns(make_curve(np.full(31, 5.0)), 5.0, BEGIN_MS)) == 1


def test_a_short_run_makes_no_ratio_and_says_why() -> None:
    statistics = statistics_of(make_result([10_100.0, 10_050.0, 10_200.0]))
    assert statistics.returns.sharpe is None
    assert statistics.reasons["returns.sharpe"] == N_TOO_SMALL
    assert statistics.reasons["returns.cagr"] == TOO_SHORT
    assert statistics.reasons["deals.win_rate"] == N_TOO_SMALL
    assert math.isclose(statistics.returns.total, 0.02)
    assert math.isclose(statistics.returns.max_drawdown, 1 - 10_050 / 10_100)


def test_a_run_without_candles_and_deals_has_statistics() -> None:
    statistics = statistics_of(make_result([]))
    assert statistics.returns.total == 0.0
    assert statistics.deals.closed == 0


def test_a_flat_curve_has_no_sharpe_ratio() -> None:
    statistics = statistics_of(make_result(np.full(120, float(CASH))))
    assert statistics.returns.sharpe is None
    assert statistics.returns.volatility == 0.0
    assert statistics.reasons["returns.sortino"] == "never fell"
    assert statistics.reasons["returns.calmar"] == "never fell"


def test_an_account_that_lost_everything_has_lost_everything() -> None:
    values = [*np.linspace(10_000.0, 100.0, 60), *np.zeros(60)]
    statistics = statistics_of(make_result(values, is_liquidated=True, held_value=np.full(120, 50.0)))
    assert statistics.returns.total == -1.0
    assert statistics.returns.cagr == -1.0
    assert statistics.returns.max_drawdown == 1.0
    assert math.isfinite(statistics.capital.exposure)


def test_deals_are_counted_after_costs() -> None:
    deals = [make_deal("10")] * 20 + [make_deal("-5")] * 12 + [make_deal("0")] + [make_deal("7", ended_ms=0)]
    found = statistics_of(make_result([1.0], deals=deals)).deals
    assert (found.closed, found.still_open, found.wins, found.losses) == (33, 1, 20, 12)
    assert found.win_rate == 20 / 33
    assert found.profit_factor == 200 / 60
    assert found.payoff == 2.0
    assert found.expectancy == 140 / 33
    assert math.isclose(found.expectancy_r or 0.0, 140 / 33 / 5)
    assert (found.best, found.worst) == (10.0, -5.0)
    assert found.longest_ms == found.mean_ms == HOUR_MS


def test_deals_that_never_lost_have_no_profit_factor() -> None:
    statistics = statistics_of(make_result([1.0], deals=[make_deal("1")] * 40))
    assert statistics.deals.profit_factor is None
    assert statistics.reasons["deals.profit_factor"] == NO_LOSS
    assert statistics.reasons["deals.loss_average"] == NO_LOSS
    assert statistics.deals.win_rate == 1.0


def test_the_interval_of_a_win_rate_is_the_published_one() -> None:
    # Newcombe (1998), table I: 81 of 263, and 0 of 20.
    assert [round(bound, 4) for bound in wilson_interval(81, 263)] == [0.2553, 0.3662]
    assert [round(bound, 4) for bound in wilson_interval(0, 20)] == [0.0, 0.1611]


def test_costs_are_exact() -> None:
    fills = [make_fill("1000.10", "1.0001"), make_fill("999.90", "0.9999")]
    result = make_result([10_010.0], fills=fills, funding=Decimal("-0.5"))
    costs = statistics_of(result).costs
    assert costs.fees == Decimal("2.0000")
    assert costs.traded == Decimal("2000.00")
    assert costs.gross == Decimal("12.5000")
    assert costs.fees_bp == 10.0
    assert costs.fees_share == 0.16
    assert costs.turnover == 2000.0 / 2.0 / 10_010.0


def test_capital_is_what_was_held() -> None:
    result = make_result([10_000.0] * 4, held_value=np.array([0.0, 5_000.0, 2_500.0, 0.0]))
    capital = statistics_of(result).capital
    assert capital.exposure == 0.1875
    assert capital.exposure_max == 0.5
    assert capital.time_in_market == 0.5
    assert capital.days_at_risk == 2.0
    assert (capital.held_mean, capital.held_max) == (3_750.0, 5_000.0)


def test_holding_stands_beside() -> None:
    hold = float(CASH) * np.array([1.0, 0.5, 2.0])
    statistics = statistics_of(make_result([10_000.0] * 3, hold=hold))
    assert statistics.hold.total == 1.0
    assert statistics.hold.max_drawdown == 0.5


def test_quick_statistics_are_the_same_numbers() -> None:
    values = 10_000.0 + np.cumsum(np.random.default_rng(3).normal(1.0, 40.0, 24 * 200))
    result = make_result(values, HOUR_MS, deals=[make_deal("3")] * 40, fills=[make_fill("5", "0.1")])
    quick, whole = quick_statistics(result), statistics_of(result)
    for name in ("profit", "fees", "fills", "returns", "deals"):
        assert getattr(quick, name) == getattr(whole, name), name


def test_statistics_are_json() -> None:
    statistics = statistics_of(make_result([10_100.0] * 100))
    told = json.loads(msgspec.json.encode(statistics))
    assert told["profit"] == "100.0"
    assert told["returns"]["days"] == 100.0


def test_a_probabilistic_sharpe_ratio_is_the_published_one() -> None:
    # Bailey and Lopez de Prado (2012), figure 1 and text: 24 monthly returns, SR 0.458, skew -2.448, kurtosis 10.164.
    assert round(probabilistic_sharpe(0.458, returns=24, skew=-2.448, kurtosis=10.164), 3) == 0.913
    assert round(probabilistic_sharpe(0.458, returns=24), 3) == 0.982


def test_a_deflated_sharpe_ratio_is_the_published_one() -> None:
    # Bailey and Lopez de Prado (2014), the numerical example: SR 2.5 a year of 250 days, five years, 100 trials whose
    # annual ratios have the variance 0.5, skew -3, kurtosis 10.
    sharpe, variance = 2.5 / math.sqrt(250), 0.5 / 250
    assert round(expected_best_sharpe(100, variance), 4) == 0.1132
    found = deflated_sharpe(sharpe, trials=100, variance_of_trials=variance, returns=1_250, skew=-3.0, kurtosis=10.0)
    assert round(found, 4) == 0.9004


def test_one_trial_needs_no_deflating() -> None:
    assert expected_best_sharpe(1, 0.3) == 0.0
    assert deflated_sharpe(0.1, trials=1, variance_of_trials=0.0, returns=200) == probabilistic_sharpe(0.1, returns=200)


@pytest.mark.parametrize("returns", [0, 1])
def test_nothing_can_be_said_of_one_return(returns: int) -> None:
    assert probabilistic_sharpe(5.0, returns=returns) == 0.5


@given(st.integers(0, 2**32), st.integers(1, 3_000))
def test_what_is_tied_up_is_the_same_compiled_and_plain(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    held = np.where(random.random(count) < 0.5, 0.0, random.random(count) * 1_000)
    equity = random.normal(500, 400, count)
    assert np.allclose(compiled_use()(held, equity), use_of(held, equity), rtol=1e-12, atol=0)


def test_sums_of_a_quick_replay_are_those_of_its_rows() -> None:
    series = generate_series(SYMBOL, candles=5_000, seed=2)
    for currency in FeeCurrency:
        result = replay(
            MartingaleSettings(step=Decimal("0.1"), take_profit=(TakeProfitStep(Decimal("0.1")),)),
            series,
            ReplayTerms(fee_currency=currency),
        )
        assert len(result.fills) > 20
        assert result.traded == sum((fill.value for fill in result.fills), Decimal(0))
        assert result.fees == sum((fill.fee for fill in result.fills), Decimal(0))
