"""`fairlead candles`: history for backtests."""

from __future__ import annotations

from typing import Final

import typer

from fairlead.cli.candles.checking import add_check
from fairlead.cli.candles.fetching import add_fetch
from fairlead.cli.candles.filling import add_filling
from fairlead.cli.candles.listing import add_list

candles: Final = typer.Typer(
    help="Candles: history for backtests, from exchanges, files or a seed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
add_fetch(candles)
add_filling(candles)
add_list(candles)
add_check(candles)
