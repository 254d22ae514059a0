"""`fairlead candles check`: what is wrong with candles, and when."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.candles.options import opened_archive, require_timeframe, series_name
from fairlead.cli.moments import moment_text
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say, say_json, table_lines

if TYPE_CHECKING:
    from fairlead.market.candles.archive import CandleArchive
    from fairlead.market.candles.checks import Finding
    from fairlead.market.candles.table import CandleTable

LISTED_MAX: Final = 20
"""So many of each kind are printed; --json has them all."""


@dataclass(frozen=True, kw_only=True)
class CheckOptions(PrintOptions):
    """What to look at, and how closely."""

    target: Annotated[str, typer.Argument(metavar="SYMBOL|FILE", help="An instrument, or a .csv or .parquet file.")]
    timeframe: Annotated[str, typer.Option(help="Length of a candle; by default 1m, or what a file has.")] = ""
    exchange: Annotated[str, typer.Option(help="Of which exchange, where there are several.")] = ""
    tick: Annotated[str, typer.Option(help="Price step that every price should keep to.")] = ""
    jump: Annotated[str, typer.Option(metavar="PERCENT", help="Tell closes so far from the one before.")] = "10"


def add_check(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "check",
        "fairlead candles check BTC-USDT --tick 0.1",
        "fairlead candles check BTC-USDT --timeframe 1h --exchange okx --jump 5 --json",
        "fairlead candles check download.csv      before it is imported",
    )(check)


def check(options: CheckOptions) -> None:
    """Look for gaps, doubles, wrong order, wrong prices, jumps and minutes without trade; nothing is changed.

    Exit code 1: something was found. A backtest never fills a gap: nothing happens in it.
    """
    with opened_archive(options) as archive:
        from fairlead.core.model.conditions import TIMEFRAMES_MS
        from fairlead.market.candles.checks import check_table

        table, timeframe = _read(options, archive)
        tick = _amount("--tick", options.tick) if options.tick else None
        jump = _amount("--jump", options.jump)
        found = check_table(table, TIMEFRAMES_MS[timeframe], tick=tick, jump_percent=jump)
    if options.as_json:
        say_json({"candles": len(table), "timeframe": timeframe, "findings": [_plain(one) for one in found]})
    else:
        _say_findings(found)
        say(f"{len(table)} candles of {timeframe}: {len(found) or 'nothing'} found")
    if found:
        raise StopError(f"{len(found)} findings: a backtest over them tells what it can, no more")


def _read(options: CheckOptions, archive: CandleArchive) -> tuple[CandleTable, str]:
    from fairlead.market.candles.column_reading import FileFaultError
    from fairlead.market.candles.importing import SUFFIXES, find_timeframe, read_candle_file
    from fairlead.market.candles.load import exchange_folder

    path = Path(options.target)
    if path.suffix.lower() in SUFFIXES:
        try:
            table = read_candle_file(path).table
            timeframe = options.timeframe or find_timeframe(table)
        except FileFaultError as error:
            raise StopError(f"{path.name}: {error}") from None
        return table, require_timeframe(timeframe)
    timeframe = require_timeframe(options.timeframe or "1m")
    folder = exchange_folder(archive.root, options.target, options.exchange)
    return archive.read(series_name(folder.name, options.target, timeframe)), timeframe


def _amount(option: str, text: str) -> Decimal:
    from fairlead.core.model.money import ZERO, AmountError, parse_amount

    try:
        value = parse_amount(text)
    except AmountError as error:
        raise StopError(f"{option}: {error}", EXIT_USAGE) from None
    if value <= ZERO:
        raise StopError(f"{option}: {text} is not above zero", EXIT_USAGE)
    return value


def _plain(finding: Finding) -> dict[str, object]:
    return {
        "fault": finding.fault.value,
        "begin_ms": finding.begin_ms,
        "end_ms": finding.end_ms,
        "candles": finding.candles,
        "text": finding.text,
    }


def _say_findings(found: list[Finding]) -> None:
    shown: Counter[str] = Counter()
    rows: list[dict[str, object]] = []
    for one in found:
        shown[one.fault] += 1
        if shown[one.fault] <= LISTED_MAX:
            begin, end = moment_text(one.begin_ms), moment_text(one.end_ms)
            rows.append({"what": one.fault.value, "from": begin, "to": end, "candles": one.candles, "": one.text})
    if rows:
        say("\n".join(table_lines(rows)))
    for fault, count in shown.items():
        if count > LISTED_MAX:
            say(f"and {count - LISTED_MAX} more: {fault}")
