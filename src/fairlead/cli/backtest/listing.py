"""The command that lists backtests."""

from __future__ import annotations

import typer

from fairlead.cli.backtest.archive_rows import archive_folder, archive_row
from fairlead.cli.extras import backtest_extra
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import say_rows


def add_listing(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(app, "list", "fairlead backtest list", "fairlead backtest list --json")(list_backtests)


def list_backtests(options: PrintOptions) -> None:
    """List the backtests that are kept, the newest first."""
    with backtest_extra():
        from fairlead.backtest.kept.archive import list_headers

        rows = [archive_row(header) for header in list_headers(archive_folder(options))]
    say_rows(rows, as_json=options.as_json, empty="no backtest is kept here: make one with fairlead backtest run")
