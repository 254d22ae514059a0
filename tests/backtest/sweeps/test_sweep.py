from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from decimal import Decimal
from multiprocessing import Process, active_children
from pathlib import Path

import msgspec
import pytest

from fairlead.backtest.sweeps.figures import LARGEST_BEST, figures_of
from fairlead.backtest.sweeps.ranking import (
    Bound,
    Objective,
    RankingError,
    rank_rows,
    read_bound,
    read_objective,
)
from fairlead.backtest.sweeps.row_file import RowFile, SweepInUseError
from fairlead.backtest.sweeps.search import ASKED_AT_ONCE, Plan, Search, draw_numbers
from fairlead.backtest.sweeps.shared_candles import candles_key, open_candles, shared_candles
from fairlead.backtest.sweeps.space import Axis, Space, SpaceError
from fairlead.backtest.sweeps.sweep import Scene, run_sweep, sweep_folder, sweep_key
from fairlead.backtest.sweeps.trials import Row, Run, Stage, Trial
from fairlead.backtest.sweeps.workers import WorkerPool, WorkersLostError
from fairlead.backtest.trial_count import count_trials
from tests.backtest.sweeps.toy_run import DIES, FAILS, HANGS, INSTRUMENTS, toy_market, toy_run, toy_spec

MARKET = toy_market()
SPACE = Space((Axis("step", ("0.5", "1", "1.5", "2")), Axis("volume_scale", ("1", "1.2", "1.4"))))
PLAN = Plan(space=SPACE, objective=Objective("gain"))


def scene_of(folder: Path, workers: int = 2, run: Run = toy_run) -> Scene:
    return Scene(spec=toy_spec(), market=MARKET, instruments=INSTRUMENTS, run=run, folder=folder, workers=workers)


def space_of(*steps: Decimal) -> Space:
    return Space((Axis("step", tuple(map(str, steps))),))


@pytest.mark.parametrize(
    "plan",
    [
        PLAN,
        Plan(space=SPACE, search=Search.RANDOM, tries=7, seed=3),
        Plan(space=SPACE, search=Search.OPTUNA, tries=ASKED_AT_ONCE + 4, seed=3),
    ],
    ids=lambda plan: plan.search,
)
def test_one_seed_gives_one_table_whatever_the_number_of_workers(tmp_path: Path, plan: Plan) -> None:
    alone = run_sweep(scene_of(tmp_path / "one", workers=1), plan)
    together = run_sweep(scene_of(tmp_path / "three", workers=3), plan)
    assert msgspec.json.encode(alone) == msgspec.json.encode(together)
    assert alone.tried


def test_a_sweep_says_what_one_run_would_say(tmp_path: Path) -> None:
    found = run_sweep(scene_of(tmp_path), PLAN)
    assert len(found.rows) == SPACE.total
    for row in found.rows:
        bot = msgspec.structs.replace(toy_spec().bots[0], settings=SPACE.settings({"restart": False}, row.trial.number))
        spec = msgspec.structs.replace(toy_spec(), bots=(bot,))
        assert row.figures == figures_of(toy_run(spec, MARKET, INSTRUMENTS))


def test_what_was_run_is_not_run_again(tmp_path: Path) -> None:
    first = run_sweep(scene_of(tmp_path), msgspec.structs.replace(PLAN, search=Search.RANDOM, tries=5, seed=1))
    seen: list[tuple[int, int]] = []
    again = scene_of(tmp_path)
    whole = run_sweep(Scene(**{**vars(again), "progress": lambda *done: seen.append(done)}), PLAN)
    assert seen[0] == (5, SPACE.total)
    assert seen[-1] == (SPACE.total, SPACE.total)
    assert first.trials == 5
    assert whole.trials == SPACE.total
    assert run_sweep(scene_of(tmp_path), PLAN) == whole
    fresh = run_sweep(scene_of(tmp_path / "fresh"), PLAN)
    assert msgspec.json.encode(fresh) == msgspec.json.encode(whole)


