"""`fairlead backtest walk-forward`: choose on one stretch, test on the next, again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from fairlead.cli.backtest.replay_options import open_replay
from fairlead.cli.backtest.sweep_options import SearchOptions, read_plan, trial_failures_explained
from fairlead.cli.backtest.sweep_text import walk_lines
from fairlead.cli.config import load_settings
from fairlead.cli.options import add_command
from fairlead.cli.output import say, say_json
from fairlead.cli.progress import progress_shown

if TYPE_CHECKING:
    from fairlead.backtest.sweeps.walk_forward import WalkForward

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, kw_only=True)
class WalkOptions(SearchOptions):
    """How long each stretch is."""

    choose: Annotated[float, typer.Option(metavar="DAYS", min=0, help="Days to choose settings on.")] = 90.0
    test: Annotated[float, typer.Option(metavar="DAYS", min=0, help="Days to test them on afterwards.")] = 30.0
    anchored: Annotated[
        bool, typer.Option("--anchored", help="Choose on everything before, not on the newest days of it.")
    ] = False


def add_walking(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "walk-forward",
        "fairlead backtest walk-forward --symbol BTC-USDT --preset balanced --vary step=0.6:2:5 --choose 90 --test 30",
        "fairlead backtest walk-forward --bot dip --vary step=0.6:2:5 --vary take_profit=1,2 --anchored --rank gain",
    )(walk_forward)


def walk_forward(options: WalkOptions) -> None:
    """Choose the best settings on one stretch of time and test them on the next one, again and again.

    What was gained while tested is what choosing settings this way is worth: none of it was seen while choosing. After
    Ctrl-C the same command goes on where it was.
    """
    replay = open_replay(options)
    plan = read_plan(options, replay)
    folder = load_settings(options).data_dir
    from fairlead.backtest.sweeps.walk_forward import make_windows, run_walk_forward

    begin_ms = max(series.begin_ms for series in replay.market.values())
    end_ms = min(series.end_ms for series in replay.market.values())
    with trial_failures_explained(), progress_shown("combinations") as progress:
        windows = make_windows(
            begin_ms,
            end_ms,
            choose_ms=int(options.choose * DAY_MS),
            test_ms=int(options.test * DAY_MS),
            is_anchored=options.anchored,
        )
        scene = replace(replay.warmed(plan.space).scene(folder, options.workers), progress=progress)
        found = run_walk_forward(scene, plan, windows)
    if options.as_json:
        say_json(walk_values(found))
        return
    for line in walk_lines(found, replay.spec.currency):
        say(line)


def walk_values(found: WalkForward) -> dict[str, Any]:
    """A walk for a program."""
    from msgspec import to_builtins
    from msgspec.structs import asdict

    return {
        "profit": to_builtins(found.profit),
        "max_drawdown": found.max_drawdown,
        "efficiency": found.efficiency,
        "profitable": found.profitable,
        "trials_ever": found.trials,
        "steps": [
            {
                "window": to_builtins(step.window),
                "settings": step.choice,
                "chosen": None if step.chosen is None else to_builtins(asdict(step.chosen)),
                "tested": None if step.tested is None else to_builtins(asdict(step.tested)),
            }
            for step in found.steps
        ],
    }
