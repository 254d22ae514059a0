# ruff: noqa: INP001 (a script, not a package)
"""Measure candles: made up, kept, read, joined, imported and checked, for a year of minutes.

Run it as ``.venv/bin/python bench/candles.py``. Each line is the best of some runs, in milliseconds, within one process
that has loaded its libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl
from stage import CLOCK, describe_machine, say, scratch_folder

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.market.candles.archive import CandleArchive, SeriesName
from fairlead.market.candles.checks import check_table
from fairlead.market.candles.generate import YEAR_OF_MINUTES, generate_series
from fairlead.market.candles.importing import read_candle_file, require_sound
from fairlead.market.candles.load import load_series, series_of, table_of_series
from fairlead.market.candles.resample import resample

RUNS: Final = 5
NAME: Final = SeriesName("sample", "BTC-USDT", "1m")


def measure(what: str, work: Callable[[], object]) -> None:
    """Print one line."""
    best = min(_seconds(work) for _ in range(RUNS))
    say(f"{what:<52}{best * 1000:>9.1f} ms{YEAR_OF_MINUTES / best / 1e6:>9.1f} M candles/s")


def _seconds(work: Callable[[], object]) -> float:
    begun = CLOCK.monotonic_s()
    work()
    return CLOCK.monotonic_s() - begun


def main() -> None:
    """Print the table."""
    say(describe_machine())
    with scratch_folder() as scratch:
        folder = Path(scratch)
        made = generate_series("BTC-USDT", candles=YEAR_OF_MINUTES, seed=7)
        table, archive = table_of_series(made), CandleArchive(folder)
        measure("make up a year of minutes", lambda: generate_series("BTC-USDT", candles=YEAR_OF_MINUTES, seed=7))
        archive.add(NAME, table, source="bench")
        measure("add it to the archive, where it is already", lambda: archive.add(NAME, table, source="bench"))
        measure("read it as a series", lambda: load_series(folder / NAME.exchange, NAME.symbol, "1m"))
        measure("read it as a series of hours", lambda: load_series(folder / NAME.exchange, NAME.symbol, "1h"))
        measure("make hours of it in memory", lambda: resample(made, "1h"))
        measure("make a series of a table", lambda: series_of(table, NAME.symbol, "1m"))
        measure("check it", lambda: check_table(table, TIMEFRAMES_MS["1m"]))
        file = folder / "year.csv"
        _write_csv(file, archive)
        measure("read and check a CSV file of it", lambda: require_sound(read_candle_file(file).table, "1m"))
        size = sum(path.stat().st_size for path in archive.files(NAME))
        say(f"size: {size / 1e6:.1f} MB as Parquet, {file.stat().st_size / 1e6:.1f} MB as CSV")


def _write_csv(file: Path, archive: CandleArchive) -> None:
    pl.concat([pl.read_parquet(path) for path in archive.files(NAME)]).write_csv(file)


if __name__ == "__main__":
    main()
