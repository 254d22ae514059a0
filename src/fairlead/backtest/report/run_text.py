"""A run in a few lines: what it comes to, the numbers that decide, and what to mind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fairlead.backtest.measures.statistics import Statistics
from fairlead.backtest.report.figures import length, money, percent
from fairlead.backtest.report.words import Surroundings, period_of, title_of, verdict_of, warnings_of
from fairlead.backtest.result import BacktestResult

_LABEL_WIDTH: Final = 14


def run_lines(result: BacktestResult, statistics: Statistics, around: Surroundings) -> Iterator[str]:
    """What a trader wants to see first."""
    yield f"{title_of(result.spec)}: {period_of(result)}"
    yield ""
    yield verdict_of(result, statistics)
    yield ""
    for label, value in _key_numbers(statistics, result.spec.currency):
        yield f"  {label:<{_LABEL_WIDTH}}  {value}"
    warnings = warnings_of(result, statistics, around)
    if warnings:
        yield ""
        yield from (f"  mind: {warning}" for warning in warnings)


def _key_numbers(statistics: Statistics, currency: str) -> Iterator[tuple[str, str]]:
    returns, deals, costs, capital = statistics.returns, statistics.deals, statistics.costs, statistics.capital
    reasons = statistics.reasons
    profit = money(statistics.profit, currency, is_signed=True)
    yield "profit", f"{profit} ({percent(returns.total, is_signed=True)})"
    yield "a year", reasons["returns.cagr"] if returns.cagr is None else percent(returns.cagr, is_signed=True)
    sharpe = reasons["returns.sharpe"] if returns.sharpe is None else f"{returns.sharpe:.2f}"
    sortino = reasons["returns.sortino"] if returns.sortino is None else f"{returns.sortino:.2f}"
    yield "sharpe", f"{sharpe}, sortino {sortino}"
    spell = statistics.under_water
    yield "deepest fall", f"{percent(returns.max_drawdown)}, longest under water {length(spell.length_ms)}"
    still_open = f", {deals.still_open} still open" if deals.still_open else ""
    yield "deals", f"{deals.closed:,}: {deals.wins:,} won, {deals.losses:,} lost{still_open}"
    factor = reasons["deals.profit_factor"] if deals.profit_factor is None else f"{deals.profit_factor:.2f}"
    yield "profit factor", f"{factor}, worst moment of a deal {money(deals.worst_excursion, currency)}"
    yield "costs", f"fees {money(costs.fees, currency)}, funding {money(costs.funding, currency, is_signed=True)}"
    yield "capital", f"held {percent(capital.exposure)} on average, {percent(capital.exposure_max)} at most"
    yield "holding", f"{percent(statistics.hold.total, is_signed=True)}, fell {percent(statistics.hold.max_drawdown)}"
