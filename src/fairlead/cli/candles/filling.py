"""`fairlead candles import` and `generate`: candles from a file, or from a seed where there is no network."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.candles.options import SAMPLE, opened_archive, series_name
from fairlead.cli.moments import moment_text, read_moment
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import EXIT_USAGE, StopError, program_name, say_facts, say_rows, tell

if TYPE_CHECKING:
    from fairlead.market.candles.archive import Added, CandleArchive, SeriesName
    from fairlead.market.candles.table import CandleTable


@dataclass(frozen=True, kw_only=True)
class ImportOptions(PrintOptions):
    """Which files, and what is in them."""

    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Files that end in .csv or .parquet.")]
    symbol: Annotated[str, typer.Option(help="Instrument, such as BTC-USDT.")]
    timeframe: Annotated[str, typer.Option(help="Length of a candle; by default the usual distance of rows.")] = ""
    exchange: Annotated[str, typer.Option(help="Of which exchange they are; any name will do.")] = "imported"


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(PrintOptions):
    """What to make up."""

    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Instrument, such as BTC-USDT.")]
    candles: Annotated[int, typer.Option(help="How many; the default is a year of minutes.", min=1)] = 525_600
    timeframe: Annotated[str, typer.Option(help="Length of a candle.")] = "1m"
    seed: Annotated[int, typer.Option(help="The same seed makes the same candles.", min=0)] = 7
    price: Annotated[str, typer.Option(help="Where it begins.")] = "60000"
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="When it begins (UTC).")] = "2025-01-01"


def add_filling(app: typer.Typer) -> None:
    """Hang the commands into the command line."""
    add_command(
        app,
        "import",
        "fairlead candles import BTCUSDT-1m-2025-*.csv --symbol BTC-USDT --exchange binance",
        "fairlead candles import export.parquet --symbol ETH-USDT --timeframe 1h",
    )(import_files)
    add_command(
        app,
        "generate",
        "fairlead candles generate BTC-USDT",
        "fairlead candles generate ETH-USDT --seed 3 --price 3000 --candles 100000",
    )(generate)


def import_files(options: ImportOptions) -> None:
    """Take candles from CSV or Parquet files, such as those of Binance, TradingView or freqtrade.

    Columns are found by their usual names. Rows in another order are sorted, and rows that are there twice are taken
    once; a file with a row that contradicts itself or another one is refused. Prices are taken as they are written.
    """
    with opened_archive(options, writes=True) as archive:
        rows = [_import_file(options, archive, file) for file in options.files]
    say_rows(rows, as_json=options.as_json, empty="")
    if any(row["missing"] for row in rows):
        tell(f"Candles are missing in between: {program_name()} candles check {options.symbol} tells which")


def _import_file(options: ImportOptions, archive: CandleArchive, file: Path) -> dict[str, object]:
    from fairlead.market.candles.column_reading import FileFaultError
    from fairlead.market.candles.importing import find_timeframe, read_candle_file, require_sound

    try:
        read = read_candle_file(file)
        name = series_name(options.exchange, options.symbol, options.timeframe or find_timeframe(read.table))
        require_sound(read.table, name.timeframe)
    except FileFaultError as error:
        raise StopError(f"{file.name}: {error}") from None
    with archive.writing(name):
        added = archive.add(name, read.table, source=f"file {file.name}")
    columns = {"columns": dict(read.columns)} if options.as_json else {}
    return {"file": file.name, **_row(name, read.table, added), **columns}


def generate(options: GenerateOptions) -> None:
    """Make up candles from a seed, for a first backtest without a network.

    Prices move at random, calm and wild by turns; nothing can be learned from a profit on them. They are kept under the
    exchange `sample`.
    """
    begin_ms = read_moment("--from", options.begin, 0)
    name = series_name(SAMPLE, options.symbol, options.timeframe)
    with opened_archive(options, writes=True) as archive:
        from fairlead.core.model.money import AmountError, parse_amount
        from fairlead.market.candles.generate import generate_series
        from fairlead.market.candles.load import table_of_series

        try:
            price: Decimal = parse_amount(options.price)
            made = generate_series(
                options.symbol,
                candles=options.candles,
                seed=options.seed,
                timeframe=options.timeframe,
                start_price=price,
                begin_ms=begin_ms,
            )
        except (AmountError, ValueError) as error:
            raise StopError(str(error), EXIT_USAGE) from None
        table = table_of_series(made)
        with archive.writing(name):
            added = archive.add(name, table, source=f"seed {options.seed}")
    say_facts(_row(name, table, added), as_json=options.as_json)


def _row(name: SeriesName, table: CandleTable, added: Added) -> dict[str, object]:
    from fairlead.market.candles.checks import count_missing
    from fairlead.market.candles.table import distinct

    disordered = int((table.opened_ms[1:] < table.opened_ms[:-1]).sum())
    times = distinct(table.opened_ms)
    return {
        "exchange": name.exchange,
        "symbol": name.symbol,
        "timeframe": name.timeframe,
        "from": moment_text(int(times[0])),
        "to": moment_text(int(times[-1]) + name.length_ms),
        "rows": len(table),
        "new": added.new,
        "changed": added.changed,
        "same": added.same,
        "twice": len(table) - len(times),
        "out_of_order": disordered,
        "missing": count_missing(times, name.length_ms),
    }
