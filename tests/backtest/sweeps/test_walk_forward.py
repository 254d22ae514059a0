from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fairlead.backtest.sweeps.figures import figures_of
from fairlead.backtest.sweeps.ranking import Bound, Objective
from fairlead.backtest.sweeps.search import Plan
from fairlead.backtest.sweeps.space import Axis, Space
from fairlead.backtest.sweeps.start_times import draw_starts, run_start_times
from fairlead.backtest.sweeps.sweep import Scene
from fairlead.backtest.sweeps.trials import Trial, market_between, spec_of
from fairlead.backtest.sweeps.walk_forward import Window, make_windows, run_walk_forward
from tests.backtest.sweeps.toy_run import INSTRUMENTS, SYMBOL, toy_market, toy_run, toy_spec

DAY_MS = 86_400_000
MARKET = toy_market(candles=24 * 100)
SPACE = Space((Axis("step", ("0.5", "1", "2")),))
PLAN = Plan(space=SPACE, objective=Objective("gain"))


def scene_of(folder: Path, workers: int = 2) -> Scene:
    return Scene(spec=toy_spec(), market=MARKET, instruments=INSTRUMENTS, run=toy_run, folder=folder, workers=workers)


def test_tested_stretches_follow_one_another() -> None:
    assert make_windows(0, 100, choose_ms=40, test_ms=20) == (
        Window(0, 40, 60),
        Window(20, 60, 80),
        Window(40, 80, 100),
    )
    assert make_windows(0, 99, choose_ms=40, test_ms=20, is_anchored=True) == (Window(0, 40, 60), Window(0, 60, 80))
    for choose, test in ((0, 10), (90, 20), (1, 0)):
        with pytest.raises(ValueError, match=r"windows|longer than nothing"):
            make_windows(0, 100, choose_ms=choose, test_ms=test)


def test_what_was_chosen_before_is_what_is_tested_after(tmp_path: Path) -> None:
    series = MARKET[SYMBOL]
    windows = make_windows(series.begin_ms, series.end_ms, choose_ms=40 * DAY_MS, test_ms=20 * DAY_MS)
    found = run_walk_forward(scene_of(tmp_path), PLAN, windows)
    assert len(found.steps) == 3
    for step in found.steps:
        chosen = {}
        for number in range(SPACE.total):
            before = Trial(number, step.window.begin_ms, step.window.split_ms)
            within = market_between(MARKET, before.begin_ms, before.end_ms)
            chosen[number] = figures_of(toy_run(spec_of(toy_spec(), SPACE, before), within, INSTRUMENTS))
        best = max(chosen, key=lambda number: chosen[number].gain)
        assert (step.number, step.chosen) == (best, chosen[best])
        after = Trial(best, step.window.split_ms, step.window.end_ms)
        within = market_between(MARKET, after.begin_ms, after.end_ms)
        assert step.tested == figures_of(toy_run(spec_of(toy_spec(), SPACE, after), within, INSTRUMENTS))
    assert found.profit == sum((step.tested.profit for step in found.steps if step.tested), Decimal(0))
    assert found.equity.values[-1] == pytest.approx(10_000 + float(found.profit))
    assert len(found.equity) == 60 * 24
    assert np.all(np.diff(found.equity.at_ms) > 0)
    assert found.trials == 3 * SPACE.total + 3
    again = run_walk_forward(scene_of(tmp_path, workers=1), PLAN, windows)
    assert msgspec.json.encode(again.steps) == msgspec.json.encode(found.steps)


def test_a_window_without_anything_within_bounds_is_not_traded(tmp_path: Path) -> None:
    series = MARKET[SYMBOL]
    windows = make_windows(series.begin_ms, series.end_ms, choose_ms=40 * DAY_MS, test_ms=20 * DAY_MS)
    plan = msgspec.structs.replace(PLAN, bounds=(Bound("gain", 99.0, is_most=False),))
    found = run_walk_forward(scene_of(tmp_path), plan, windows)
    assert [step.number for step in found.steps] == [None, None, None]
    assert (found.profit, found.efficiency, found.max_drawdown) == (Decimal(0), None, 0.0)


def test_runs_from_random_moments_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    found = run_start_times(scene_of(tmp_path), starts=20, length_ms=10 * DAY_MS, seed=4)
    alone = run_start_times(scene_of(tmp_path / "alone", workers=1), starts=20, length_ms=10 * DAY_MS, seed=4)
    assert alone == found
    assert found.runs == 20
    assert found.gain.p5 <= found.gain.p50 <= found.gain.p95
    within = market_between(MARKET, found.worst_ms, found.worst_ms + 10 * DAY_MS)
    worst = figures_of(toy_run(toy_spec(), within, INSTRUMENTS)).gain
    assert worst <= found.gain.p5


def test_random_moments_leave_room_for_the_whole_length() -> None:
    series = MARKET[SYMBOL]
    moments = draw_starts(MARKET, starts=10_000, length_ms=99 * DAY_MS, seed=1)
    assert len(moments) == 25
    assert (moments[0], moments[-1]) == (series.begin_ms, series.begin_ms + DAY_MS)
    with pytest.raises(ValueError, match="there are candles of 100 days"):
        draw_starts(MARKET, starts=1, length_ms=101 * DAY_MS, seed=1)
