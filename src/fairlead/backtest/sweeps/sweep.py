"""Tries many combinations of settings, ranks them, and says how far the best can be believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from statistics import variance
from typing import Final

import msgspec

from fairlead.backtest.measures.statistics import deflated_sharpe
from fairlead.backtest.spec import BacktestSpec
from fairlead.backtest.sweeps.heat_map import HeatMap, draw_heat_map
from fairlead.backtest.sweeps.ranking import Objective, Stability, rank_rows, stability_of
from fairlead.backtest.sweeps.row_file import RowFile
from fairlead.backtest.sweeps.search import Plan, search_through
from fairlead.backtest.sweeps.shared_candles import candles_key, shared_candles
from fairlead.backtest.sweeps.space import Space
from fairlead.backtest.sweeps.trial_runner import Progress, TrialRunner, no_progress
from fairlead.backtest.sweeps.trials import Market, Row, Run, Stage
from fairlead.backtest.trial_count import count_trials
from fairlead.core.model.instrument import Instrument
from fairlead.store.private_files import make_private_folder, write_private_file

ABOUT_NAME: Final = "sweep.json"
KEY_BYTES: Final = 8
_PAIR: Final = 2
_NORMAL_KURTOSIS: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What all trials share: what is replayed, on what, by whom, and the data folder that rows are kept in.

    ``rules_key`` stands for the text of the rule, where somebody wrote one. ``workers`` 0: one for each processor.
    """

    spec: BacktestSpec
    market: Market
    instruments: Mapping[str, Instrument]
    run: Run
    folder: Path
    rules_key: str = ""
    workers: int = 0
    progress: Progress = no_progress


class SweepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep leaves.

    ``rows`` are those within all bounds, the best first; ``beyond`` the others, ``faults`` what could not be run.
    ``trials`` counts every run that was ever made in this data folder, ``deflated_sharpe`` is the probability that the
    best is better than the luck of so many; None: too little to tell.
    """

    sweep_id: str
    plan: Plan
    rows: list[Row]
    beyond: list[Row]
    faults: list[Row]
    trials: int
    deflated_sharpe: float | None = None
    stability: Stability | None = None

    @property
    def best(self) -> Row | None:
        """The best within all bounds."""
        return self.rows[0] if self.rows else None

    @property
    def tried(self) -> int:
        """How many combinations it ran."""
        return len(self.rows) + len(self.beyond) + len(self.faults)

    def heat_map(self, axes: tuple[str, str], figure: str = "") -> HeatMap:
        """How a figure (by default the one that decides) goes with two settings.

        Raises:
            ValueError: an axis is not varied.
        """
        objective = Objective(figure or self.plan.objective.figure)
        values = {row.trial.number: objective.value(row.figures) for row in (*self.rows, *self.beyond)}
        largest = objective.is_largest_best
        return draw_heat_map(self.plan.space, axes, values, figure=objective.figure, is_largest_best=largest)


def run_sweep(scene: Scene, plan: Plan) -> SweepResult:
    """Run what is not on disk yet, and rank everything; called again after a stop it goes on where it was.

    Raises:
        SpaceError: more combinations than are kept.
        SweepInUseError: another process is running the same sweep.
        WorkersLostError: workers kept dying.
        ValueError: the optimiser is not installed.
        OSError: rows cannot be kept.
    """
    sweep_id = sweep_key(scene, plan.space)
    with open_runner(scene, plan.space, total=plan.count) as runner:
        found = search_through(plan, runner.run)
    return judge(scene, plan, sweep_id, found)


def judge(scene: Scene, plan: Plan, sweep_id: str, found: list[Row]) -> SweepResult:
    """Rank rows and weigh the best against how many were tried."""
    rows, beyond = rank_rows(found, plan.objective, plan.bounds)
    trials = count_trials(scene.folder)
    best = rows[0] if rows else None
    return SweepResult(
        sweep_id=sweep_id,
        plan=plan,
        rows=rows,
        beyond=beyond,
        faults=[row for row in found if row.figures is None],
        trials=trials,
        deflated_sharpe=None if best is None else _deflate(best, found, trials),
        stability=None if best is None else stability_of(best, found, plan.space, plan.objective),
    )


@contextmanager
def open_runner(scene: Scene, space: Space, *, total: int) -> Iterator[TrialRunner]:
    """Open the rows of a sweep and share its candles; afterwards every trial that was run is counted.

    Raises:
        SweepInUseError: another process is running the same sweep.
        OSError: rows cannot be kept.
    """
    folder = sweep_folder(scene.folder, sweep_key(scene, space))
    with RowFile(folder) as file, shared_candles(scene.market) as candles:
        write_private_file(folder / ABOUT_NAME, msgspec.json.encode({"spec": scene.spec, "space": space}))
        stage = Stage(spec=scene.spec, space=space, folder=candles, instruments=scene.instruments, run=scene.run)
        runner = TrialRunner(stage, file, workers=scene.workers, total=total, progress=scene.progress)
        try:
            with runner:
                yield runner
        finally:
            count_trials(scene.folder, runner.fresh)


def sweep_folder(folder: Path, sweep_id: str) -> Path:
    """Where a sweep keeps its rows; made if it is not there.

    Raises:
        OSError: it cannot be made.
    """
    for part in (folder, folder / "sweeps", folder / "sweeps" / sweep_id):
        make_private_folder(part)
    return folder / "sweeps" / sweep_id


def sweep_key(scene: Scene, space: Space) -> str:
    """The id of a sweep: the same for the same settings, space, candles, instruments, rule and version."""
    # The seed and what decides which is best change nothing about a row.
    spec = msgspec.structs.replace(scene.spec, seed=0)
    instruments = [scene.instruments[symbol] for symbol in sorted(scene.market)]
    digest = blake2b(msgspec.json.encode([spec, space, instruments]), digest_size=KEY_BYTES)
    digest.update(f"{candles_key(scene.market)} {scene.rules_key} {version('fairlead')}".encode())
    return digest.hexdigest()


def _deflate(best: Row, found: list[Row], trials: int) -> float | None:
    """The probability that the best is better than luck; None without daily returns enough."""
    ratios = [row.figures.daily_sharpe for row in found if row.figures is not None]
    known = [ratio for ratio in ratios if ratio is not None]
    figures = best.figures
    if figures is None or figures.daily_sharpe is None or len(known) < _PAIR:
        return None
    return deflated_sharpe(
        figures.daily_sharpe,
        trials=max(trials, len(found)),
        variance_of_trials=variance(known),
        returns=figures.days,
        skew=figures.skew or 0.0,
        kurtosis=_NORMAL_KURTOSIS if figures.kurtosis is None else figures.kurtosis,
    )
