"""`fairlead backtest sweep`: many settings of one bot, ranked, with how far the best can be believed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from fairlead.cli.backtest.archive_rows import archive_folder
from fairlead.cli.backtest.keeping import keep_run, make_run
from fairlead.cli.backtest.replay_options import open_replay
from fairlead.cli.backtest.settings_file import write_settings
from fairlead.cli.backtest.sweep_options import SearchOptions, read_plan, trial_failures_explained
from fairlead.cli.backtest.sweep_text import heat_lines, sweep_lines
from fairlead.cli.config import load_settings
from fairlead.cli.options import add_command
from fairlead.cli.output import EXIT_USAGE, StopError, program_name, say, say_json, tell
from fairlead.cli.progress import progress_shown

if TYPE_CHECKING:
    from fairlead.backtest.sweeps.heat_map import HeatMap
    from fairlead.backtest.sweeps.sweep import SweepResult
    from fairlead.wiring.backtesting import Replay

HEAT_COLUMNS_MAX: Final = 12
AXES_OF_A_MAP: Final = 2


@dataclass(frozen=True, kw_only=True)
class SweepOptions(SearchOptions):
    """What is shown, and where the best goes."""

    top: Annotated[int, typer.Option(min=1, max=1_000, help="How many of the best are shown.")] = 10
    heat_map: Annotated[
        str,
        typer.Option(metavar="FIELD,FIELD", help="Show how two settings go together; by default where they are two."),
    ] = ""
    best_to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the best settings here; a bot is made of it with --file.")
    ] = None
    rows_to: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write every combination with its figures.")
    ] = None
    report: Annotated[
        bool, typer.Option("--report", help="Run the best again and keep it, with this sweep in its report.")
    ] = False


def add_sweeping(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "sweep",
        "fairlead backtest sweep --symbol BTC-USDT --preset balanced --vary step=0.6:2:5 --vary take_profit=0.6,0.8,1",
        "fairlead backtest sweep --bot dip --vary step=0.5:3:20:log --vary step_scale=1,1.2 --search random --tries 50",
        "fairlead backtest sweep --bot dip --vary step=0.5:3:50 --search optuna --tries 64 --at-most max_drawdown=20%",
        "",
        "The best set as a paper bot:",
        "  fairlead backtest sweep --symbol BTC-USDT --preset balanced --vary step=0.6:2:5 --best-to best.toml",
        "  fairlead bot create best --account paper-1 --symbol BTC-USDT --file best.toml",
    )(sweep)


def sweep(options: SweepOptions) -> None:
    """Try many settings of a bot on the same candles, on all processors, and rank them.

    Each row is kept as it comes: after Ctrl-C, or a crash, the same command goes on where it was. The more is tried,
    the better the best looks by luck alone; how much of it that explains is said beneath the table.
    """
    replay = open_replay(options)
    plan = read_plan(options, replay)
    axes = _axes_of_map(options, [axis.name for axis in plan.space.axes])
    folder = load_settings(options).data_dir
    from fairlead.backtest.sweeps.sweep import run_sweep

    with trial_failures_explained(), progress_shown("combinations") as progress:
        scene = replace(replay.warmed(plan.space).scene(folder, options.workers), progress=progress)
        found = run_sweep(scene, plan)
    drawn = None if axes is None else found.heat_map(axes)
    if options.rows_to is not None:
        _write_rows(options.rows_to, found)
    if options.best_to is not None:
        _write_best(options.best_to, found, replay)
    if options.report:
        _report_best(options, found, replay, drawn)
    if options.as_json:
        say_json(sweep_values(found, options.top, drawn))
        return
    for line in sweep_lines(found, options.top):
        say(line)
    if drawn is not None and len(drawn.x_values) <= HEAT_COLUMNS_MAX:
        say()
        for line in heat_lines(drawn):
            say(line)


def sweep_values(found: SweepResult, top: int, drawn: HeatMap | None) -> dict[str, Any]:
    """A sweep for a program."""
    from msgspec import to_builtins
    from msgspec.structs import asdict

    plan = found.plan
    return {
        "sweep": found.sweep_id,
        "varied": {axis.name: list(axis.values) for axis in plan.space.axes},
        "rank": plan.objective.figure,
        "tried": found.tried,
        "within_bounds": len(found.rows),
        "beyond_bounds": len(found.beyond),
        "trials_ever": found.trials,
        "deflated_sharpe": found.deflated_sharpe,
        "neighbours": None if found.stability is None else to_builtins(found.stability),
        "best": [
            {"number": row.trial.number, "settings": plan.space.choice(row.trial.number), **_plain(asdict(row.figures))}
            for row in found.rows[:top]
            if row.figures is not None
        ],
        "failed": [
            {"number": row.trial.number, "settings": plan.space.choice(row.trial.number), "fault": row.fault}
            for row in found.faults
        ],
        "heat_map": None if drawn is None else to_builtins(drawn),
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    from msgspec import to_builtins

    plain: dict[str, Any] = to_builtins(values)
    return plain


def _axes_of_map(options: SweepOptions, names: list[str]) -> tuple[str, str] | None:
    if not options.heat_map:
        return (names[0], names[1]) if len(names) == AXES_OF_A_MAP else None
    chosen = [name.strip() for name in options.heat_map.split(",")]
    pairs = {(one, two) for pair in combinations(names, AXES_OF_A_MAP) for one, two in (pair, pair[::-1])}
    if len(chosen) != AXES_OF_A_MAP or (chosen[0], chosen[1]) not in pairs:
        raise StopError(f"--heat-map {options.heat_map}: name two of {', '.join(names)}", EXIT_USAGE)
    return chosen[0], chosen[1]


def _write_best(path: Path, found: SweepResult, replay: Replay) -> None:
    from fairlead.backtest.sweeps.trials import spec_of

    best = found.best
    if best is None:
        raise StopError(f"nothing is within the bounds, so {path} was not written")
    (bot,) = spec_of(replay.spec, found.plan.space, best.trial).bots
    figure = found.plan.objective.figure
    command = f"{program_name()} bot create NAME --account ACCOUNT --symbol {bot.symbol} --file {path}"
    value = found.plan.objective.value(best.figures)
    about = f"The best of {found.tried} by {figure} ({value:.4g}), of which some is luck.\n{command}"
    write_settings(path, bot.settings, about)
    tell(f"The best settings are in {path}; they trade with pretend money by: {command}")


def _report_best(options: SweepOptions, found: SweepResult, replay: Replay, drawn: HeatMap | None) -> None:
    from fairlead.backtest.report.words import Surroundings
    from fairlead.backtest.sweeps.trials import spec_of

    if found.best is None:
        raise StopError("nothing is within the bounds, so there is no best to report")
    around = Surroundings(
        exchange=replay.exchange, tried=found.tried, deflated_sharpe=found.deflated_sharpe, heat_map=drawn
    )
    best = replace(replay, spec=spec_of(replay.spec, found.plan.space, found.best.trial)).warmed()
    tell(f"The report of the best: {keep_run(archive_folder(options), make_run(best, around))}")


def _write_rows(path: Path, found: SweepResult) -> None:
    import csv

    from fairlead.backtest.sweeps.figures import Figures

    names = [axis.name for axis in found.plan.space.axes]
    figures = Figures.__struct_fields__
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("number", *names, *figures, "within_bounds", "fault"))
            for rows, is_within in ((found.rows, True), (found.beyond, False), (found.faults, False)):
                for row in rows:
                    choice = found.plan.space.choice(row.trial.number).values()
                    told = [getattr(row.figures, name, None) for name in figures]
                    writer.writerow((row.trial.number, *choice, *told, is_within, row.fault))
    except OSError as error:
        raise StopError(f"cannot write {path}: {error.strerror}") from error
    tell(f"All {found.tried} rows are in {path}")
