"""Which candles orders are filled on: the finest that cover the longer ones, or a sentence that says what to get."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.market.candles.archive import CandleArchive, NoCandlesError, SeriesName
from fairlead.market.candles.drilling import finest_timeframe
from fairlead.market.candles.generate import BEGIN_MS, generate_series
from fairlead.market.candles.load import table_of_series

HOUR_MS = 3_600_000
BTC, ETH = "BTC-USDT", "ETH-USDT"


class Kept:
    """An archive in which candles of some hours are kept."""

    def __init__(self, root: Path, exchange: str = "okx") -> None:
        self.archive = CandleArchive(root / "candles")
        self.exchange = exchange

    def keep(self, symbol: str, timeframe: str, first: int, after: int) -> None:
        """From the beginning of one hour to that of another."""
        count = (after - first) * HOUR_MS // TIMEFRAMES_MS[timeframe]
        begin_ms = BEGIN_MS + first * HOUR_MS
        made = generate_series(symbol, candles=count, seed=1, timeframe=timeframe, begin_ms=begin_ms)
        name = SeriesName(self.exchange, symbol, timeframe)
        with self.archive.writing(name):
            self.archive.add(name, table_of_series(made), source="test")

    def finest(self, timeframe: str, *symbols: str, first: int = 0, after: int = 0) -> str:
        folders = dict.fromkeys(symbols or (BTC,), self.archive.root / self.exchange)
        begin_ms = BEGIN_MS + first * HOUR_MS if first else 0
        return finest_timeframe(folders, timeframe, begin_ms, BEGIN_MS + after * HOUR_MS if after else 0)


@pytest.fixture(name="kept")
def _kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_the_finest_is_taken_that_covers_the_longer_ones(kept: Kept) -> None:
    kept.keep(BTC, "1h", 0, 800)
    kept.keep(BTC, "5m", 0, 800)
    assert kept.finest("1h") == "5m"
    kept.keep(BTC, "1m", 400, 800)
    assert kept.finest("1h") == "5m"
    assert kept.finest("1h", first=400) == "1m"
    assert kept.finest("1h", first=399) == "5m"
    kept.keep(BTC, "1m", 0, 400)
    assert kept.finest("1h") == "1m"


def test_candles_that_do_not_divide_the_longer_ones_are_none(kept: Kept) -> None:
    kept.keep(BTC, "5m", 0, 30)
    kept.keep(BTC, "3m", 0, 30)
    assert kept.finest("15m") == "3m"
    with pytest.raises(NoCandlesError, match="no candles finer than 5m cover BTC-USDT"):
        kept.finest("5m")


def test_longer_ones_need_not_be_kept(kept: Kept) -> None:
    kept.keep(BTC, "1m", 0, 30)
    assert kept.finest("4h") == "1m"


def test_one_timeframe_is_found_for_all_instruments(kept: Kept) -> None:
    for symbol in (BTC, ETH):
        kept.keep(symbol, "1h", 0, 30)
    kept.keep(BTC, "1m", 0, 30)
    kept.keep(ETH, "5m", 0, 30)
    assert kept.finest("1h", BTC, ETH) == "5m"
    assert kept.finest("1h", BTC) == "1m"


def test_what_is_missing_is_told_with_the_command_that_gets_it(kept: Kept) -> None:
    kept.keep(BTC, "1h", 0, 48)
    kept.keep(BTC, "1m", 6, 48)
    with pytest.raises(NoCandlesError) as refused:
        kept.finest("1h")
    assert str(refused.value) == (
        "no candles finer than 1h cover BTC-USDT from 2025-01-01 to 2025-01-03"
        " (kept: 1m from 2025-01-01T06:00 to 2025-01-03):"
        " fairlead candles fetch BTC-USDT --exchange okx --timeframe 1m --from 2025-01-01 --to 2025-01-03"
    )


def test_made_up_candles_cannot_be_fetched(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "sample")
    kept.keep(BTC, "1h", 0, 48)
    with pytest.raises(NoCandlesError, match="generate BTC-USDT --timeframe 1m --from 2025-01-01 --candles 2880"):
        kept.finest("1h")


def test_candles_of_a_file_come_from_a_file(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "imported")
    kept.keep(BTC, "1h", 0, 48)
    with pytest.raises(NoCandlesError, match="candles import FILE --symbol BTC-USDT --timeframe 1m"):
        kept.finest("1h")


def test_nothing_is_finer_than_a_minute(kept: Kept) -> None:
    kept.keep(BTC, "1m", 0, 3)
    with pytest.raises(ValueError, match="no candles are shorter than 1m: decide on longer ones"):
        kept.finest("1m")


def test_an_instrument_without_candles_in_that_time_is_named(kept: Kept) -> None:
    kept.keep(BTC, "1h", 0, 3)
    with pytest.raises(NoCandlesError, match="no candles of BTC-USDT 1h are kept in that time"):
        kept.finest("1h", first=10)
