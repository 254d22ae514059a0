"""`fairlead backtest run`: one bot over candles, its numbers, and its report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from fairlead.cli.backtest.archive_rows import archive_folder, run_values
from fairlead.cli.backtest.keeping import keep_run, make_run, notes_of_tries, write_out
from fairlead.cli.backtest.replay_options import ReplayOptions, open_replay
from fairlead.cli.config import load_settings
from fairlead.cli.extras import backtest_extra
from fairlead.cli.options import add_command
from fairlead.cli.output import program_name, say, say_json, tell


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
        from fairlead.backtest.report.run_text import run_lines
        from fairlead.backtest.report.words import Surroundings
        from fairlead.backtest.trial_count import count_trials

        tried = count_trials(load_settings(options).data_dir, 1)
        run = make_run(replay, Surroundings(exchange=replay.exchange, notes=notes_of_tries(tried)))
        written = [keep_run(archive_folder(options), run)] if options.keep else []
        if options.out is not None:
            written += write_out(options.out, run)
    if options.as_json:
        say_json({**run_values(run.header, run.statistics), "files": [str(path) for path in written]})
        return
    for line in run_lines(run.result, run.statistics, run.header.around):
        say(line)
    say()
    for path in written:
        tell(f"written: {path}")
    if options.keep:
        tell(f"again: {program_name()} backtest report {run.header.run_id}")
