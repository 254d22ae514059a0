"""How commands reach the runs that are kept, and what they print and write of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairlead.cli.config import load_settings
from fairlead.cli.options import Options
from fairlead.cli.output import StopError

if TYPE_CHECKING:
    from fairlead.backtest.archive import RunHeader
    from fairlead.backtest.report.words import Surroundings
    from fairlead.backtest.result import BacktestResult
    from fairlead.backtest.statistics import Statistics
    from fairlead.market.candles.series import CandleSeries

MANY_TRIES: Final = 20
"""From so many backtests on, a good one says little."""


def archive_folder(options: Options) -> Path:
    """Where the runs of this data folder are kept."""
    from fairlead.backtest.archive import FOLDER

    return load_settings(options).data_dir / FOLDER


def archive_row(header: RunHeader) -> dict[str, Any]:
    """What a list shows of a run."""
    statistics, spec = header.statistics, header.spec
    return {
        "id": header.run_id,
        "made": _minute(header.made_ms),
        "bots": ", ".join(f"{bot.name} {bot.symbol}" for bot in spec.bots),
        "candles": spec.timeframe,
        "from": _minute(header.begin_ms)[:10],
        "to": _minute(header.end_ms)[:10],
        "profit": f"{statistics.profit:.2f} {spec.currency}",
        "total": f"{statistics.returns.total:.2%}",
        "max_drawdown": f"{statistics.returns.max_drawdown:.2%}",
        "deals": statistics.deals.closed,
        "fills": statistics.fills,
    }


def run_values(header: RunHeader, statistics: Statistics) -> dict[str, Any]:
    """What a program wants of a run: the row of its list, what was asked, and every number."""
    from msgspec import to_builtins

    return {**archive_row(header), "spec": to_builtins(header.spec), "statistics": to_builtins(statistics)}


def notes_of_tries(tried: int) -> Sequence[str]:
    """A warning where many backtests were made before."""
    if tried < MANY_TRIES:
        return ()
    return (f"{tried:,} backtests were run in this data folder: the more are tried, the luckier is the best of them.",)


def write_out(
    folder: Path,
    run: tuple[BacktestResult, Statistics],
    market: Mapping[str, CandleSeries],
    around: Surroundings,
) -> list[Path]:
    """Write the report and the tables of a run into a folder; returns the files.

    Raises:
        StopError: it cannot be written.
    """
    from fairlead.backtest.archive import REPORT_NAME
    from fairlead.backtest.exports import ExportFormat, export_result
    from fairlead.backtest.report.page import write_report

    result, statistics = run
    try:
        tables = export_result(folder, result, statistics, ExportFormat.CSV)
        write_report(folder / REPORT_NAME, result, statistics, market, around)
    except OSError as error:
        raise StopError(f"{folder}: {error}") from error
    return [folder / REPORT_NAME, *tables]


def _minute(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
