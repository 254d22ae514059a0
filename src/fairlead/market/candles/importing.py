"""Candles from other people's files: CSV and Parquet, columns found by usual names, prices taken as exact text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.market.candles.checks import find_inconsistent
from fairlead.market.candles.column_reading import FileFaultError, read_prices, read_times, read_volumes
from fairlead.market.candles.series import PRICES
from fairlead.market.candles.table import CandleTable, distinct

if TYPE_CHECKING:
    import polars as pl

TIME_NAMES: Final = (
    "opened_ms", "open_ms", "open_time", "opentime", "timestamp", "time", "unix", "ts", "datetime", "date_time", "date",
)  # fmt: skip
"""In this order: where a file has several, the more exact one is taken."""

PRICE_NAMES: Final = {"open": ("open", "o"), "high": ("high", "h"), "low": ("low", "l"), "close": ("close", "c")}
VOLUME_NAMES: Final = ("volume", "vol", "base_volume", "volume_base", "v")
SUFFIXES: Final = (".csv", ".parquet")
_SEPARATORS: Final = (",", ";", "\t")
_PEEKED_LINES: Final = 20
_COLUMNS_MIN: Final = 5
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


class ReadFile(msgspec.Struct, frozen=True, kw_only=True):
    """What was in a file, in the order of its rows, and under which names."""

    table: CandleTable
    columns: Mapping[str, str]


def read_candle_file(path: Path) -> ReadFile:
    """Read a file as it is; what contradicts itself in it is left to checks.

    Times are seconds, milliseconds, microseconds or nanoseconds since 1970, or ISO 8601 (UTC where no zone is named).

    Raises:
        FileFaultError: it is no file of candles; the text names row, field, value and rule.
        PriceDigitsError: a price has more digits than are kept.
        OSError: it cannot be read.
    """
    frame = _read_frame(path)
    if frame.is_empty():
        raise FileFaultError("it has no rows")
    names = _find_columns(frame.columns)
    times = read_times(frame[names["time"]])
    prices, decimals = read_prices({name: frame[names[name]] for name in PRICES})
    volume = read_volumes(frame[names["volume"]]) if "volume" in names else np.zeros(len(times))
    return ReadFile(table=CandleTable(times, prices, decimals, volume), columns=names)


def find_timeframe(table: CandleTable) -> str:
    """The timeframe whose length is the usual distance of two rows.

    Raises:
        FileFaultError: that is none that is known.
    """
    distances, counts = np.unique(np.diff(distinct(table.opened_ms)), return_counts=True)
    usual = int(distances[np.argmax(counts)]) if len(distances) else 0
    name = next((name for name, length_ms in TIMEFRAMES_MS.items() if length_ms == usual), None)
    if name is None:
        raise FileFaultError(f"rows are mostly {usual} ms apart, which is no timeframe: say which with --timeframe")
    return name


def require_sound(table: CandleTable, timeframe: str) -> None:
    """Refuse what no replay could use; gaps, order and rows that are there twice with equal values are no obstacle.

    Raises:
        FileFaultError: the first row of the kind, with its field, value and rule.
    """
    length_ms = TIMEFRAMES_MS[timeframe]
    row = _first(table.opened_ms % length_ms != 0)
    if row is not None:
        rule = f"a candle of {timeframe} opens at a multiple of {length_ms} ms"
        raise FileFaultError.at(row, "time", int(table.opened_ms[row]), rule)
    row = _first(find_inconsistent(table))
    if row is not None:
        values = {name: table.price(name, row) for name in PRICES}
        raise _inconsistent(row, values)
    ordered = np.argsort(table.opened_ms, kind="stable")
    in_order = table.rows(ordered)
    twice = in_order.opened_ms[1:] == in_order.opened_ms[:-1]
    differs = ~in_order.rows(slice(1, None)).equal_rows(in_order.rows(slice(None, -1)))
    place = _first(twice & differs)
    if place is not None:
        first, second = int(ordered[place]), int(ordered[place + 1])
        rule = f"row {first + 1} has the same time and other values"
        raise FileFaultError.at(second, "time", int(table.opened_ms[second]), rule)


def _inconsistent(row: int, values: Mapping[str, Decimal]) -> FileFaultError:
    field = "high" if values["high"] < max(values.values()) else "low"
    if values["low"] <= 0:
        return FileFaultError.at(row, "low", values["low"], "prices are above zero")
    others = ", ".join(f"{name} {value}" for name, value in values.items() if name != field)
    rule = f"it must be the {'highest' if field == 'high' else 'lowest'} beside {others}"
    return FileFaultError.at(row, field, values[field], rule)


def _first(wrong: np.typing.NDArray[np.bool_]) -> int | None:
    return int(np.argmax(wrong)) if wrong.any() else None


def _read_frame(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        match path.suffix.lower():
            case ".csv":
                return _read_csv(path)
            case ".parquet":
                return pl.read_parquet(path, hive_partitioning=False)
            case _:
                raise FileFaultError(f"expected a name that ends in {' or '.join(SUFFIXES)}")
    except pl.exceptions.PolarsError as error:
        raise FileFaultError(str(error).splitlines()[0]) from None


def _read_csv(path: Path) -> pl.DataFrame:
    import polars as pl

    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        head = [line.rstrip("\r\n") for line, _ in zip(lines, range(_PEEKED_LINES), strict=False)]
    separator = max(_SEPARATORS, key=lambda one: sum(line.count(one) for line in head))
    # Some begin with a line about where they are from.
    skipped = next((place for place, line in enumerate(head) if line.count(separator) >= _COLUMNS_MIN - 1), None)
    if skipped is None:
        raise FileFaultError(f"no line of the first {_PEEKED_LINES} has {_COLUMNS_MIN} columns")
    fields = head[skipped].split(separator)
    has_header = _NUMBER.fullmatch(fields[0].strip().strip('"')) is None
    frame = pl.read_csv(path, separator=separator, has_header=has_header, skip_rows=skipped, infer_schema=False)
    if has_header:
        return frame
    # Binance's files have no header; these are the first six columns of every layout without one.
    known = ("time", *PRICES, "volume")
    return frame.rename(dict(zip(frame.columns, known, strict=False)))


def _find_columns(columns: Sequence[str]) -> dict[str, str]:
    simple: dict[str, str] = {}
    for column in columns:
        simple.setdefault(re.sub(r"[^a-z0-9]+", "_", column.lower().strip("\ufeff ")).strip("_"), column)
    wanted = {"time": TIME_NAMES, **PRICE_NAMES, "volume": VOLUME_NAMES}
    found = {
        field: simple[next(name for name in names if name in simple)]
        for field, names in wanted.items()
        if any(name in simple for name in names)
    }
    volume = next((column for name, column in simple.items() if name.startswith("volume_")), None)
    if volume is not None:
        found.setdefault("volume", volume)
    missing = [field for field in ("time", *PRICES) if field not in found]
    if missing:
        raise FileFaultError(f"no column for {', '.join(missing)}; it has {', '.join(columns)}")
    return found
