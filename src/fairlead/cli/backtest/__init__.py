"""`fairlead backtest`: history through the rules that trade."""

from __future__ import annotations

from typing import Final

import typer

backtests: Final = typer.Typer(
    help="Backtests: what a bot would have done.", no_args_is_help=True, rich_markup_mode=None
)
