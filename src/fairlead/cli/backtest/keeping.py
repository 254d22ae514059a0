"""Makes one run of a replay and keeps it: with its deals' extremes, its statistics and its report."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairlead.cli.output import StopError

if TYPE_CHECKING:
    from fairlead.backtest.kept.archive import RunHeader
    from fairlead.backtest.measures.statistics import Statistics
    from fairlead.backtest.report.words import Surroundings
    from fairlead.backtest.result import BacktestResult
    from fairlead.wiring.backtesting import Replay

COMPILED_FROM: Final = 5_000_000
"""Candles from which on a single run is worth a second for loading a compiler."""
MANY_TRIES: Final = 20
"""From so many backtests on, a good one says little."""


@dataclass(frozen=True, slots=True)
class MadeRun:
    """A run and everything that is said of it."""

    replay: Replay
    result: BacktestResult
    statistics: Statistics
    header: RunHeader


def make_run(replay: Replay, around: Surroundings) -> MadeRun:
    """Replay it once, with every order written down; ``around`` is what its report says besides.

    Raises:
        StopError: it cannot be replayed.
    """
    from fairlead.backtest.compiled import plain_loops
    from fairlead.backtest.kept.archive import make_header
    from fairlead.backtest.measures.excursions import with_excursions
    from fairlead.backtest.measures.statistics import statistics_of
    from fairlead.clock import SystemClock

    is_long = sum(map(len, replay.market.values())) >= COMPILED_FROM
    try:
        with nullcontext() if is_long else plain_loops():
            result = replay.run(replay.spec, replay.market, replay.instruments, keep_orders=True)
            result = with_excursions(result, replay.market, replay.instruments)
            statistics = statistics_of(result)
    except ValueError as error:
        raise StopError(str(error)) from error
    header = make_header(result, statistics, replay.market, made_ms=SystemClock().now_ms(), around=around)
    return MadeRun(replay, result, statistics, header)


def keep_run(folder: Path, run: MadeRun) -> Path:
    """Keep it below the folder of all runs, with its report; returns the report.

    Raises:
        StopError: it cannot be written.
    """
    from fairlead.backtest.kept.archive import REPORT_NAME, save_result
    from fairlead.backtest.report.page import write_report

    try:
        path = save_result(folder, run.header, run.result) / REPORT_NAME
        write_report(path, run.result, run.statistics, run.replay.market, run.header.around)
    except OSError as error:
        raise StopError(f"{folder}: {error}") from error
    return path


def write_out(folder: Path, run: MadeRun) -> list[Path]:
    """Write the report and the tables of a run into a folder; returns the files.

    Raises:
        StopError: it cannot be written.
    """
    from fairlead.backtest.kept.archive import REPORT_NAME
    from fairlead.backtest.kept.exports import ExportFormat, export_result
    from fairlead.backtest.report.page import write_report

    try:
        tables = export_result(folder, run.result, run.statistics, ExportFormat.CSV)
        write_report(folder / REPORT_NAME, run.result, run.statistics, run.replay.market, run.header.around)
    except OSError as error:
        raise StopError(f"{folder}: {error}") from error
    return [folder / REPORT_NAME, *tables]


def notes_of_tries(tried: int) -> tuple[str, ...]:
    """A warning where many backtests were made before."""
    if tried < MANY_TRIES:
        return ()
    return (f"{tried:,} backtests were run in this data folder: the more are tried, the luckier is the best of them.",)
