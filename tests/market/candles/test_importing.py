"""Other people's files: their usual layouts are read exactly, and what is wrong in them is named."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from fairlead.market.candles.column_reading import FileFaultError
from fairlead.market.candles.importing import find_timeframe, read_candle_file, require_sound
from fairlead.market.candles.table import CandleTable, PriceDigitsError

FIRST_MS = 1_735_689_600_000
BINANCE = """1735689600000,93576.00,93610.93,93537.50,93610.93,8.21827,1735689659999,768978.31,2631,3.95157,369757.32,0
1735689660000,93610.93,93652.00,93606.20,93652.00,10.03399,1735689719999,939467.62,1853,5.03,471000.1,0
"""
BINANCE_MICROSECONDS = BINANCE.replace("1735689600000", "1735689600000000").replace("1735689660000", "1735689660000000")
TRADING_VIEW = """time,open,high,low,close,Volume,Volume MA
2025-01-01T01:00:00+01:00,93576,93610.93,93537.5,93610.93,8.21827,
2025-01-01T01:01:00+01:00,93610.93,93652,93606.2,93652,10.03399,9
"""
TRADING_VIEW_SECONDS = TRADING_VIEW.replace("2025-01-01T01:00:00+01:00", "1735689600").replace(
    "2025-01-01T01:01:00+01:00", "1735689660"
)
FREQTRADE = """,date,open,high,low,close,volume
0,2025-01-01 00:00:00+00:00,93576.0,93610.93,93537.5,93610.93,8.21827
1,2025-01-01 00:01:00+00:00,93610.93,93652.0,93606.2,93652.0,10.03399
"""
CRYPTO_DATA_DOWNLOAD = """https://www.example.org
Unix;Date;Symbol;Open;High;Low;Close;Volume BTC;Volume USDT
1735689660;2025-01-01 00:01:00;BTC/USDT;93610.93;93652;93606.2;93652;10.03399;1
1735689600;2025-01-01 00:00:00;BTC/USDT;93576;93610.93;93537.5;93610.93;8.21827;1
"""
BINANCE_HEADER = '"Open time","Open","High","Low","Close","Volume","Close time"\n' + "".join(
    ",".join(line.split(",")[:7]) + "\n" for line in BINANCE.splitlines()
)
SIMULATE = """symbol,open_ms,open,high,low,close,volume
BTC-USDT,1735689600000,93576,93610.93,93537.5,93610.93,8.21827
BTC-USDT,1735689660000,93610.93,93652,93606.2,93652,10.03399
"""


def rows_of(table: CandleTable) -> list[tuple[object, ...]]:
    return sorted(
        (
            int(table.opened_ms[row]),
            *(table.price(name, row) for name in ("open", "high", "low", "close")),
            float(table.volume[row]),
        )
        for row in range(len(table))
    )


EXPECTED = [
    (FIRST_MS, *map(Decimal, ("93576", "93610.93", "93537.5", "93610.93")), 8.21827),
    (FIRST_MS + 60_000, *map(Decimal, ("93610.93", "93652", "93606.2", "93652")), 10.03399),
]


@pytest.mark.parametrize(
    "text",
    [
        BINANCE,
        BINANCE_MICROSECONDS,
        BINANCE_HEADER,
        TRADING_VIEW,
        TRADING_VIEW_SECONDS,
        FREQTRADE,
        CRYPTO_DATA_DOWNLOAD,
        SIMULATE,
        "\ufeff" + FREQTRADE.replace("\n", "\r\n"),
    ],
    ids=["binance", "binance-us", "binance-header", "tv", "tv-seconds", "freqtrade", "cdd", "ours", "windows"],
)
def test_usual_layouts_are_read_exactly(tmp_path: Path, text: str) -> None:
    file = tmp_path / "candles.csv"
    file.write_bytes(text.encode())
    read = read_candle_file(file)
    assert rows_of(read.table) == EXPECTED
    assert find_timeframe(read.table) == "1m"
    require_sound(read.table, "1m")


@pytest.mark.parametrize("kind", [pl.Float64, pl.String, pl.Decimal(18, 2)], ids=str)
@pytest.mark.parametrize("times", ["datetime", "zoned", "milliseconds"])
def test_parquet_of_every_kind_of_column_is_read_exactly(tmp_path: Path, kind: pl.DataType, times: str) -> None:
    at = [datetime(2025, 1, 1, 0, minute, tzinfo=UTC) for minute in (0, 1)]
    columns: dict[str, pl.Series] = {
        "datetime": pl.Series("Date", [one.replace(tzinfo=None) for one in at]),
        "zoned": pl.Series("Date", at),
        "milliseconds": pl.Series("Date", [FIRST_MS, FIRST_MS + 60_000]),
    }
    names = ("Open", "High", "Low", "Close")
    prices = [pl.Series(name, [row[place] for row in EXPECTED]) for place, name in enumerate(names, start=1)]
    volume = pl.Series("Volume", [row[5] for row in EXPECTED])
    file = tmp_path / "candles.parquet"
    pl.DataFrame([columns[times], *(price.cast(pl.Float64).cast(kind) for price in prices), volume]).write_parquet(file)
    assert rows_of(read_candle_file(file).table) == EXPECTED


def test_small_prices_in_scientific_notation_stay_exact(tmp_path: Path) -> None:
    file = tmp_path / "candles.csv"
    file.write_text("time,open,high,low,close\n1735689600,1.2e-05,1.25e-05,1.2E-5,0.00001230\n")
    table = read_candle_file(file).table
    assert table.decimals == 7
    assert [table.price(name, 0) for name in ("open", "high", "low", "close")] == [
        Decimal(text) for text in ("0.000012", "0.0000125", "0.000012", "0.0000123")
    ]
    assert table.volume.tolist() == [0.0]


GOOD = "1735689600,10,11,9,10,5"


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ('1735689660,10,11,9,"12,5",5', "row 2, close '12,5': not a plain decimal number"),
        ("1735689660,10,,9,10,5", "row 2, high '': not a plain"),
        ("1735689660,10,11,-9,10,5", "row 2, low -9: prices are above zero"),
        ("31/01/2025,10,11,9,10,5", "row 2, time '31/01/2025': neither a number of seconds"),
        (",10,11,9,10,5", "row 2, time '': a time is expected"),
        ("1735689660,10,11,9,10,much", "row 2, volume 'much': a number"),
        ("1735689660,10,11,9,10,-1", "row 2, volume '-1': a number"),
        ("1735689660,10,11,9,NaN,5", "row 2, close 'NaN': not a plain"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_row_and_rule(tmp_path: Path, row: str, named: str) -> None:
    file = tmp_path / "candles.csv"
    file.write_text(f"time,open,high,low,close,volume\n{GOOD}\n{row}\n")
    with pytest.raises(FileFaultError) as told:
        read_candle_file(file)
    assert named in str(told.value)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("1735689660,10,9.5,9,10,5", "row 2, high 9.5: it must be the highest beside open 10, low 9, close 10"),
        ("1735689660,10,11,10.5,10,5", "row 2, low 10.5: it must be the lowest"),
        ("1735689660,10,11,0,10,5", "row 2, low 0: prices are above zero"),
        ("1735689661,10,11,9,10,5", "row 2, time 1735689661000: a candle of 1m opens at a multiple of 60000 ms"),
        ("1735689600,10,11,9,10.5,5", "row 2, time 1735689600000: row 1 has the same time and other values"),
    ],
)
def test_a_row_that_contradicts_itself_or_another_is_refused(tmp_path: Path, row: str, named: str) -> None:
    file = tmp_path / "candles.csv"
    file.write_text(f"time,open,high,low,close,volume\n{GOOD}\n{row}\n")
    with pytest.raises(FileFaultError) as told:
        require_sound(read_candle_file(file).table, "1m")
    assert named in str(told.value).replace(".0,", ",").replace(".0 ", " ")


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("candles.txt", GOOD, "ends in .csv or .parquet"),
        ("candles.csv", "time,open,high,low,volume\n1,2,3,4,5\n", "no column for close; it has time, open"),
        ("candles.csv", "hello\n", "no line of the first 20 has 5 columns"),
        ("candles.csv", "time,open,high,low,close\n", "no rows"),
        ("candles.parquet", "PAR1", "parquet"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, name: str, text: str, named: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FileFaultError) as told:
        read_candle_file(tmp_path / name)
    assert named in str(told.value)


def test_rows_without_a_usual_distance_need_a_timeframe(tmp_path: Path) -> None:
    file = tmp_path / "candles.csv"
    file.write_text(f"time,open,high,low,close,volume\n{GOOD}\n1735689607,10,11,9,10,5\n")
    with pytest.raises(FileFaultError, match="7000 ms apart, which is no timeframe"):
        find_timeframe(read_candle_file(file).table)


def test_prices_with_more_digits_than_are_kept_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "candles.csv"
    file.write_text(f"time,open,high,low,close,volume\n{GOOD}\n1735689660,10,1234567,9,10.123456789012345,5\n")
    with pytest.raises((FileFaultError, PriceDigitsError), match="digits"):
        read_candle_file(file)
