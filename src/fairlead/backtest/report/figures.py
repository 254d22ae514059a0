"""Statistics in words: each with its name, its value as people read it, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.backtest.measures.periods import DAY_MS
from fairlead.backtest.measures.statistics import ReturnStatistics, Statistics
from fairlead.core.model.money import USD_CURRENCIES

_HOUR_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000
_DAYS_SHOWN_FROM: Final = 2
_DOLLAR_DECIMALS: Final = 2
_COIN_DECIMALS: Final = 6


class Figure(msgspec.Struct, frozen=True):
    """One line: ``about`` says what it is, empty where its label does."""

    label: str
    value: str
    about: str = ""


class FigureGroup(msgspec.Struct, frozen=True):
    """Lines that belong together."""

    title: str
    figures: Sequence[Figure]


def figure_groups(statistics: Statistics, currency: str) -> list[FigureGroup]:
    """Every statistic of a run."""
    return [
        FigureGroup("Result", _result(statistics, currency)),
        FigureGroup("Risk", _risk(statistics)),
        FigureGroup("Deals", _deals(statistics, currency)),
        FigureGroup("Costs", _costs(statistics, currency)),
        FigureGroup("Capital", _capital(statistics, currency)),
        FigureGroup("Buying and holding instead", _hold(statistics.hold)),
    ]


def money(value: Decimal | float, currency: str, *, is_signed: bool = False) -> str:
    """An amount in its currency, as in ``1,234.50 USDT`` or ``0.012500 BTC``."""
    decimals = decimals_of(currency)
    shown = f"{value:+,.{decimals}f}" if is_signed else f"{value:,.{decimals}f}"
    return f"{shown} {currency}"


def decimals_of(currency: str) -> int:
    """How many decimals people read of an amount: a coin is worth more than a dollar."""
    return _DOLLAR_DECIMALS if currency in USD_CURRENCIES else _COIN_DECIMALS


def percent(value: float, *, is_signed: bool = False) -> str:
    """A fraction as percent, as in ``12.34 %``."""
    return f"{value * 100:+,.2f} %" if is_signed else f"{value * 100:,.2f} %"


def moment(at_ms: int) -> str:
    """A moment in UTC to the minute."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def day(at_ms: int) -> str:
    """The day of a moment, UTC."""
    return moment(at_ms)[:10]


def length(ms: float) -> str:
    """A time in the largest unit that says enough, as in ``3.5 days``."""
    if ms >= _DAYS_SHOWN_FROM * DAY_MS:
        return f"{ms / DAY_MS:,.1f} days"
    return f"{ms / _HOUR_MS:.1f} hours" if ms >= _HOUR_MS else f"{ms / _MINUTE_MS:.0f} minutes"


class _Reasoned:
    """Numbers that may be missing: their reason stands in their place."""

    def __init__(self, statistics: Statistics) -> None:
        self._reasons = statistics.reasons

    def percent(self, value: float | None, name: str, *, is_signed: bool = False) -> str:
        return self._reason(name) if value is None else percent(value, is_signed=is_signed)

    def number(self, value: float | None, name: str) -> str:
        return self._reason(name) if value is None else f"{value:,.2f}"

    def money(self, value: float | None, name: str, currency: str) -> str:
        return self._reason(name) if value is None else money(value, currency)

    def _reason(self, name: str) -> str:
        return self._reasons.get(name, "not known")


def _result(statistics: Statistics, currency: str) -> list[Figure]:
    known, returns = _Reasoned(statistics), statistics.returns
    return [
        Figure("Profit", money(statistics.profit, currency, is_signed=True), "open positions at the last close"),
        Figure("Total return", percent(returns.total, is_signed=True), "of the cash at the beginning"),
        Figure("A year", known.percent(returns.cagr, "returns.cagr", is_signed=True), "CAGR, 365 days"),
        Figure("Sharpe ratio", known.number(returns.sharpe, "returns.sharpe"), "of daily returns, a year, no interest"),
        Figure("Sortino ratio", known.number(returns.sortino, "returns.sortino"), "the same, counting only losses"),
        Figure("Calmar ratio", known.number(returns.calmar, "returns.calmar"), "a year's return over the deepest fall"),
        Figure(
            "Skill, not luck", known.percent(returns.psr, "returns.psr"), "probability of a Sharpe ratio above zero"
        ),
    ]


