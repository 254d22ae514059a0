"""`fairlead backtest report` and `compare`: runs that are kept, looked at again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.backtest.archive_rows import archive_folder, archive_row
from fairlead.cli.candles.options import candles_folder
from fairlead.cli.extras import backtest_extra
from fairlead.cli.options import Options, PrintOptions, add_command
from fairlead.cli.output import StopError, say, say_json, tell

if TYPE_CHECKING:
    from fairlead.backtest.kept.archive import RunHeader
    from fairlead.market.candles.series import CandleSeries


class TableFormat(StrEnum):
    """What other programs read."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


@dataclass(frozen=True, kw_only=True)
class ReportOptions(PrintOptions):
    """Which run, and where to."""

    run_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a backtest, the beginning of one, or last.")]
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page here; by default beside the run.")
    ] = None
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write fills, deals and equity as files into this folder.")
    ] = None
    kind: Annotated[TableFormat, typer.Option("--format", help="Which files --export writes.")] = TableFormat.CSV


@dataclass(frozen=True, kw_only=True)
class CompareOptions(PrintOptions):
    """Two runs."""

    first: Annotated[str, typer.Argument(metavar="A", help="Id of a backtest, or last.")]
    second: Annotated[str, typer.Argument(metavar="B", help="Id of another.")]
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a page with both curves.")] = None


def add_reporting(app: typer.Typer) -> None:
    """Hang the commands into the command line."""
    add_command(
        app,
        "report",
        "fairlead backtest report last",
        "fairlead backtest report 3f9a --out dip.html",
        "fairlead backtest report 3f9a --export tables --format parquet",
    )(report)
    add_command(
        app, "compare", "fairlead backtest compare 3f9a last", "fairlead backtest compare 3f9a b02c --out both.html"
    )(compare)


def report(options: ReportOptions) -> None:
    """Write the report of a backtest that is kept, and its tables for other programs."""
    with backtest_extra():
        from msgspec.structs import replace

        from fairlead.backtest.kept.archive import REPORT_NAME, ArchiveError, load_header, load_result
        from fairlead.backtest.kept.exports import ExportFormat, export_result
        from fairlead.backtest.report.page import write_report

        folder = archive_folder(options)
        try:
            header = load_header(folder, options.run_id)
            result = load_result(folder, header)
            market, notes = _find_candles(options, header)
            around = replace(header.around, notes=(*header.around.notes, *notes))
            path = options.out or folder / header.run_id / REPORT_NAME
            write_report(path, result, header.statistics, market, around)
            files = [path]
            if options.export is not None:
                kind = ExportFormat(options.kind.value)
                files += export_result(options.export, result, header.statistics, kind)
        except (ArchiveError, OSError) as error:
            raise StopError(str(error)) from error
    if options.as_json:
        say_json({**archive_row(header), "files": [str(file) for file in files]})
        return
    for note in notes:
        tell(f"mind: {note}")
    for file in files:
        say(str(file))


def compare(options: CompareOptions) -> None:
    """Show two backtests side by side: what was asked otherwise, and what came of it."""
    with backtest_extra():
        from fairlead.backtest.kept.archive import ArchiveError, load_header, load_result
        from fairlead.backtest.report.comparing import compare_figures, compare_specs, pair_lines
        from fairlead.backtest.report.page import Compared, write_comparison

        folder = archive_folder(options)
        try:
            headers = [load_header(folder, name) for name in (options.first, options.second)]
            sides = [(header.spec, header.statistics) for header in headers]
            asked, figures = compare_specs(sides[0][0], sides[1][0]), compare_figures(sides[0], sides[1])
            if options.out is not None:
                runs = [
                    Compared(run_id=header.run_id, result=load_result(folder, header), statistics=header.statistics)
                    for header in headers
                ]
                write_comparison(options.out, runs[0], runs[1], figures, asked)
        except (ArchiveError, OSError) as error:
            raise StopError(str(error)) from error
    if options.as_json:
        told = {
            name: {pair.label: [pair.first, pair.second] for pair in pairs}
            for name, pairs in (("asked", asked), ("figures", figures))
        }
        say_json({"runs": [archive_row(header) for header in headers], **told})
        return
    heads = (headers[0].run_id, headers[1].run_id)
    lines = pair_lines(asked, heads) if asked else ["the same was asked of other candles, or of the same run"]
    say("\n".join([*lines, "", *pair_lines(figures, heads)]))
    if options.out is not None:
        tell(f"written: {options.out}")


def _find_candles(options: Options, header: RunHeader) -> tuple[Mapping[str, CandleSeries], tuple[str, ...]]:
    """The candles of a run as far as they are still kept, and what is to be said of them."""
    from fairlead.backtest.kept.archive import candles_digest
    from fairlead.market.candles.load import load_window

    folder, spec = candles_folder(options) / header.around.exchange, header.spec
    market: dict[str, CandleSeries] = {}
    notes = []
    for symbol, digest in header.candles_of.items():
        try:
            span, earlier = (spec.begin_ms, spec.end_ms), header.earlier.get(symbol, 0)
            series = load_window(folder, symbol, spec.replayed_timeframe, span, earlier)
        except ValueError:
            notes.append(f"the candles of {symbol} are not kept any more, so there is no chart of prices.")
            continue
        if candles_digest(series) != digest:
            notes.append(f"the candles of {symbol} have changed since this run: its orders may not fit the chart.")
        market[symbol] = series
    return market, tuple(notes)
