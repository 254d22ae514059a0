"""The same deals in another order, or drawn anew: how much of a result was the luck of its order."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np

from fairlead.backtest.result import DealRow
from fairlead.backtest.sweeps.spread import Spread, spread_of
from fairlead.market.candles.series import Floats

DRAWS_MAX: Final = 1_000_000
CELLS_AT_ONCE: Final = 2_000_000
"""Deals that are drawn at once, so that memory stays the same however many draws there are."""


class Redraw(StrEnum):
    """How deals are drawn: as many with repeats (bootstrap), or the same ones in another order."""

    BOOTSTRAP = "bootstrap"
    SHUFFLE = "shuffle"


class MonteCarlo(msgspec.Struct, frozen=True, kw_only=True):
    """What other orders of the same deals would have led to.

    ``profit`` is in the settle currency, ``max_drawdown`` a fraction; ``ruin`` is the share of draws that at some
    moment had lost the fraction ``ruin_at`` of the cash. A shuffle changes no
    profit, only the way there.
    """

    redraw: Redraw
    draws: int
    deals: int
    seed: int
    profit: Spread
    max_drawdown: Spread
    ruin_at: float
    ruin: float


def redraw_deals(
    deals: Sequence[DealRow], *, cash: Decimal, redraw: Redraw, draws: int, seed: int, ruin_at: float
) -> MonteCarlo:
    """Draw deals many times, one after another; the same for the same seed.

    Each deal also dips to its worst open result, because a bot that buys into a fall looks harmless by its closed deals
    alone. A deal that is still open counts with what it stood at.

    Raises:
        ValueError: there are no deals, or too many draws.
    """
    if not deals or not 0 < draws <= DRAWS_MAX:
        message = "there are no deals to draw from" if not deals else f"{draws} draws: from 1 to {DRAWS_MAX}"
        raise ValueError(message)
    dice = np.random.default_rng(seed)
    profits = np.array([float(deal.profit) for deal in deals])
    dips = np.array([min(deal.worst, float(deal.profit), 0.0) for deal in deals])
    count, start = len(deals), float(cash)
    at_once = max(1, CELLS_AT_ONCE // count)
    ends, falls, is_ruined = [], [], []
    for begin in range(0, draws, at_once):
        rows = min(at_once, draws - begin)
        if redraw is Redraw.BOOTSTRAP:
            order = dice.integers(0, count, (rows, count))
        else:
            order = dice.permuted(np.tile(np.arange(count), (rows, 1)), axis=1)
        end, fall, lowest = _walk(profits[order], dips[order], start)
        ends.append(end)
        falls.append(fall)
        is_ruined.append(lowest <= start * (1.0 - ruin_at))
    return MonteCarlo(
        redraw=redraw,
        draws=draws,
        deals=count,
        seed=seed,
        profit=spread_of(np.concatenate(ends)),
        max_drawdown=spread_of(np.concatenate(falls)),
        ruin_at=ruin_at,
        ruin=float(np.concatenate(is_ruined).mean()),
    )


def _walk(profits: Floats, dips: Floats, start: float) -> tuple[Floats, Floats, Floats]:
    """Profit at the end, deepest fall as a fraction, and lowest equity of each row."""
    after = start + np.cumsum(profits, axis=1)
    before = after - profits
    # What it was at its worst during the deal, against the highest it had been until then.
    lowest = np.minimum(before + dips, after)
    top = np.maximum(np.maximum.accumulate(before, axis=1), start)
    falls = np.max(1.0 - lowest / top, axis=1, initial=0.0)
    return after[:, -1] - start, falls, lowest.min(axis=1)
