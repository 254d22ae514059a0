"""Statistics of deals: how often they won, how much, how long they took, and how bad they looked on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from fairlead.backtest.result import DealColumns, DealRow, InColumns

COUNT_MIN: Final = 30
"""Fewer deals, or daily returns, than these make no ratio."""
_WILSON_Z: Final = 1.959963984540054
"""Standard deviations to either side of a 95 % interval."""


class DealStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Of closed deals, after fees and funding, in the settle currency; ``still_open`` counts the others.

    The bounds of the win rate are those of its 95 % Wilson interval. ``expectancy`` is what a deal gains on average,
    ``expectancy_r`` the same in average losses. ``worst_excursion`` is the open result of a deal at its worst moment:
    the worst of all deals, open ones too, and their mean; times are in milliseconds.
    """

    closed: int
    still_open: int
    wins: int
    losses: int
    win_rate: float | None = None
    win_rate_low: float | None = None
    win_rate_high: float | None = None
    profit_factor: float | None = None
    win_average: float | None = None
    loss_average: float | None = None
    payoff: float | None = None
    expectancy: float | None = None
    expectancy_r: float | None = None
    best: float | None = None
    worst: float | None = None
    longest_ms: int = 0
    mean_ms: int = 0
    levels_max: int = 0
    worst_excursion: float = 0.0
    mean_excursion: float = 0.0


def deal_statistics(deals: Sequence[DealRow]) -> DealStatistics:
    """Statistics of all deals of a run."""
    columns = (deals.columns if isinstance(deals, InColumns) else None) or _columns_of(deals)
    profits, lengths, worsts = columns.profits, columns.lengths_ms, columns.worsts
    counts: dict[str, Any] = {
        "closed": len(profits),
        "still_open": columns.still_open,
        "levels_max": columns.levels_max,
        "worst_excursion": min(worsts, default=0.0),
        "mean_excursion": sum(worsts) / len(worsts) if worsts else 0.0,
    }
    if not profits:
        return DealStatistics(wins=0, losses=0, **counts)
    won = [profit for profit in profits if profit > 0.0]
    lost = [-profit for profit in profits if profit < 0.0]
    low, high = wilson_interval(len(won), len(profits))
    win, loss = sum(won), sum(lost)
    win_average = win / len(won) if won else None
    loss_average = loss / len(lost) if lost else None
    expectancy = (win - loss) / len(profits)
    is_enough = len(profits) >= COUNT_MIN
    return DealStatistics(
        wins=len(won),
        losses=len(lost),
        win_rate=len(won) / len(profits) if is_enough else None,
        win_rate_low=low,
        win_rate_high=high,
        profit_factor=win / loss if is_enough and loss else None,
        win_average=win_average,
        loss_average=loss_average,
        payoff=win_average / loss_average if is_enough and win_average and loss_average else None,
        expectancy=expectancy,
        expectancy_r=expectancy / loss_average if is_enough and loss_average else None,
        best=max(profits),
        worst=min(profits),
        longest_ms=max(lengths),
        mean_ms=sum(lengths) // len(profits),
        **counts,
    )


def _columns_of(deals: Sequence[DealRow]) -> DealColumns:
    done = [deal for deal in deals if not deal.is_open]
    return DealColumns(
        profits=[float(deal.profit) for deal in done],
        lengths_ms=[deal.ended_ms - deal.began_ms for deal in done],
        levels_max=max((deal.levels for deal in deals), default=0),
        still_open=len(deals) - len(done),
        worsts=[deal.worst for deal in deals],
    )


def wilson_interval(wins: int, count: int) -> tuple[float, float]:
    """Bounds of a share that was seen ``wins`` times of ``count``, with 95 % confidence (Wilson, 1927)."""
    square = _WILSON_Z * _WILSON_Z
    share = wins / count
    middle = share + square / (2 * count)
    half = _WILSON_Z * math.sqrt(share * (1.0 - share) / count + square / (4 * count * count))
    whole = 1.0 + square / count
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)
