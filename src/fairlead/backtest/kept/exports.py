"""A run as files for other programs: CSV, Parquet and JSON of its fills, its deals and its equity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from fairlead.backtest.measures.periods import daily_values
from fairlead.backtest.measures.statistics import Statistics
from fairlead.backtest.result import BacktestResult, DealRow, Fill
from fairlead.backtest.spec import BotSpec
from fairlead.store.private_files import make_private_folder, write_private_file

if TYPE_CHECKING:
    import polars as pl

_SCALE: Final = 18
_DIGITS: Final = 38


class ExportFormat(StrEnum):
    """What other programs read."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def export_result(folder: Path, result: BacktestResult, statistics: Statistics, kind: ExportFormat) -> list[Path]:
    """Write a run into a folder, one file for each table, and all into one as JSON; returns the files.

    Raises:
        ImportError: Polars is not installed (not needed for JSON).
        OSError: they cannot be written.
    """
    make_private_folder(folder)
    if kind is ExportFormat.JSON:
        path = folder / "result.json"
        write_private_file(path, msgspec.json.encode(result_values(result, statistics)))
        return [path]
    paths = []
    for name, make in _TABLES.items():
        path = folder / f"{name}.{kind.value}"
        # An empty file first: it is for its owner alone before anything stands in it.
        write_private_file(path, b"")
        frame = make(result)
        if kind is ExportFormat.CSV:
            frame.write_csv(path)
        else:
            frame.write_parquet(path)
        paths.append(path)
    return paths


def result_values(result: BacktestResult, statistics: Statistics) -> dict[str, Any]:
    """A run as plain values: amounts as exact text, equity of each day (UTC) rather than of each candle."""
    daily = daily_values(result.equity, float(result.spec.cash), result.begin_ms)
    return {
        "spec": msgspec.to_builtins(result.spec),
        "statistics": msgspec.to_builtins(statistics),
        "candles": result.candles,
        "begin_ms": result.begin_ms,
        "end_ms": result.end_ms,
        "missing": result.missing,
        "fills": msgspec.to_builtins(list(result.fills)),
        "deals": msgspec.to_builtins(list(result.deals)),
        "denials": msgspec.to_builtins(list(result.denials)),
        "equity_daily": daily.tolist(),
    }


def _fill_frame(result: BacktestResult) -> pl.DataFrame:
    bots = result.spec.bots
    columns: dict[str, Callable[[Fill], object]] = {
        **_bot_columns(bots),
        "at_ms": lambda fill: fill.at_ms,
        "deal": lambda fill: fill.cycle,
        "slot": lambda fill: fill.slot,
        "side": lambda fill: "buy" if fill.is_buy else "sell",
        "opens": lambda fill: fill.opens,
        "quantity": lambda fill: fill.quantity,
        "price": lambda fill: fill.price,
        "value": lambda fill: fill.value,
        "fee": lambda fill: fill.fee,
        "liquidity": lambda fill: "maker" if fill.is_maker else "taker",
    }
    return _frame(result.fills, columns, amounts={"quantity", "price", "value", "fee"}, times={"at_ms"})


def _deal_frame(result: BacktestResult) -> pl.DataFrame:
    amounts = ("cost_max", "profit", "fees", "funding")
    columns: dict[str, Callable[[DealRow], object]] = {
        **_bot_columns(result.spec.bots),
        "deal": lambda deal: deal.cycle,
        "began_ms": lambda deal: deal.began_ms,
        "ended_ms": lambda deal: deal.ended_ms or None,
        "levels": lambda deal: deal.levels,
        "fills": lambda deal: deal.fills,
        "cost_max": lambda deal: deal.cost_max,
        "profit": lambda deal: deal.profit,
        "fees": lambda deal: deal.fees,
        "funding": lambda deal: deal.funding,
        "worst": lambda deal: deal.worst,
        "best": lambda deal: deal.best,
        "why": lambda deal: deal.why,
    }
    return _frame(result.deals, columns, amounts=set(amounts), times={"began_ms", "ended_ms"})


def _equity_frame(result: BacktestResult) -> pl.DataFrame:
    import polars as pl

    curve = result.equity
    columns = {"equity": curve.values, "held": result.held_value, "hold": result.hold}
    frame = pl.DataFrame({"at_ms": curve.at_ms, **{name: np.round(column, 8) for name, column in columns.items()}})
    return frame.with_columns(pl.from_epoch("at_ms", time_unit="ms").alias("at"))


_TABLES: Final[Mapping[str, Callable[[BacktestResult], Any]]] = {
    "fills": _fill_frame,
    "deals": _deal_frame,
    "equity": _equity_frame,
}


def _bot_columns(bots: Sequence[BotSpec]) -> dict[str, Callable[[Any], object]]:
    return {"bot": lambda row: bots[row.bot].name, "symbol": lambda row: bots[row.bot].symbol}


def _frame(
    rows: Sequence[Any], columns: Mapping[str, Callable[[Any], object]], *, amounts: set[str], times: set[str]
) -> pl.DataFrame:
    import polars as pl

    exact = pl.Decimal(_DIGITS, _SCALE)
    made = []
    for name, read in columns.items():
        values = [read(row) for row in rows]
        if name in amounts:
            plain = [value if isinstance(value, Decimal) else Decimal(str(value)) for value in values]
            made.append(pl.Series(name, plain, dtype=exact))
        else:
            made.append(pl.Series(name, values, dtype=pl.Int64 if name in times else None))
    frame = pl.DataFrame(made)
    moments = [name for name in columns if name in times]
    return frame.with_columns(pl.from_epoch(name, time_unit="ms").alias(name.removesuffix("_ms")) for name in moments)
