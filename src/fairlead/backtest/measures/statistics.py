"""Statistics of a run: what it gained, how far it fell on the way, what its deals were like, what it cost and tied up.

A number that too little is known for is None, and ``reasons`` says why.
"""

from __future__ import annotations

import math
from decimal import Decimal
from statistics import NormalDist
from typing import Final

import msgspec
import numpy as np

from fairlead.backtest.compiled import compiled_use, is_compiled
from fairlead.backtest.measures.deal_statistics import COUNT_MIN, DealStatistics, deal_statistics
from fairlead.backtest.measures.depths import Depths, Fall, Spell
from fairlead.backtest.measures.periods import DAY_MS, daily_values, returns_of
from fairlead.backtest.result import BacktestResult, Curve
from fairlead.core.model.money import ZERO
from fairlead.market.candles.series import Floats

DAYS_A_YEAR: Final = 365
CAGR_DAYS_MIN: Final = 90
N_TOO_SMALL: Final = "n too small"
TOO_SHORT: Final = f"shorter than {CAGR_DAYS_MIN} days"
NEVER_FELL: Final = "never fell"
NO_LOSS: Final = "no loss"
_EULER: Final = 0.5772156649015329
_SPREAD_MIN: Final = 1e-15
"""A deviation of daily returns below this is what is left of rounding."""
_PAIR: Final = 2
_BP: Final = 10_000
_CHUNK: Final = 65_536
_TAIL: Final = 20


class ReturnStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Of a curve of equity; shares are fractions (0.1 is ten percent).

    ``days`` is the time, ``count`` how many daily returns (from one UTC midnight to the next) the ratios are made of.
    ``cagr``, ``volatility``, ``sharpe`` and ``sortino`` are of a year of 365 days, and money that rests earns nothing.
    ``max_drawdown`` is of every close, ``ulcer`` of the days. ``sharpe_daily``, ``skew`` and ``kurtosis`` (3 is normal)
    are of the daily returns as they are; ``psr`` is the probability that the true Sharpe ratio is above zero.
    ``var_95`` and ``cvar_95`` are what a day of the worst twentieth loses: at least, and on average.
    """

    days: float
    count: int
    total: float
    max_drawdown: float
    ulcer: float
    cagr: float | None = None
    volatility: float | None = None
    sharpe: float | None = None
    sortino: float | None = None
    calmar: float | None = None
    sharpe_daily: float | None = None
    skew: float | None = None
    kurtosis: float | None = None
    psr: float | None = None
    var_95: float | None = None
    cvar_95: float | None = None


class CostStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What trading cost, in the settle currency.

    ``gross`` is the profit before fees and funding, ``traded`` the value of all fills, ``turnover`` half of it in
    average equities. ``fees_bp`` is fees in hundredths of a percent of what was traded, ``fees_share`` of ``gross``.
    """

    fees: Decimal
    funding: Decimal
    gross: Decimal
    traded: Decimal
    turnover: float | None = None
    fees_bp: float | None = None
    fees_share: float | None = None


class CapitalStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What was tied up.

    ``exposure`` is the value held as a share of equity, on average and at most; ``time_in_market`` the share of closes
    at which something was held, and ``days_at_risk`` as much time. ``held_mean``, of that time, and ``held_max`` are in
    the settle currency.
    """

    exposure: float
    exposure_max: float
    time_in_market: float
    days_at_risk: float
    held_mean: float
    held_max: float


class QuickStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What runs are ranked by. ``reasons`` says of a field that is None why, as in ``returns.sharpe``."""

    profit: Decimal
    fees: Decimal
    fills: int
    returns: ReturnStatistics
    deals: DealStatistics
    reasons: dict[str, str]


class Statistics(QuickStatistics, frozen=True, kw_only=True):
    """Everything; ``hold`` is of somebody who bought at the first close and kept."""

    fall: Fall
    under_water: Spell
    costs: CostStatistics
    capital: CapitalStatistics
    hold: ReturnStatistics
    denials: int
    missing: int
    is_liquidated: bool


