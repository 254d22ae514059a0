"""Chooses settings on one stretch of history and tests them on the next, again and again: what choosing is worth."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
import numpy as np

from fairlead.backtest.result import BacktestResult, Curve
from fairlead.backtest.sweeps.figures import Figures, figures_of
from fairlead.backtest.sweeps.ranking import rank_rows
from fairlead.backtest.sweeps.search import Plan, search_through
from fairlead.backtest.sweeps.sweep import Scene, open_runner
from fairlead.backtest.sweeps.trials import Trial, market_between, spec_of
from fairlead.backtest.trial_count import count_trials
from fairlead.core.model.money import ZERO

WINDOWS_MAX: Final = 1_000


class Window(msgspec.Struct, frozen=True):
    """Settings are chosen from ``begin_ms`` to before ``split_ms`` and tested from there to before ``end_ms``."""

    begin_ms: int
    split_ms: int
    end_ms: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One window: which combination was best in it (None: none was within bounds), and how it did afterwards."""

    window: Window
    number: int | None = None
    choice: dict[str, str] = {}
    chosen: Figures | None = None
    tested: Figures | None = None


class WalkForward(msgspec.Struct, frozen=True, kw_only=True):
    """What choosing again and again would have led to.

    ``equity`` joins the tested stretches: each begins with the same cash, and what it gains is added up, in the settle
    currency. ``efficiency`` is what was gained a day while tested, as a share of what was gained a day while choosing;
    None where nothing was gained while choosing. ``trials`` counts every run ever made in this data folder.
    """

    plan: Plan
    steps: tuple[Step, ...]
    equity: Curve
    profit: Decimal
    max_drawdown: float
    efficiency: float | None
    trials: int

    @property
    def profitable(self) -> int:
        """How many tested stretches gained."""
        return sum(step.tested is not None and step.tested.profit > ZERO for step in self.steps)


def make_windows(
    begin_ms: int, end_ms: int, *, choose_ms: int, test_ms: int, is_anchored: bool = False
) -> tuple[Window, ...]:
    """Windows whose tested stretches follow one another; anchored: each is chosen from everything before.

    What is left at the end and is shorter than a stretch is not tested.

    Raises:
        ValueError: there is not one, or there are too many.
    """
    if min(choose_ms, test_ms) <= 0:
        message = "both stretches must be longer than nothing"
        raise ValueError(message)
    splits = range(begin_ms + choose_ms, end_ms - test_ms + 1, test_ms)
    if not 0 < len(splits) <= WINDOWS_MAX:
        message = f"{len(splits)} windows: from 1 to {WINDOWS_MAX}; choose other lengths"
        raise ValueError(message)
    return tuple(Window(begin_ms if is_anchored else split - choose_ms, split, split + test_ms) for split in splits)


def run_walk_forward(scene: Scene, plan: Plan, windows: Sequence[Window]) -> WalkForward:
    """Choose and test in each window; called again after a stop it goes on where it was.

    Raises:
        SpaceError: more combinations than are kept.
        SweepInUseError: another process is running the same sweep.
        WorkersLostError: workers kept dying.
        ValueError: what was chosen cannot be tested, or the optimiser is not installed.
        OSError: rows cannot be kept.
    """
    steps, tested = [], []
    with open_runner(scene, plan.space, total=plan.count * len(windows)) as runner:
        for window in windows:
            rows = search_through(plan, runner.run, begin_ms=window.begin_ms, end_ms=window.split_ms)
            ranked, _ = rank_rows(rows, plan.objective, plan.bounds)
            if not ranked:
                steps.append(Step(window=window))
                continue
            best = ranked[0]
            trial = Trial(best.trial.number, window.split_ms, window.end_ms)
            result = scene.run(
                spec_of(scene.spec, plan.space, trial),
                market_between(scene.market, trial.begin_ms, trial.end_ms),
                scene.instruments,
            )
            tested.append(result)
            choice = plan.space.choice(trial.number)
            figures = figures_of(result)
            steps.append(Step(window=window, number=trial.number, choice=choice, chosen=best.figures, tested=figures))
    equity = stitch(tested, float(scene.spec.cash))
    top = np.maximum.accumulate(np.maximum(equity.values, float(scene.spec.cash)))
    return WalkForward(
        plan=plan,
        steps=tuple(steps),
        equity=equity,
        profit=sum((result.profit for result in tested), ZERO),
        max_drawdown=float(np.max(1.0 - equity.values / top, initial=0.0)),
        efficiency=_efficiency(steps),
        trials=count_trials(scene.folder, len(tested)),
    )


def stitch(results: Sequence[BacktestResult], cash: float) -> Curve:
    """Join curves: each goes on from where the one before ended."""
    times, values, reached = [np.zeros(0, np.int64)], [np.zeros(0)], cash
    for result in results:
        times.append(result.equity.at_ms)
        values.append(result.equity.values - cash + reached)
        reached = float(values[-1][-1])
    return Curve(np.concatenate(times), np.concatenate(values))


def _efficiency(steps: Sequence[Step]) -> float | None:
    done = [(step.window, step.chosen, step.tested) for step in steps if step.chosen and step.tested]
    chosen = sum(figures.gain / (window.split_ms - window.begin_ms) for window, figures, _ in done)
    tested = sum(figures.gain / (window.end_ms - window.split_ms) for window, _, figures in done)
    return tested / chosen if chosen > 0 else None
