"""One run as a row of numbers: all that a worker returns of it, and what combinations are ranked by."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.backtest.measures.statistics import quick_statistics
from fairlead.backtest.result import BacktestResult


class Figures(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a run did, as ``measures/statistics.py`` has it; ratios are None where there is too little to tell.

    ``profit`` and ``fees`` are in the settle currency, ``gain`` is the return on the cash and ``max_drawdown`` how far
    below its highest equity it fell, both as fractions. ``deals`` are those that ended.
    ``days`` counts daily returns, of which ``daily_sharpe``, ``skew`` and ``kurtosis`` (3: normal) are.
    """

    profit: Decimal
    fees: Decimal
    gain: float
    max_drawdown: float
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    profit_factor: float | None
    win_rate: float | None
    deals: int
    levels_max: int
    fills: int
    denials: int
    days: int
    daily_sharpe: float | None
    skew: float | None
    kurtosis: float | None


LARGEST_BEST: Final[Mapping[str, bool]] = {
    "profit": True,
    "gain": True,
    "sharpe": True,
    "sortino": True,
    "calmar": True,
    "profit_factor": True,
    "win_rate": True,
    "deals": True,
    "max_drawdown": False,
    "fees": False,
    "levels_max": False,
    "fills": False,
    "denials": False,
}
"""Figures that combinations may be ranked by, and whether the largest is the best."""


def figures_of(result: BacktestResult) -> Figures:
    """Say how a run did."""
    found = quick_statistics(result)
    returns, deals = found.returns, found.deals
    return Figures(
        profit=found.profit,
        fees=found.fees,
        gain=returns.total,
        max_drawdown=returns.max_drawdown,
        sharpe=returns.sharpe,
        sortino=returns.sortino,
        calmar=returns.calmar,
        profit_factor=deals.profit_factor,
        win_rate=deals.win_rate,
        deals=deals.closed,
        levels_max=deals.levels_max,
        fills=found.fills,
        denials=len(result.denials),
        days=returns.count,
        daily_sharpe=returns.sharpe_daily,
        skew=returns.skew,
        kurtosis=returns.kurtosis,
    )
