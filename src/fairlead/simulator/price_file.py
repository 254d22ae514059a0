"""Reads candles to be replayed, from CSV or Parquet."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from fairlead.core.model.market import Candle
from fairlead.core.model.money import ZERO, parse_amount

CANDLES_MAX: Final = 5_000_000
COLUMNS: Final = ("symbol", "open_ms", "open", "high", "low", "close")

_VOLUME: Final = "volume"


class PriceFileError(ValueError):
    """A file that tells no prices; the text says where and why."""


def read_prices(file: Path) -> dict[str, list[Candle]]:
    """Read the candles of each symbol, in order of time.

    Raises:
        PriceFileError: it is no such file, or needs a library that is not installed.
        OSError: it cannot be read.
    """
    match file.suffix.lower():
        case ".csv":
            return _collect(file, _csv_rows(file))
        case ".parquet":
            return _collect(file, _parquet_rows(file))
        case _:
            message = f"{file}: expected a name that ends in .csv or .parquet"
            raise PriceFileError(message)


def begin_at(candles: Mapping[str, Sequence[Candle]], now_ms: int) -> dict[str, list[Candle]]:
    """Move candles in time, all by as much, so that the first of them opens now."""
    opens = [rows[0].open_ms for rows in candles.values() if rows]
    shift_ms = now_ms - min(opens, default=now_ms)
    return {
        symbol: [msgspec.structs.replace(candle, open_ms=candle.open_ms + shift_ms) for candle in rows]
        for symbol, rows in candles.items()
    }


def _csv_rows(file: Path) -> Iterator[Mapping[str, Any]]:
    with file.open(encoding="utf-8", newline="") as lines:
        try:
            yield from csv.DictReader(lines)
        except (csv.Error, UnicodeDecodeError) as error:
            message = f"{file}: {error}"
            raise PriceFileError(message) from None


def _parquet_rows(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        message = f"{file}: Parquet needs pyarrow, which is not installed: install it, or write the candles as CSV"
        raise PriceFileError(message) from None
    with file.open("rb") as content:
        try:
            table = parquet.ParquetFile(content)
        except ValueError as error:
            message = f"{file}: {error}"
            raise PriceFileError(message) from None
        for batch in table.iter_batches():
            yield from batch.to_pylist()


def _collect(file: Path, rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Candle]]:
    found: dict[str, list[Candle]] = {}
    for number, row in enumerate(rows, start=1):
        if number > CANDLES_MAX:
            message = f"{file} has more than {CANDLES_MAX} candles"
            raise PriceFileError(message)
        try:
            candle = _read_candle(row)
        except ValueError as error:
            message = f"{file}: row {number}: {error}"
            raise PriceFileError(message) from None
        found.setdefault(candle.symbol, []).append(candle)
    if not found:
        message = f"{file} has no candles"
        raise PriceFileError(message)
    for candles in found.values():
        candles.sort(key=lambda candle: candle.open_ms)
    return found


def _read_candle(row: Mapping[str, Any]) -> Candle:
    missing = [name for name in COLUMNS if row.get(name) in {None, ""}]
    if missing:
        message = f"{', '.join(missing)} missing; a candle has {', '.join(COLUMNS)} and perhaps {_VOLUME}"
        raise ValueError(message)
    opened, high, low, close = (parse_amount(str(row[name])) for name in COLUMNS[2:])
    if not ZERO < low <= min(opened, close) <= max(opened, close) <= high:
        message = f"low {low}, open {opened}, close {close} and high {high} are no candle"
        raise ValueError(message)
    return Candle(
        symbol=str(row["symbol"]),
        open_ms=int(str(row["open_ms"])),
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=parse_amount(str(row[_VOLUME])) if row.get(_VOLUME) not in {None, ""} else ZERO,
    )
