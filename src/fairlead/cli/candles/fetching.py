"""`fairlead candles fetch`: from an exchange, without a key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.candles.options import opened_archive, series_name
from fairlead.cli.moments import moment_text, read_moment
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import EXIT_INTERRUPTED, EXIT_USAGE, StopError, program_name, say_rows, tell
from fairlead.cli.progress import progress_shown

if TYPE_CHECKING:
    from fairlead.market.candles.archive import CandleArchive, SeriesName
    from fairlead.market.candles.fetch import HistorySource
    from fairlead.market.candles.spans import Span

OKX: Final = "okx"
A_YEAR: Final = "1y"
PERPETUAL: Final = "-SWAP"


@dataclass(frozen=True, kw_only=True)
class FetchOptions(PrintOptions):
    """What to fetch, from where."""

    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL", help="Instruments, such as BTC-USDT.")]
    timeframe: Annotated[str, typer.Option(help="Length of a candle; longer ones are made of shorter ones.")] = "1m"
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="2025-01-31, or 90d for so long ago (UTC).")] = (
        A_YEAR
    )
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Until then; by default until now.")] = ""
    exchange: Annotated[str, typer.Option(help="Exchange: okx, or another as fairlead venue list has it.")] = OKX
    over_ccxt: Annotated[bool, typer.Option("--ccxt", help="Ask through ccxt, also where there is a better way.")] = (
        False
    )
    rest_url: Annotated[
        str, typer.Option(metavar="URL", help="Ask there, such as at fairlead simulate, instead of the exchange.")
    ] = ""
    again: Annotated[bool, typer.Option("--again", help="Ask again for what is there, and note what changed.")] = False
    funding: Annotated[bool, typer.Option("--funding", help="Fetch the funding rates of perpetuals, too.")] = False


def add_fetch(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "fetch",
        "fairlead candles fetch BTC-USDT ETH-USDT",
        "fairlead candles fetch BTC-USDT-SWAP --from 2024-01-01 --to 2025-01-01 --funding",
        "fairlead candles fetch BTC-USDT --exchange binance --timeframe 1h --from 5y",
    )(fetch)


def fetch(options: FetchOptions) -> None:
    """Fetch candles of the past from an exchange; no key is needed.

    Only what is not there yet is asked for. Stop it with Ctrl-C and start it again: it goes on where it was. What the
    exchange does not have is counted as missing, and never made up.
    """
    from fairlead.clock import SystemClock

    now_ms = SystemClock().now_ms()
    end_ms = read_moment("--to", options.end, now_ms) if options.end else now_ms
    span = (read_moment("--from", options.begin, now_ms), end_ms)
    if span[0] >= span[1]:
        raise StopError(f"--from {options.begin} is not before {options.end or 'now'}", EXIT_USAGE)
    with opened_archive(options, writes=True) as archive:
        names = [series_name(options.exchange, symbol, options.timeframe) for symbol in options.symbols]
        try:
            rows = asyncio.run(_fetch_all(options, archive, names, span))
        except KeyboardInterrupt:
            message = "stopped; what was fetched is kept, and the same command goes on from there"
            raise StopError(message, EXIT_INTERRUPTED) from None
    say_rows(rows, as_json=options.as_json, empty="")
    missing = [str(row["symbol"]) for row in rows if row["missing"]]
    if missing:
        tell(f"The exchange lacks candles of {', '.join(missing)}: {program_name()} candles check tells which")


async def _fetch_all(
    options: FetchOptions, archive: CandleArchive, names: list[SeriesName], span: Span
) -> list[dict[str, object]]:
    from fairlead.clock import SystemClock
    from fairlead.market.candles.fetch import FetchStoppedError
    from fairlead.wiring.candle_sources import HistoryPlace, NoHistoryError, open_history

    place = HistoryPlace(exchange=options.exchange, over_ccxt=options.over_ccxt, rest_url=options.rest_url)
    try:
        async with open_history(place, SystemClock()) as source:
            return [await _fetch_one(options, source, archive, name, span) for name in names]
    except (FetchStoppedError, NoHistoryError) as error:
        raise StopError(str(error)) from None


async def _fetch_one(
    options: FetchOptions, source: HistorySource, archive: CandleArchive, name: SeriesName, span: Span
) -> dict[str, object]:
    from fairlead.clock import SystemClock
    from fairlead.market.candles.checks import count_missing
    from fairlead.market.candles.fetch import fetch_candles
    from fairlead.market.candles.funding import fetch_funding

    if options.again:
        with archive.writing(name):
            archive.forget_fetched(name)
    with progress_shown(str(name)) as show:
        fetched = await fetch_candles(source, archive, name, span, SystemClock(), show)
    times = archive.times(name)
    times = times[(times >= fetched.span[0]) & (times < fetched.span[1])]
    row: dict[str, object] = {
        "exchange": name.exchange,
        "symbol": name.symbol,
        "timeframe": name.timeframe,
        "from": moment_text(int(times[0])) if len(times) else None,
        "to": moment_text(int(times[-1]) + name.length_ms) if len(times) else None,
        "candles": len(times),
        "new": fetched.added.new,
        "changed": fetched.added.changed,
        "missing": count_missing(times, name.length_ms),
    }
    if options.funding:
        row["funding_rates"] = 0
    if options.funding and name.symbol.endswith(PERPETUAL):
        folder = archive.root / name.exchange
        with progress_shown(f"funding rates of {name.symbol}") as show:
            row["funding_rates"] = await fetch_funding(source, folder, name.symbol, span, SystemClock(), show)
    return row