def statistics_of(result: BacktestResult) -> Statistics:
    """Every statistic of a run."""
    start, begin_ms = float(result.spec.cash), result.begin_ms
    depths = Depths(result.equity, start, begin_ms)
    fall = depths.deepest_fall()
    returns = _of_returns(result, result.equity, fall.share)
    held = Curve(result.equity.at_ms, result.hold)
    hold = _of_returns(result, held, Depths(held, start, begin_ms).deepest_fall().share)
    deals = deal_statistics(result.deals)
    fees = result.fees
    costs = _of_costs(result, fees)
    return Statistics(
        profit=result.profit,
        fees=fees,
        fills=len(result.fills),
        returns=returns,
        deals=deals,
        reasons={**_why_not(returns, deals), **_why_no_costs(costs)},
        fall=fall,
        under_water=depths.longest_spell(),
        costs=costs,
        capital=_of_capital(result),
        hold=hold,
        denials=len(result.denials),
        missing=result.missing,
        is_liquidated=result.is_liquidated,
    )


def quick_statistics(result: BacktestResult) -> QuickStatistics:
    """What runs are ranked by: the same numbers as ``statistics_of`` gives, in a fraction of the time."""
    fall = Depths(result.equity, float(result.spec.cash), result.begin_ms).deepest_fall()
    returns = _of_returns(result, result.equity, fall.share)
    deals = deal_statistics(result.deals)
    return QuickStatistics(
        profit=result.profit,
        fees=result.fees,
        fills=len(result.fills),
        returns=returns,
        deals=deals,
        reasons=_why_not(returns, deals),
    )


def probabilistic_sharpe(
    sharpe: float, *, returns: int, skew: float = 0.0, kurtosis: float = 3.0, above: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio is above one (Bailey and Lopez de Prado, 2012).

    Both ratios are of one period, not of a year; ``returns`` counts periods. It is 0.5 where nothing can be said.
    """
    spread = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    if returns < _PAIR or spread <= 0.0:
        return 0.5
    return _normal_share((sharpe - above) * math.sqrt(returns - 1) / math.sqrt(spread))


def deflated_sharpe(
    sharpe: float,
    *,
    trials: int,
    variance_of_trials: float,
    returns: int,
    skew: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Probability that the best of some trials is better than luck alone would make it (the same authors, 2014).

    ``sharpe``, and the Sharpe ratios of all ``trials`` whose variance is given, are of one period (a day), not a year.
    """
    luck = expected_best_sharpe(trials, variance_of_trials)
    return probabilistic_sharpe(sharpe, returns=returns, skew=skew, kurtosis=kurtosis, above=luck)


def expected_best_sharpe(trials: int, variance_of_trials: float) -> float:
    """The best Sharpe ratio of one period that so many trials without any skill are expected to show."""
    if trials < _PAIR:
        return 0.0
    normal = NormalDist()
    usual = (1.0 - _EULER) * normal.inv_cdf(1.0 - 1.0 / trials)
    rare = _EULER * normal.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance_of_trials) * (usual + rare)


def _of_returns(result: BacktestResult, curve: Curve, max_drawdown: float) -> ReturnStatistics:
    values = daily_values(curve, float(result.spec.cash), result.begin_ms)
    returns = returns_of(values)
    days = (result.end_ms - result.begin_ms) / DAY_MS
    count = len(returns)
    is_lost = bool(count) and float(returns[-1]) <= -1.0
    total = -1.0 if is_lost else float(values[count] / values[0]) - 1.0
    cagr = (1.0 + total) ** (DAYS_A_YEAR / days) - 1.0 if days >= CAGR_DAYS_MIN else None
    falls = 1.0 - values / np.maximum.accumulate(values)
    known = ReturnStatistics(
        days=days,
        count=count,
        total=total,
        max_drawdown=max_drawdown,
        ulcer=math.sqrt(float(falls[1:] @ falls[1:]) / max(count, 1)),
        cagr=cagr,
        calmar=None if cagr is None or not max_drawdown else cagr / max_drawdown,
    )
    return known if count < COUNT_MIN else msgspec.structs.replace(known, **_ratios(returns))


