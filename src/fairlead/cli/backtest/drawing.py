"""`fairlead backtest monte-carlo`: other orders of the same deals, and other first days."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.backtest.replay_options import open_replay
from fairlead.cli.backtest.sweep_options import WorkerOptions, trial_failures_explained
from fairlead.cli.backtest.sweep_text import monte_carlo_lines, start_lines
from fairlead.cli.config import load_settings
from fairlead.cli.options import add_command
from fairlead.cli.output import say, say_json
from fairlead.cli.progress import progress_shown

if TYPE_CHECKING:
    from fairlead.backtest.sweeps.start_times import StartTimes
    from fairlead.wiring.backtesting import Replay

DAY_MS: Final = 86_400_000
PERCENT: Final = 100.0


class RedrawKind(StrEnum):
    """How deals are drawn."""

    BOOTSTRAP = "bootstrap"
    SHUFFLE = "shuffle"


@dataclass(frozen=True, kw_only=True)
class DrawOptions(WorkerOptions):
    """What is drawn, and how often."""

    draws: Annotated[int, typer.Option(min=1, max=1_000_000, help="How often the deals are drawn.")] = 10_000
    redraw: Annotated[
        RedrawKind, typer.Option(help="As many deals with repeats, or the same ones in another order.")
    ] = RedrawKind.BOOTSTRAP
    ruin: Annotated[
        float, typer.Option(metavar="PERCENT", min=0, max=100, help="So much of the cash lost is ruin.")
    ] = 50.0
    starts: Annotated[
        int, typer.Option(metavar="N", min=0, max=10_000, help="Also run from so many random moments.")
    ] = 0
    length: Annotated[float, typer.Option(metavar="DAYS", min=0, help="How long each of these runs is.")] = 30.0


def add_drawing(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "monte-carlo",
        "fairlead backtest monte-carlo --symbol BTC-USDT --preset balanced",
        "fairlead backtest monte-carlo --bot dip --redraw shuffle --ruin 30 --seed 7",
        "fairlead backtest monte-carlo --bot dip --starts 200 --length 60      from random first days, too",
    )(monte_carlo)


def monte_carlo(options: DrawOptions) -> None:
    """Say how much of a backtest was the luck of its order, and of its first day.

    The deals of one run are drawn anew many times, one after another; each dips to its worst open result on the way.
    With --starts the bot is also run from random moments of the same candles.
    """
    from msgspec import to_builtins

    replay = open_replay(options)
    folder = load_settings(options).data_dir
    from fairlead.backtest.measures.excursions import with_excursions
    from fairlead.backtest.sweeps.monte_carlo import Redraw, redraw_deals
    from fairlead.backtest.trial_count import count_trials

    with trial_failures_explained():
        result = replay.run(replay.spec, replay.market, replay.instruments)
        result = with_excursions(result, replay.market, replay.instruments)
        count_trials(folder, 1)
        drawn = redraw_deals(
            result.deals,
            cash=replay.spec.cash,
            redraw=Redraw(options.redraw.value),
            draws=options.draws,
            seed=options.seed,
            ruin_at=options.ruin / PERCENT,
        )
        started = _run_starts(options, replay) if options.starts else None
    if options.as_json:
        say_json({"deals": to_builtins(drawn), "starts": None if started is None else to_builtins(started)})
        return
    for line in monte_carlo_lines(drawn, replay.spec.currency):
        say(line)
    if started is not None:
        say()
        for line in start_lines(started):
            say(line)


def _run_starts(options: DrawOptions, replay: Replay) -> StartTimes:
    from fairlead.backtest.sweeps.start_times import run_start_times

    folder = load_settings(options).data_dir
    with progress_shown("first days") as progress:
        scene = replace(replay.scene(folder, options.workers), progress=progress)
        length_ms = int(options.length * DAY_MS)
        return run_start_times(scene, starts=options.starts, length_ms=length_ms, seed=options.seed)
