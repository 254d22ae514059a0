"""The same settings begun at other moments: how much of a result was the luck of its first day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from fairlead.backtest.sweeps.space import Space
from fairlead.backtest.sweeps.spread import Spread, spread_of
from fairlead.backtest.sweeps.sweep import Scene, open_runner
from fairlead.backtest.sweeps.trials import Market, Row, Trial

STARTS_MAX: Final = 10_000


class StartTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of one length from many moments.

    ``gain`` and ``max_drawdown`` are fractions of the cash and of the highest equity; ``profitable`` is the share of
    runs that gained. ``worst`` and ``best`` are the moments, UTC milliseconds, of the least and the most gained.
    """

    length_ms: int
    seed: int
    runs: int
    faults: list[Row]
    gain: Spread
    max_drawdown: Spread
    profitable: float
    worst_ms: int
    best_ms: int


def run_start_times(scene: Scene, *, starts: int, length_ms: int, seed: int) -> StartTimes:
    """Run from so many random candles, each for ``length_ms``.

    Raises:
        ValueError: the candles are shorter, or no run came to its end.
        SweepInUseError: another process is running the same.
        WorkersLostError: workers kept dying.
        OSError: rows cannot be kept.
    """
    moments = draw_starts(scene.market, starts=starts, length_ms=length_ms, seed=seed)
    with open_runner(scene, Space(), total=len(moments)) as runner:
        rows = runner.run([Trial(0, moment, moment + length_ms) for moment in moments])
    done = [(row.trial.begin_ms, row.figures) for row in rows if row.figures is not None]
    faults = [row for row in rows if row.figures is None]
    if not done:
        message = f"no run came to its end: {faults[0].fault}"
        raise ValueError(message)
    gains = np.array([figures.gain for _, figures in done])
    return StartTimes(
        length_ms=length_ms,
        seed=seed,
        runs=len(done),
        faults=faults,
        gain=spread_of(gains),
        max_drawdown=spread_of(np.array([figures.max_drawdown for _, figures in done])),
        profitable=float((gains > 0.0).mean()),
        worst_ms=done[int(np.argmin(gains))][0],
        best_ms=done[int(np.argmax(gains))][0],
    )


def draw_starts(market: Market, *, starts: int, length_ms: int, seed: int) -> Sequence[int]:
    """First moments of random candles after which every instrument still has candles for so long; in order of time.

    Raises:
        ValueError: there are none, or too many are wanted.
    """
    begin_ms = max(series.begin_ms for series in market.values())
    end_ms = min(series.end_ms for series in market.values())
    opened = next(iter(market.values())).opened_ms
    first, after = (int(np.searchsorted(opened, moment)) for moment in (begin_ms, end_ms - length_ms + 1))
    if after <= first or length_ms <= 0 or not 0 < starts <= STARTS_MAX:
        days = (end_ms - begin_ms) / 86_400_000
        message = f"{starts} runs of {length_ms / 86_400_000:g} days: there are candles of {days:g} days, and at most"
        raise ValueError(f"{message} {STARTS_MAX} runs")
    dice = np.random.default_rng(seed)
    places = dice.choice(after - first, size=min(starts, after - first), replace=False)
    return [int(moment) for moment in np.sort(opened[first + places])]
