"""`fairlead backtest`: history through the rules that trade."""

from __future__ import annotations

from typing import Final

import typer

from fairlead.cli.backtest.listing import add_listing
from fairlead.cli.backtest.reporting import add_reporting

backtests: Final = typer.Typer(
    help="Backtests: what a bot would have done.", no_args_is_help=True, rich_markup_mode=None
)
add_reporting(backtests)
add_listing(backtests)
