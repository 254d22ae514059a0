"""What commands take that try many settings: what is varied, how it is searched, and what decides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.backtest.replay_options import ReplayOptions
from fairlead.cli.output import EXIT_INTERRUPTED, EXIT_USAGE, StopError

if TYPE_CHECKING:
    from fairlead.backtest.sweeps.search import Plan
    from fairlead.wiring.backtesting import Replay

GOES_ON: Final = "stopped; the same command goes on where it was"


class SearchKind(StrEnum):
    """How combinations are chosen."""

    GRID = "grid"
    RANDOM = "random"
    OPTUNA = "optuna"


@dataclass(frozen=True, kw_only=True)
class WorkerOptions(ReplayOptions):
    """Runs on several processors."""

    workers: Annotated[int, typer.Option(min=0, help="Processes; by default one for each processor.")] = 0


@dataclass(frozen=True, kw_only=True)
class SearchOptions(WorkerOptions):
    """A space and a search through it."""

    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=FROM:TO:COUNT",
            help="FIELD=FROM:TO:COUNT (with :log at the end in equal ratios), or FIELD=VALUE,VALUE; again for more.",
        ),
    ] = None
    search: Annotated[SearchKind, typer.Option(help="All, by chance, or guided by what was seen.")] = SearchKind.GRID
    tries: Annotated[int, typer.Option(min=0, help="How many by chance or guided; 0: all.")] = 0
    rank: Annotated[str, typer.Option(metavar="FIGURE", help="What decides: sharpe, profit, calmar, ...")] = "sharpe"
    at_most: Annotated[
        list[str] | None, typer.Option(metavar="FIGURE=NUMBER", help="A bound, such as max_drawdown=20%; may repeat.")
    ] = None
    at_least: Annotated[
        list[str] | None, typer.Option(metavar="FIGURE=NUMBER", help="A bound, such as deals=30; may repeat.")
    ] = None


def read_plan(options: SearchOptions, replay: Replay) -> Plan:
    """The search as typed.

    Raises:
        StopError: a part of it cannot be read.
    """
    from fairlead.accounts.bot_presets import settings_values
    from fairlead.backtest.sweeps.ranking import RankingError, read_bound, read_objective
    from fairlead.backtest.sweeps.search import Plan, Search
    from fairlead.backtest.sweeps.space import SpaceError, read_space

    if options.signals:
        raise StopError("signals are followed as they are: there is nothing to vary", EXIT_USAGE)
    if not options.vary:
        raise StopError("say what to vary: --vary step=0.6:2:5 --vary take_profit=0.6,0.8,1", EXIT_USAGE)
    if options.search is not SearchKind.GRID and not options.tries:
        raise StopError(f"--search {options.search.value} needs --tries N", EXIT_USAGE)
    try:
        plan = Plan(
            space=read_space(tuple(options.vary), settings_values(replay.spec.bots[0].settings)),
            search=Search(options.search.value),
            tries=options.tries,
            seed=options.seed,
            objective=read_objective(options.rank),
            bounds=(
                *(read_bound(text, is_most=True) for text in options.at_most or ()),
                *(read_bound(text, is_most=False) for text in options.at_least or ()),
            ),
        )
        # Too many are refused before anything is opened.
        _ = plan.count
    except (SpaceError, RankingError) as error:
        raise StopError(str(error), EXIT_USAGE) from error
    return plan


@contextmanager
def trial_failures_explained() -> Iterator[None]:
    """Around whatever runs trials.

    Raises:
        StopError: it was stopped, is running already, or cannot go on.
    """
    from fairlead.backtest.sweeps.row_file import SweepInUseError
    from fairlead.backtest.sweeps.workers import WorkersLostError

    try:
        yield
    except KeyboardInterrupt:
        raise StopError(GOES_ON, EXIT_INTERRUPTED) from None
    except (SweepInUseError, WorkersLostError, OSError, ValueError) as error:
        raise StopError(str(error)) from error
