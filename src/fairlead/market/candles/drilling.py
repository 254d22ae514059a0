"""Finds the finest candles that orders can be filled on, where decisions are made on longer ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.market.candles.archive import NoCandlesError, list_files, span_of
from fairlead.market.candles.load import best_timeframe
from fairlead.market.candles.spans import Span


def finest_timeframe(folders: Mapping[str, Path], timeframe: str, begin_ms: int = 0, end_ms: int = 0) -> str:
    """The shortest timeframe that divides this one and whose candles cover what candles of this one do.

    ``folders`` are those of the exchange, by symbol: one timeframe is found for all instruments. Looked at is
    [``begin_ms``, ``end_ms``); ``end_ms`` 0: to the end. Candles that are missing in between do not matter here, they
    are counted by whoever replays them.

    Raises:
        NoCandlesError: an instrument has no candles of this timeframe, or no finer ones cover them; the message says
            how to get some.
        CandleFileError: a file is damaged.
        ValueError: there are none that are shorter.
    """
    wanted_ms = TIMEFRAMES_MS[timeframe]
    finer = sorted((ms, name) for name, ms in TIMEFRAMES_MS.items() if ms < wanted_ms and wanted_ms % ms == 0)
    if not finer:
        raise ValueError(f"no candles are shorter than {timeframe}: decide on longer ones, such as --timeframe 1h")
    periods = {
        symbol: _period(folder / symbol, symbol, timeframe, (begin_ms, end_ms)) for symbol, folder in folders.items()
    }
    for _, name in finer:
        if all(_covers(folders[symbol] / symbol, name, periods[symbol]) for symbol in folders):
            return name
    shortest = finer[0][1]
    lacking = next(one for one in folders if not _covers(folders[one] / one, shortest, periods[one]))
    raise NoCandlesError(_advice(folders[lacking], lacking, (timeframe, shortest), periods[lacking]))


def _period(folder: Path, symbol: str, timeframe: str, asked: Span) -> Span:
    kept = best_timeframe(folder, timeframe)
    period = None if kept is None else span_of(folder / kept, kept, *asked)
    if period is None:
        raise NoCandlesError(f"no candles of {symbol} {timeframe} are kept in that time: fairlead candles list")
    return period


def _covers(folder: Path, timeframe: str, period: Span) -> bool:
    """Whether candles that a timeframe is loaded from are there from the beginning of a period to its end."""
    kept = best_timeframe(folder, timeframe)
    there = None if kept is None else span_of(folder / kept, kept)
    return there is not None and there[0] <= period[0] and period[1] <= there[1]


def _advice(folder: Path, symbol: str, timeframes: tuple[str, str], period: Span) -> str:
    timeframe, shortest = timeframes
    spans = {
        name: span_of(folder / symbol / name, name) for name in TIMEFRAMES_MS if list_files(folder / symbol / name)
    }
    finer = [
        f"{name} from {_text(span[0])} to {_text(span[1])}"
        for name, span in spans.items()
        if span is not None and TIMEFRAMES_MS[name] < TIMEFRAMES_MS[timeframe]
    ]
    begin, end = map(_text, period)
    return (
        f"no candles finer than {timeframe} cover {symbol} from {begin} to {end} (kept: {', '.join(finer) or 'none'}):"
        f" {_command(folder.name, symbol, shortest, period)}"
    )


def _command(exchange: str, symbol: str, timeframe: str, period: Span) -> str:
    """What gets candles of a period, from where those that are kept came."""
    begin, end = map(_text, period)
    match exchange:
        case "sample":
            count = (period[1] - period[0]) // TIMEFRAMES_MS[timeframe]
            return f"fairlead candles generate {symbol} --timeframe {timeframe} --from {begin} --candles {count}"
        case "imported":
            return f"fairlead candles import FILE --symbol {symbol} --timeframe {timeframe}"
        case _:
            told = f"--exchange {exchange} --timeframe {timeframe} --from {begin} --to {end}"
            return f"fairlead candles fetch {symbol} {told}"


def _text(at_ms: int) -> str:
    """UTC as ``--from`` takes it."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{moment:%Y-%m-%d}" if not at_ms % 86_400_000 else f"{moment:%Y-%m-%dT%H:%M}"
