"""`fairlead backtest run`: one bot over candles, its numbers, and its report."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.backtest.archive_rows import archive_folder, notes_of_tries, run_values, write_out
from fairlead.cli.backtest.replay_options import ReplayOptions, open_replay
from fairlead.cli.config import load_settings
from fairlead.cli.extras import backtest_extra
from fairlead.cli.options import add_command
from fairlead.cli.output import StopError, program_name, say, say_json, tell

if TYPE_CHECKING:
    from fairlead.backtest.result import BacktestResult
    from fairlead.backtest.statistics import Statistics
    from fairlead.wiring.backtesting import Replay

COMPILED_FROM: Final = 5_000_000
"""Candles from which on a single run is worth a second for loading a compiler."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(ReplayOptions):
    """A replay, and what is left of it."""

    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write report.html, and tables as CSV, into this folder.")
    ] = None
    keep: Annotated[bool, typer.Option(help="Keep it for fairlead backtest list, report and compare.")] = True


def add_running(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "run",
        "fairlead backtest run --symbol BTC-USDT --preset balanced",
        "fairlead backtest run --symbol BTC-USDT --file dip.toml --from 2025-01-01 --to 2025-07-01 --cash 5000",
        "fairlead backtest run --bot dip --set step=0.8 --slippage 0.02 --intra-bar path",
    )(run_backtest_command)


def run_backtest_command(options: RunOptions) -> None:
    """Replay a bot on candles that are kept, by the rule that trades, and write a report of it.

    Candles come from fairlead candles fetch, import or generate. Nothing is sent anywhere. What is printed is exact for
    these candles and these assumptions, and says nothing of the future.
    """
    with backtest_extra():
        replay = open_replay(options)
        from fairlead.backtest.compiled import plain_loops
        from fairlead.backtest.excursions import with_excursions
        from fairlead.backtest.statistics import statistics_of

        is_long = sum(map(len, replay.market.values())) >= COMPILED_FROM
        try:
            with nullcontext() if is_long else plain_loops():
                result = replay.run(replay.spec, replay.market, replay.instruments, keep_orders=True)
        except ValueError as error:
            raise StopError(str(error)) from error
        result = with_excursions(result, replay.market, replay.instruments)
        _finish(options, replay, result, statistics_of(result))


def _finish(options: RunOptions, replay: Replay, result: BacktestResult, statistics: Statistics) -> None:
    """Count it, keep it, report it, tell it."""
    from fairlead.backtest.archive import REPORT_NAME, make_header, save_result
    from fairlead.backtest.report.page import write_report
    from fairlead.backtest.report.run_text import run_lines
    from fairlead.backtest.report.words import Surroundings
    from fairlead.backtest.trial_count import count_trials
    from fairlead.clock import SystemClock

    data_dir = load_settings(options).data_dir
    tried = count_trials(data_dir, 1)
    made_ms = SystemClock().now_ms()
    header = make_header(result, statistics, replay.market, exchange=replay.exchange, made_ms=made_ms)
    around = Surroundings(run_id=header.run_id, exchange=replay.exchange, notes=notes_of_tries(tried))
    written: list[Path] = []
    if options.keep:
        own = save_result(archive_folder(options), header, result)
        write_report(own / REPORT_NAME, result, statistics, replay.market, around)
        written.append(own / REPORT_NAME)
    if options.out is not None:
        written += write_out(options.out, (result, statistics), replay.market, around)
    if options.as_json:
        say_json({**run_values(header, statistics), "files": [str(path) for path in written]})
        return
    for line in run_lines(result, statistics, around):
        say(line)
    say()
    for path in written:
        tell(f"written: {path}")
    if options.keep:
        program = program_name()
        tell(f"again: {program} backtest report {header.run_id}")
