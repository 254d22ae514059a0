"""Answers with what quantstats says of daily returns: one JSON list per line in, one JSON object per line out.

A program of its own, because the library warns while it is imported and looks for fonts.
"""

from __future__ import annotations

import json
import sys
import warnings

warnings.simplefilter("ignore")

import pandas as pd  # type: ignore[import-untyped,unused-ignore]  # noqa: E402
import quantstats.stats as oracle  # type: ignore[import-untyped,unused-ignore]  # noqa: E402
import scipy.stats  # type: ignore[import-untyped,unused-ignore]  # noqa: E402

YEAR = 365


def answer(returns: list[float]) -> dict[str, float]:
    """Everything that both sides know; a year has 365 days."""
    days = pd.date_range("2025-01-01", periods=len(returns), freq="D")
    series = pd.Series(returns, index=days)
    falls = pd.Series(oracle.to_drawdown_series(series))  # type: ignore[no-untyped-call]
    return {
        "total": oracle.comp(series),
        "cagr": oracle.cagr(series, periods=YEAR),
        "volatility": oracle.volatility(series, periods=YEAR, prepare_returns=False),
        "sharpe": oracle.sharpe(series, periods=YEAR),
        "sortino": oracle.sortino(series, periods=YEAR),
        "max_drawdown": -oracle.max_drawdown(series),
        "ulcer": float((falls**2).mean() ** 0.5),
        "calmar": oracle.calmar(series, prepare_returns=False, periods=YEAR),
        "skew": scipy.stats.skew(returns),
        "kurtosis": scipy.stats.kurtosis(returns, fisher=False),
        "var_95": -series.quantile(0.05),
        "cvar_95": -oracle.conditional_value_at_risk(series, prepare_returns=False, method="historical"),
    }


for line in sys.stdin:
    told = {name: float(value) for name, value in answer(json.loads(line)).items()}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
