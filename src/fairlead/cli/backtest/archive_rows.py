"""How commands reach the runs that are kept, and what they print and write of one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead.cli.config import load_settings
from fairlead.cli.options import Options

if TYPE_CHECKING:
    from fairlead.backtest.kept.archive import RunHeader
    from fairlead.backtest.measures.statistics import Statistics


def archive_folder(options: Options) -> Path:
    """Where the runs of this data folder are kept."""
    from fairlead.backtest.kept.archive import FOLDER

    return load_settings(options).data_dir / FOLDER


def archive_row(header: RunHeader) -> dict[str, Any]:
    """What a list shows of a run."""
    statistics, spec = header.statistics, header.spec
    return {
        "id": header.run_id,
        "made": _minute(header.made_ms),
        "bots": ", ".join(f"{bot.name} {bot.symbol}" for bot in spec.bots),
        "candles": f"{spec.timeframe} on {spec.fill_timeframe}" if spec.fill_timeframe else spec.timeframe,
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


def _minute(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
