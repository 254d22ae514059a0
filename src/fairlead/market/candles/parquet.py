"""One Parquet file of candles: prices as DECIMAL, so that any reader of Parquet has them exactly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from fairlead.market.candles.file_swap import replace_file
from fairlead.market.candles.manifest import CandleFileError
from fairlead.market.candles.series import PRICES, Ticks
from fairlead.market.candles.table import DIGITS_MAX, CandleTable, join_tables

SUFFIX: Final = ".parquet"
_WIDE_DIGITS: Final = 38


def write_table(path: Path, table: CandleTable) -> None:
    """Write a file in place of what is there, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    import polars as pl

    columns = [pl.Series("opened_ms", table.opened_ms)]
    for name in PRICES:
        steps = pl.Series(name, table.prices[name])
        exact = steps.cast(pl.Decimal(_WIDE_DIGITS, table.decimals)) / 10**table.decimals
        column = exact.cast(pl.Decimal(DIGITS_MAX, table.decimals))
        assert column.to_physical().cast(pl.Int64).equals(steps), "a price would be written as another one"
        columns.append(column)
    frame = pl.DataFrame([*columns, pl.Series("volume", table.volume)]).rechunk()
    # Twice the size of zstd, and read in two thirds of the time.
    replace_file(path, lambda temporary: frame.write_parquet(temporary, compression="lz4", statistics=True))


def read_tables(paths: Sequence[Path]) -> CandleTable:
    """Read whole files, in the order of their rows.

    Raises:
        CandleFileError: one of them is no such file.
        PriceDigitsError: some prices have too many digits for the decimals of others.
        OSError: one of them cannot be read.
    """
    import polars as pl

    try:
        return _read_together(paths)
    except pl.exceptions.SchemaError:
        # Prices of other decimals are of another type.
        return join_tables([_read_together([path]) for path in paths])


def _read_together(paths: Sequence[Path]) -> CandleTable:
    import polars as pl

    names = ", ".join(path.name for path in paths)
    try:
        frame = pl.read_parquet(list(paths), columns=["opened_ms", *PRICES, "volume"], hive_partitioning=False)
    except pl.exceptions.SchemaError:
        if len(paths) > 1:
            raise
        raise CandleFileError(f"{names} is no file of candles") from None
    except pl.exceptions.PolarsError as error:
        raise CandleFileError(f"{names} is no file of candles: {error}") from None
    decimals = 0
    prices: dict[str, Ticks] = {}
    for name in PRICES:
        kind = frame.schema[name]
        if not isinstance(kind, pl.Decimal):
            raise CandleFileError(f"{names} is no file of candles: its {name} is {kind}")
        decimals = kind.scale
        prices[name] = frame[name].to_physical().cast(pl.Int64).to_numpy()
    return CandleTable(frame["opened_ms"].to_numpy(), prices, decimals, frame["volume"].to_numpy())


def read_times(path: Path) -> Ticks:
    """Only when the candles of a file open.

    Raises:
        CandleFileError: it is no such file.
        OSError: it cannot be read.
    """
    import polars as pl

    try:
        times: Ticks = pl.read_parquet(path, columns=["opened_ms"], hive_partitioning=False)["opened_ms"].to_numpy()
    except pl.exceptions.PolarsError as error:
        raise CandleFileError(f"{path} is no file of candles: {error}") from None
    return times.astype(np.int64, copy=False)