def _ratios(returns: Floats) -> dict[str, float | None]:
    count, mean = len(returns), float(returns.mean())
    away = returns - mean
    squares = float(away @ away)
    deviation = math.sqrt(squares / (count - 1))
    losses = np.minimum(returns, 0.0)
    downside = math.sqrt(float(losses @ losses) / count)
    year = math.sqrt(DAYS_A_YEAR)
    worst = np.sort(returns)
    # Linear between the two returns around the twentieth, as numpy and pandas take a quantile.
    below, rest = divmod(count - 1, _TAIL)
    limit = float(worst[below] + rest / _TAIL * (worst[min(below + 1, count - 1)] - worst[below]))
    ratios: dict[str, float | None] = {
        "volatility": deviation * year,
        "var_95": max(0.0, -limit),
        "cvar_95": max(0.0, -float(worst[worst <= limit].mean())),
        "sortino": mean / downside * year if downside else None,
    }
    if deviation <= _SPREAD_MIN:
        return ratios
    variance = squares / count
    sharpe = mean / deviation
    skew = float(away @ (away * away)) / count / variance**1.5
    kurtosis = float((away * away) @ (away * away)) / count / variance**2
    psr = probabilistic_sharpe(sharpe, returns=count, skew=skew, kurtosis=kurtosis)
    more = {"sharpe": sharpe * year, "sharpe_daily": sharpe, "skew": skew, "kurtosis": kurtosis, "psr": psr}
    return {**ratios, **more}


def _of_costs(result: BacktestResult, fees: Decimal) -> CostStatistics:
    traded = result.traded
    gross = result.profit + fees - result.funding
    mean = float(result.equity.values.mean()) if len(result.equity) else float(result.spec.cash)
    return CostStatistics(
        fees=fees,
        funding=result.funding,
        gross=gross,
        traded=traded,
        turnover=float(traded) / (2.0 * mean) if mean > 0.0 else None,
        fees_bp=float(fees / traded) * _BP if traded else None,
        fees_share=float(fees / gross) if gross > ZERO else None,
    )


def _of_capital(result: BacktestResult) -> CapitalStatistics:
    count = len(result.held_value)
    use = compiled_use() if is_compiled() else use_of
    closes, total, shares, highest, most = use(result.held_value, result.equity.values).tolist()
    time = closes / count if count else 0.0
    return CapitalStatistics(
        exposure=shares / count if count else 0.0,
        exposure_max=highest,
        time_in_market=time,
        days_at_risk=time * (result.end_ms - result.begin_ms) / DAY_MS,
        held_mean=total / closes if closes else 0.0,
        held_max=most,
    )


def use_of(held: Floats, equity: Floats) -> Floats:
    """Closes at which something was held, its sum, the sum of its shares of equity, the largest share, and the largest.

    What is held of nothing, after all was lost, counts for nothing.
    """
    found = np.zeros(5)
    buffer = np.empty(min(len(held), _CHUNK))
    # Pieces that stay in the processor's cache: a new array as long as the curve would cost more than the division.
    for first in range(0, len(held), _CHUNK):
        part, of = held[first : first + _CHUNK], equity[first : first + _CHUNK]
        if of.min() <= 0.0:
            part, of = part[of > 0.0], of[of > 0.0]
        share = np.divide(part, of, out=buffer[: len(part)])
        found[:3] += np.count_nonzero(part > 0.0), part.sum(), share.sum()
        found[3:] = np.maximum(found[3:], (share.max(initial=0.0), part.max(initial=0.0)))
    return found


def _why_not(returns: ReturnStatistics, deals: DealStatistics) -> dict[str, str]:
    short = N_TOO_SMALL if returns.count < COUNT_MIN else ""
    few = N_TOO_SMALL if deals.closed < COUNT_MIN else ""
    why = {
        "cagr": TOO_SHORT,
        "calmar": TOO_SHORT if returns.cagr is None else NEVER_FELL,
        "sharpe": short or "no ups and downs",
        "sortino": short or NEVER_FELL,
    }
    missing = {f"returns.{name}": why.get(name, short or why["sharpe"]) for name in _none_of(returns)}
    for name in _none_of(deals):
        is_average = bool(deals.closed) and name in {"win_average", "loss_average"}
        lacking = "no win" if name == "win_average" or (name == "payoff" and not deals.wins) else NO_LOSS
        missing[f"deals.{name}"] = lacking if is_average else few or lacking
    return missing


def _why_no_costs(costs: CostStatistics) -> dict[str, str]:
    why = {"turnover": "no equity", "fees_bp": "nothing traded", "fees_share": "no gross profit"}
    return {f"costs.{name}": why[name] for name in _none_of(costs)}


def _none_of(part: msgspec.Struct) -> list[str]:
    return [name for name in part.__struct_fields__ if getattr(part, name) is None]


def _normal_share(deviations: float) -> float:
    return 0.5 * math.erfc(-deviations / math.sqrt(2.0))
