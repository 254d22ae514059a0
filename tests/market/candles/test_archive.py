"""Candles on disk: what is added is read back exactly, in order, once, and a crash leaves whole files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairlead.core.model.market import Candle
from fairlead.market.candles.archive import Added, CandleArchive, NoCandlesError, SeriesName
from fairlead.market.candles.file_swap import replace_file
from fairlead.market.candles.generate import BEGIN_MS, generate_series
from fairlead.market.candles.load import exchange_folder, load_series, table_of_series
from fairlead.market.candles.manifest import CandleFileError, SeriesBusyError
from fairlead.market.candles.series import CandleSeries
from fairlead.market.candles.table import PriceDigitsError, table_of

NAME = SeriesName("okx", "BTC-USDT", "1m")
MINUTE_MS = 60_000


def candle(minute: int, price: str, *, high: str = "", volume: str = "1") -> Candle:
    exact = Decimal(price)
    return Candle(
        symbol="BTC-USDT",
        open_ms=BEGIN_MS + minute * MINUTE_MS,
        open=exact,
        high=Decimal(high or price),
        low=exact,
        close=exact,
        volume=Decimal(volume),
    )


def same(one: CandleSeries, other: CandleSeries) -> bool:
    names = ("opened_ms", "open", "high", "low", "close", "volume")
    return one.tick == other.tick and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@pytest.fixture(name="archive")
def _archive(tmp_path: Path) -> CandleArchive:
    return CandleArchive(tmp_path / "candles")


def test_what_is_kept_is_read_back_exactly_month_by_month(archive: CandleArchive) -> None:
    made = generate_series("BTC-USDT", candles=100_000, seed=1)
    assert archive.add(NAME, table_of_series(made), source="test") == Added(new=100_000)
    assert [path.name for path in archive.files(NAME)] == ["2025-01.parquet", "2025-02.parquet", "2025-03.parquet"]
    folder = exchange_folder(archive.root, "BTC-USDT")
    assert same(load_series(folder, "BTC-USDT", "1m"), made)
    part = load_series(folder, "BTC-USDT", "1m", begin_ms=made.begin_ms + 90, end_ms=made.end_ms - MINUTE_MS - 1)
    assert (part.begin_ms, part.end_ms) == (made.begin_ms + MINUTE_MS, made.end_ms - 2 * MINUTE_MS)
    assert archive.names() == [NAME]


def test_any_reader_of_parquet_sees_exact_prices(archive: CandleArchive) -> None:
    archive.add(NAME, table_of([candle(0, "60000.12345678")]), source="test")
    frame = pl.read_parquet(archive.files(NAME)[0])
    assert frame.schema["open"] == pl.Decimal(18, 8)
    assert frame["open"].to_list() == [Decimal("60000.12345678")]


def test_the_order_of_coming_does_not_matter_to_the_file(archive: CandleArchive, tmp_path: Path) -> None:
    rows = [candle(minute, f"{60_000 + minute}.5") for minute in range(50)]
    archive.add(NAME, table_of(rows), source="test")
    other = CandleArchive(tmp_path / "other")
    for begin in (40, 20, 0, 30, 10, 20):
        other.add(NAME, table_of(rows[begin : begin + 10][::-1]), source="test")
    assert other.files(NAME)[0].read_bytes() == archive.files(NAME)[0].read_bytes()


def test_a_row_for_a_known_time_replaces_it_and_is_counted(archive: CandleArchive) -> None:
    archive.add(NAME, table_of([candle(0, "1"), candle(1, "2"), candle(2, "3")]), source="a")
    added = archive.add(NAME, table_of([candle(1, "2"), candle(2, "3.25"), candle(3, "4")]), source="b")
    assert added == Added(new=1, changed=1, same=1)
    series = load_series(archive.root / "okx", "BTC-USDT", "1m")
    assert [series.price(int(close)) for close in series.close] == [1, 2, Decimal("3.25"), 4]
    assert archive.manifest(NAME).tick == Decimal("0.01")
    assert archive.manifest(NAME).source == "b"


def test_a_month_with_finer_prices_makes_the_whole_series_finer(archive: CandleArchive) -> None:
    archive.add(NAME, table_of([candle(0, "60000.5"), candle(50_000, "60000.125")]), source="test")
    series = load_series(archive.root / "okx", "BTC-USDT", "1m")
    assert (series.tick, series.open.tolist()) == (Decimal("0.001"), [60_000_500, 60_000_125])
    finer = load_series(archive.root / "okx", "BTC-USDT", "1m", tick=Decimal("0.00005"))
    assert (finer.tick, finer.open.tolist()) == (Decimal("0.00001"), [6_000_050_000, 6_000_012_500])


def test_times_that_were_asked_for_are_joined(archive: CandleArchive) -> None:
    nothing = table_of([])
    for span in ((0, 10), (20, 30), (10, 20), (50, 60)):
        archive.add(NAME, nothing, source="test", fetched=span)
    assert archive.manifest(NAME).fetched == ((0, 30), (50, 60))


def test_minutes_become_hours_and_an_hour_with_a_hole_is_left_out(archive: CandleArchive) -> None:
    made = table_of_series(generate_series("BTC-USDT", candles=200, seed=1))
    archive.add(NAME, made.rows(np.arange(200) != 70), source="test")
    hours = load_series(archive.root / "okx", "BTC-USDT", "1h")
    assert hours.opened_ms.tolist() == [BEGIN_MS, BEGIN_MS + 120 * MINUTE_MS]
    assert hours.open.tolist() == [made.prices["open"][0], made.prices["open"][120]]
    assert hours.close.tolist() == [made.prices["close"][59], made.prices["close"][179]]
    assert hours.high.tolist() == [made.prices["high"][:60].max(), made.prices["high"][120:180].max()]
    assert hours.low.tolist() == [made.prices["low"][:60].min(), made.prices["low"][120:180].min()]
    assert hours.volume[0] == pytest.approx(made.volume[:60].sum())
    with pytest.raises(ValueError, match="not one candle of 4h is complete"):
        load_series(archive.root / "okx", "BTC-USDT", "4h")


def test_stored_hours_come_before_hours_made_of_minutes(archive: CandleArchive) -> None:
    archive.add(NAME, table_of_series(generate_series("BTC-USDT", candles=60, seed=1)), source="test")
    hourly = generate_series("BTC-USDT", candles=24, seed=2, timeframe="1h")
    archive.add(SeriesName("okx", "BTC-USDT", "1h"), table_of_series(hourly), source="test")
    assert same(load_series(archive.root / "okx", "BTC-USDT", "1h"), hourly)
    assert len(load_series(archive.root / "okx", "BTC-USDT", "4h")) == 6
    with pytest.raises(NoCandlesError, match="1m could be made"):
        load_series(archive.root / "binance", "BTC-USDT", "1m")


def test_who_has_candles_of_two_exchanges_says_which(archive: CandleArchive) -> None:
    for exchange in ("okx", "sample"):
        archive.add(SeriesName(exchange, "BTC-USDT", "1m"), table_of([candle(0, "1")]), source="test")
    with pytest.raises(NoCandlesError, match="okx, sample: say which"):
        exchange_folder(archive.root, "BTC-USDT")
    assert exchange_folder(archive.root, "BTC-USDT", "okx").name == "okx"
    with pytest.raises(NoCandlesError, match="no candles of ETH-USDT are kept"):
        exchange_folder(archive.root, "ETH-USDT")


def test_two_processes_do_not_write_one_series(archive: CandleArchive) -> None:
    with archive.writing(NAME), pytest.raises(SeriesBusyError, match="BTC-USDT 1m of okx"), archive.writing(NAME):
        pass
    with archive.writing(NAME):
        pass


@pytest.mark.parametrize("wrong", ["..", "../x", "a/b", "", ".hidden", "x" * 65])
def test_a_name_leads_nowhere_else(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        SeriesName("okx", wrong, "1m")


def test_a_file_that_was_not_finished_changes_nothing(archive: CandleArchive) -> None:
    archive.add(NAME, table_of([candle(0, "1")]), source="test")
    path = archive.files(NAME)[0]
    before = path.read_bytes()

    def write_half(new: Path) -> None:
        new.write_bytes(before[:20])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_file(path, write_half)
    assert path.read_bytes() == before
    assert archive.files(NAME) == [path]
    assert archive.add(NAME, table_of([candle(1, "2")]), source="test") == Added(new=1)
    assert len(archive.read(NAME)) == 2


def test_folders_that_are_not_ours_are_passed_over(archive: CandleArchive) -> None:
    archive.add(NAME, table_of([candle(0, "1")]), source="test")
    for folder in ("okx/BTC-USDT/funding", "my notes/BTC-USDT/1m", "okx/BTC-USDT/7m"):
        (archive.root / folder).mkdir(parents=True)
        (archive.root / folder / "x.parquet").touch()
    assert archive.names() == [NAME]


def test_a_damaged_file_is_named(archive: CandleArchive) -> None:
    archive.add(NAME, table_of([candle(0, "1")]), source="test")
    archive.files(NAME)[0].write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(CandleFileError, match=r"2025-01\.parquet is no file of candles"):
        archive.read(NAME)


def test_prices_with_too_many_digits_are_refused() -> None:
    with pytest.raises(PriceDigitsError):
        table_of([candle(0, "123456.1234567890123")])


def test_candles_that_contradict_themselves_are_not_replayed(archive: CandleArchive) -> None:
    archive.add(NAME, table_of([candle(0, "2", high="1")]), source="test")
    with pytest.raises(ValueError, match="high below"):
        load_series(archive.root / "okx", "BTC-USDT", "1m")
