"""`fairlead backtest`: history through the rules that trade."""

from __future__ import annotations

from typing import Final

import typer

from fairlead.cli.backtest.drawing import add_drawing
from fairlead.cli.backtest.listing import add_listing
from fairlead.cli.backtest.proving import add_proving
from fairlead.cli.backtest.reporting import add_reporting
from fairlead.cli.backtest.running import add_running
from fairlead.cli.backtest.sweeping import add_sweeping
from fairlead.cli.backtest.walking import add_walking

backtests: Final = typer.Typer(
    help="Backtests: what a bot would have done.", no_args_is_help=True, rich_markup_mode=None
)
add_running(backtests)
add_reporting(backtests)
add_listing(backtests)
add_sweeping(backtests)
add_walking(backtests)
add_drawing(backtests)
add_proving(backtests)