def test_a_stopped_sweep_goes_on_with_the_same_table(tmp_path: Path) -> None:
    def stop(done: int, _total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(Scene(**{**vars(scene_of(tmp_path)), "progress": stop}), PLAN)
    kept = sweep_folder(tmp_path, sweep_key(scene_of(tmp_path), SPACE)) / "rows.jsonl"
    assert len(kept.read_bytes().splitlines()) == 4
    assert count_trials(tmp_path) == 4
    with kept.open("ab") as file:
        file.write(b'[[5,0,0],["1')
    assert run_sweep(scene_of(tmp_path), PLAN).rows == run_sweep(scene_of(tmp_path / "other"), PLAN).rows
    assert len(kept.read_bytes().splitlines()) == SPACE.total


def test_a_combination_that_fails_is_named_and_the_others_are_ranked(tmp_path: Path) -> None:
    space = space_of(Decimal(1), FAILS, DIES, Decimal(2))
    found = run_sweep(scene_of(tmp_path, workers=1), Plan(space=space, objective=Objective("gain")))
    assert {space.choice(row.trial.number)["step"] for row in found.rows} == {"1", "2"}
    assert [(row.trial.number, row.fault) for row in found.faults] == [
        (1, "ValueError: seven is refused"),
        (2, "its worker died (exit code 3)"),
    ]


def pool_of(folder: Path, space: Space, **terms: float) -> WorkerPool:
    stage = Stage(spec=toy_spec(), space=space, folder=folder, instruments=INSTRUMENTS, run=toy_run)
    return WorkerPool(stage, 2, **terms)  # type: ignore[arg-type]


def test_a_combination_that_hangs_is_ended_and_named() -> None:
    space = space_of(Decimal(1), HANGS, Decimal(2))
    with shared_candles(MARKET) as folder, pool_of(folder, space, stalled_s=0.5) as pool:
        rows = {row.trial.number: row for row in pool.evaluate([Trial(0), Trial(1), Trial(2)])}
    assert rows[1].fault == "no answer within 0.5 s, so its worker was ended"
    assert rows[0].figures
    assert rows[2].figures


def test_what_was_to_come_after_combinations_that_hang_is_run() -> None:
    space = space_of(Decimal(1), HANGS, Decimal(2))
    trials = [Trial(1), Trial(1), Trial(0), Trial(2)]
    with shared_candles(MARKET) as folder, pool_of(folder, space, stalled_s=0.5) as pool:
        rows = list(pool.evaluate(trials))
    assert sorted((row.trial.number, bool(row.figures)) for row in rows) == [
        (0, True),
        (1, False),
        (1, False),
        (2, True),
    ]


def test_workers_that_keep_dying_end_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlead.backtest.sweeps.workers.WORKERS_LOST_MAX", 2)
    says = pytest.raises(WorkersLostError, match=r"combination 0: its worker died \(exit code 3\)")
    with shared_candles(MARKET) as folder, pool_of(folder, space_of(DIES)) as pool, says:
        list(pool.evaluate([Trial(0)] * 4))


@pytest.mark.slow
def test_workers_that_are_not_forked_say_the_same() -> None:
    with shared_candles(MARKET) as folder:
        stage = Stage(spec=toy_spec(), space=SPACE, folder=folder, instruments=INSTRUMENTS, run=toy_run)
        trials = [Trial(number) for number in range(SPACE.total)]
        with WorkerPool(stage, 1, method="spawn") as spawned, WorkerPool(stage, 1) as usual:
            assert list(spawned.evaluate(trials)) == list(usual.evaluate(trials))


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    with shared_candles(MARKET) as folder:
        told = tmp_path / "workers"

        def be_parent() -> None:
            pool = pool_of(folder, SPACE)
            list(pool.evaluate([Trial(0), Trial(1)]))
            told.write_text(" ".join(str(child.pid) for child in active_children()), encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)

        parent = Process(target=be_parent)
        parent.start()
        parent.join()
        workers = [int(text) for text in told.read_text(encoding="utf-8").split()]
        assert len(workers) == 2
        _wait_until(lambda: not any(map(_is_running, workers)))


def test_two_processes_do_not_run_the_same_sweep(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    folder = sweep_folder(tmp_path, sweep_key(scene, SPACE))
    with RowFile(folder), pytest.raises(SweepInUseError, match="running in another process"):
        run_sweep(scene, PLAN)


def test_the_id_is_that_of_what_makes_the_rows(tmp_path: Path) -> None:
    scene = scene_of(tmp_path)
    key = sweep_key(scene, SPACE)
    seeded = msgspec.structs.replace(scene.spec, seed=9)
    richer = msgspec.structs.replace(scene.spec, cash=Decimal(10_001))
    assert sweep_key(Scene(**{**vars(scene), "spec": seeded, "workers": 7}), SPACE) == key
    others = [
        sweep_key(Scene(**{**vars(scene), "spec": richer}), SPACE),
        sweep_key(Scene(**{**vars(scene), "market": toy_market(seed=8)}), SPACE),
        sweep_key(Scene(**{**vars(scene), "rules_key": "other"}), SPACE),
        sweep_key(scene, space_of(Decimal(1))),
    ]
    assert len({key, *others}) == 5


def test_candles_are_mapped_and_not_copied() -> None:
    with shared_candles(MARKET) as folder:
        opened = open_candles(folder)
        assert candles_key(opened) == candles_key(MARKET)
        (series,) = opened.values()
        assert not series.close.flags.owndata
        # Compiled loops take nothing that is read-only; what somebody writes is theirs alone.
        series.close[0] += 1
        assert candles_key(open_candles(folder)) == candles_key(MARKET)


def test_too_many_combinations_are_refused_with_advice(tmp_path: Path) -> None:
    many = Space(tuple(Axis(f"conditions.{name}", tuple(map(str, range(100)))) for name in "abcd"))
    with pytest.raises(SpaceError, match="--search random"):
        run_sweep(scene_of(tmp_path), Plan(space=many))
    numbers = draw_numbers(many.total, 500, seed=1)
    assert len(set(numbers)) == 500
    assert numbers == draw_numbers(many.total, 500, seed=1)
    assert max(numbers) < many.total


def row_of(number: int, **figures: float | None) -> Row:
    made = figures_of(toy_run(toy_spec(), MARKET, INSTRUMENTS))
    return Row(Trial(number), msgspec.structs.replace(made, **figures))


def test_bounds_come_before_the_figure_and_equal_rows_go_by_number() -> None:
    rows = [
        row_of(3, sharpe=1.0, max_drawdown=0.1),
        row_of(2, sharpe=1.0, max_drawdown=0.2),
        row_of(1, sharpe=9.0, max_drawdown=0.3),
        row_of(0, sharpe=None, max_drawdown=0.0),
    ]
    within, beyond = rank_rows(rows, Objective("sharpe"), [Bound("max_drawdown", 0.2, is_most=True)])
    assert [row.trial.number for row in within] == [2, 3]
    assert [row.trial.number for row in beyond] == [1, 0]
    least, _ = rank_rows(rows, read_objective("max_drawdown"), [read_bound("sharpe=1", is_most=False)])
    assert [row.trial.number for row in least] == [3, 2, 1]


def test_bounds_are_read_as_people_write_them() -> None:
    assert read_bound("max_drawdown=20%", is_most=True) == read_bound("max_drawdown = 0.2", is_most=True)
    for text in ("max_drawdown", "max_drawdown=low", "drawdown=0.2"):
        with pytest.raises(RankingError):
            read_bound(text, is_most=True)
    for name in LARGEST_BEST:
        assert Objective(name).value(figures_of(toy_run(toy_spec(), MARKET, INSTRUMENTS))) is not None or name


def test_a_best_that_stands_alone_is_shown_as_such(tmp_path: Path) -> None:
    found = run_sweep(scene_of(tmp_path), PLAN)
    assert found.best
    assert found.stability
    beside = set(SPACE.neighbours(found.best.trial.number))
    gains = sorted(row.figures.gain for row in found.rows if row.trial.number in beside and row.figures)
    assert found.stability.tried == found.stability.neighbours == len(beside) == len(gains)
    assert found.stability.worst == gains[0]
    assert found.stability.profitable == sum(gain > 0 for gain in gains)


def test_the_more_was_tried_the_less_the_best_proves(tmp_path: Path) -> None:
    first = run_sweep(scene_of(tmp_path), PLAN)
    assert count_trials(tmp_path, 1_000_000) == SPACE.total + 1_000_000
    later = run_sweep(scene_of(tmp_path), PLAN)
    assert first.deflated_sharpe is not None
    assert later.deflated_sharpe is not None
    assert later.deflated_sharpe < first.deflated_sharpe


def test_the_heat_map_of_a_sweep_has_its_figures(tmp_path: Path) -> None:
    found = run_sweep(scene_of(tmp_path), PLAN)
    drawn = found.heat_map(("step", "volume_scale"))
    assert (len(drawn.cells), len(drawn.cells[0]), drawn.figure) == (3, 4, "gain")
    assert found.best
    assert found.best.figures
    assert drawn.best
    row, column = drawn.best
    assert drawn.cells[row][column] == found.best.figures.gain
    assert found.heat_map(("step", "volume_scale"), "max_drawdown").is_largest_best is False


def _is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[:1]
    except OSError:
        return False


def _wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it never came")