def _risk(statistics: Statistics) -> list[Figure]:
    known, returns, fall, spell = _Reasoned(statistics), statistics.returns, statistics.fall, statistics.under_water
    until = day(fall.recovered_ms) if fall.recovered_ms else "not yet made good"
    span = f"{day(fall.peak_ms)} to {day(fall.trough_ms)}, {until}" if fall.share else "never fell"
    spell_about = f"{day(spell.from_ms)} to {day(spell.until_ms)}{'' if spell.is_over else ', still'}"
    return [
        Figure("Deepest fall", percent(fall.share), span),
        Figure("Longest under water", length(spell.length_ms), spell_about if spell.length_ms else ""),
        Figure("Ulcer index", percent(returns.ulcer), "root of the mean square of daily falls"),
        Figure("Volatility", known.percent(returns.volatility, "returns.volatility"), "of daily returns, a year"),
        Figure("Value at risk", known.percent(returns.var_95, "returns.var_95"), "loss of one day in twenty, or more"),
        Figure("Expected shortfall", known.percent(returns.cvar_95, "returns.cvar_95"), "mean loss of such a day"),
        Figure("Skewness", known.number(returns.skew, "returns.skew"), "negative: rare large losses"),
        Figure("Kurtosis", known.number(returns.kurtosis, "returns.kurtosis"), "3 is normal; more: heavy tails"),
    ]


def _deals(statistics: Statistics, currency: str) -> list[Figure]:
    known, deals = _Reasoned(statistics), statistics.deals
    interval = ""
    if deals.win_rate_low is not None and deals.win_rate_high is not None:
        interval = f"95 %: between {percent(deals.win_rate_low)} and {percent(deals.win_rate_high)}"
    return [
        Figure("Closed deals", str(deals.closed), f"{deals.still_open} still open" if deals.still_open else ""),
        Figure("Won and lost", f"{deals.wins} and {deals.losses}", "after fees and funding"),
        Figure("Win rate", known.percent(deals.win_rate, "deals.win_rate"), interval),
        Figure("Profit factor", known.number(deals.profit_factor, "deals.profit_factor"), "all wins over all losses"),
        Figure("Average win", known.money(deals.win_average, "deals.win_average", currency)),
        Figure("Average loss", known.money(deals.loss_average, "deals.loss_average", currency)),
        Figure("Payoff", known.number(deals.payoff, "deals.payoff"), "average win over average loss"),
        Figure("Expectancy", known.money(deals.expectancy, "deals.expectancy", currency), "of one deal"),
        Figure("Expectancy in R", known.number(deals.expectancy_r, "deals.expectancy_r"), "in average losses"),
        Figure("Best deal", known.money(deals.best, "deals.best", currency)),
        Figure("Worst deal", known.money(deals.worst, "deals.worst", currency)),
        Figure("Worst moment of a deal", money(deals.worst_excursion, currency), "open loss, also of open deals"),
        Figure("Worst moment on average", money(deals.mean_excursion, currency)),
        Figure("Mean length", length(deals.mean_ms), f"longest {length(deals.longest_ms)}"),
        Figure("Most levels filled", str(deals.levels_max)),
    ]


def _costs(statistics: Statistics, currency: str) -> list[Figure]:
    known, costs = _Reasoned(statistics), statistics.costs
    return [
        Figure("Fees", money(costs.fees, currency)),
        Figure("Funding", money(costs.funding, currency, is_signed=True), "negative: paid"),
        Figure("Profit before both", money(costs.gross, currency, is_signed=True)),
        Figure("Fees of profit", known.percent(costs.fees_share, "costs.fees_share")),
        Figure("Traded", money(costs.traded, currency), f"{statistics.fills} fills"),
        Figure("Fees of trading", f"{known.number(costs.fees_bp, 'costs.fees_bp')} bp", "hundredths of a percent"),
        Figure("Turnover", known.number(costs.turnover, "costs.turnover"), "times the average equity, in and out"),
    ]


def _capital(statistics: Statistics, currency: str) -> list[Figure]:
    capital = statistics.capital
    return [
        Figure("Held on average", percent(capital.exposure), "of equity, over all time"),
        Figure("Held at most", percent(capital.exposure_max), money(capital.held_max, currency)),
        Figure("Time in the market", percent(capital.time_in_market), f"{capital.days_at_risk:,.1f} days at risk"),
        Figure("Held when in it", money(capital.held_mean, currency), "on average"),
    ]


def _hold(hold: ReturnStatistics) -> list[Figure]:
    return [
        Figure("Total return", percent(hold.total, is_signed=True), "bought at the first close, without fees"),
        *([] if hold.cagr is None else [Figure("A year", percent(hold.cagr, is_signed=True))]),
        Figure("Deepest fall", percent(hold.max_drawdown)),
        *([] if hold.volatility is None else [Figure("Volatility", percent(hold.volatility))]),
        *([] if hold.sharpe is None else [Figure("Sharpe ratio", f"{hold.sharpe:,.2f}")]),
    ]
