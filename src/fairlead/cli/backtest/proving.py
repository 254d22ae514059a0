"""`fairlead backtest check-lookahead`: proves that no decision of a run knew the future."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from fairlead.cli.backtest.replay_options import ReplayOptions, open_replay
from fairlead.cli.backtest.sweep_options import trial_failures_explained
from fairlead.cli.moments import moment_text
from fairlead.cli.options import add_command
from fairlead.cli.output import StopError, say, say_json
from fairlead.cli.progress import progress_shown


@dataclass(frozen=True, kw_only=True)
class ProofOptions(ReplayOptions):
    """How often the candles are cut."""

    cuts: Annotated[int, typer.Option(min=1, max=10_000, help="How many random closes candles are cut at.")] = 20


def add_proving(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "check-lookahead",
        "fairlead backtest check-lookahead --symbol BTC-USDT --file my_rule.toml",
        "fairlead backtest check-lookahead --bot dip --cuts 100 --seed 3",
    )(check_lookahead)


def check_lookahead(options: ProofOptions) -> None:
    """Run a bot on candles that end earlier, and compare: until they end, nothing may be different.

    Exits with 1 and names the first order, fill or value that depends on what came later. A number that was copied from
    the future into the text of a rule cannot be seen this way.
    """
    from msgspec import to_builtins

    replay = open_replay(options)
    from fairlead.backtest.look_ahead import check_look_ahead, draw_cuts

    with trial_failures_explained(), progress_shown("cuts") as progress:
        cuts = draw_cuts(replay.market, count=options.cuts, seed=options.seed)
        found = check_look_ahead(
            replay.spec, replay.market, replay.instruments, replay.run, cuts=cuts, progress=progress
        )
    if options.as_json:
        say_json(to_builtins(found))
    elif found.difference is None:
        say(
            f"No look-ahead: {len(found.cuts)} shorter runs, {found.orders} orders, {found.fills} fills and"
            f" {found.closes} closes are the same until the candles end."
        )
    one = found.difference
    if one is not None:
        where = f"with candles until {moment_text(one.cut_ms)}" if one.cut_ms else "a second time, on the same candles"
        raise StopError(
            f"{one.what} at {moment_text(one.at_ms)} UTC: {one.field} is {one.whole}, and {one.cut} {where}"
        )
