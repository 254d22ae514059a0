"""What replays take from the archive: a series as arrays, made of shorter candles where only those are kept."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.market.candles.archive import NoCandlesError, list_files, read_folder, require_name
from fairlead.market.candles.parquet import SUFFIX
from fairlead.market.candles.resample import resample
from fairlead.market.candles.series import CandleSeries
from fairlead.market.candles.spans import Span
from fairlead.market.candles.table import CandleTable, decimals_of


def exchange_folder(root: Path, symbol: str, exchange: str = "") -> Path:
    """The folder of the exchange whose candles of an instrument are meant: the named one, or the only one.

    Raises:
        NoCandlesError: there is none, or more than one and none is named.
    """
    require_name(symbol)
    found = sorted(path.parent for path in root.glob(f"*/{symbol}") if any(path.glob(f"*/*{SUFFIX}")))
    chosen = [path for path in found if path.name == exchange] if exchange else found
    if not chosen:
        place = f" of {exchange}" if exchange else ""
        raise NoCandlesError(
            f"no candles of {symbol}{place} are kept: fairlead candles fetch {symbol}, or generate {symbol}"
        )
    if len(chosen) > 1:
        names = ", ".join(path.name for path in chosen)
        raise NoCandlesError(f"candles of {symbol} are kept of {names}: say which with --exchange")
    return chosen[0]


def load_series(
    folder: Path, symbol: str, timeframe: str, tick: Decimal | None = None, begin_ms: int = 0, end_ms: int = 0
) -> CandleSeries:
    """Read candles that lie in [``begin_ms``, ``end_ms``) from the folder of an exchange; ``end_ms`` 0: to the end.

    The tick is as fine as the finest price in the data and as ``tick``: venues change their tick sizes. Where the
    timeframe is not kept, candles are made of the longest ones that are and fit, from complete ones only.

    Raises:
        NoCandlesError: none are kept, or none in that time.
        CandleFileError: a file is damaged.
        ValueError: the candles are none: out of order, twice, or with a high below a low. ``fairlead candles check``
            names them.
    """
    kept = best_timeframe(folder / symbol, timeframe)
    if kept is None:
        raise NoCandlesError(f"no candles of {symbol} are kept that {timeframe} could be made of")
    length_ms = TIMEFRAMES_MS[kept]
    table = read_folder(folder / symbol / kept, kept, begin_ms, end_ms)
    if table is not None and end_ms:
        table = table.between(begin_ms, end_ms - length_ms + 1)
    if table is None or not len(table):
        raise NoCandlesError(f"no candles of {symbol} {timeframe} are kept between {begin_ms} and {end_ms or 'now'}")
    series = series_of(table, symbol, kept, tick)
    return series if kept == timeframe else resample(series, timeframe)


def load_window(folder: Path, symbol: str, timeframe: str, span: Span, earlier: int) -> CandleSeries:
    """Candles of a span, as ``load_series`` reads them, that know so many earlier ones, as far as those are kept.

    Raises:
        NoCandlesError: none are kept, or none in that time.
        ValueError: as ``load_series``.
    """
    begin_ms, end_ms = span
    if not earlier or not begin_ms:
        return load_series(folder, symbol, timeframe, None, begin_ms, end_ms)
    reach_ms = earlier * TIMEFRAMES_MS[timeframe]
    whole = load_series(folder, symbol, timeframe, None, max(0, begin_ms - reach_ms), end_ms)
    first = int(np.searchsorted(whole.opened_ms, begin_ms))
    if first < earlier and begin_ms > reach_ms:
        # Where some are missing, so many reach back farther.
        whole = load_series(folder, symbol, timeframe, None, 0, end_ms)
        first = int(np.searchsorted(whole.opened_ms, begin_ms))
    if first == len(whole):
        raise NoCandlesError(f"no candles of {symbol} {timeframe} are kept between {begin_ms} and {end_ms or 'now'}")
    return whole.slice(first, len(whole), earlier_max=earlier)


def series_of(table: CandleTable, symbol: str, timeframe: str, tick: Decimal | None = None) -> CandleSeries:
    """A table as a series whose tick is a power of ten.

    Raises:
        ValueError: it is none.
    """
    fine = table.with_decimals(max(table.decimals, decimals_of(tick) if tick is not None else 0))
    return CandleSeries(
        symbol=symbol,
        timeframe=timeframe,
        tick=fine.step,
        opened_ms=fine.opened_ms,
        prices=fine.prices,
        volume=fine.volume,
    )


def table_of_series(series: CandleSeries) -> CandleTable:
    """A series as a table, for the archive."""
    decimals = decimals_of(series.tick)
    factor = int(series.tick.scaleb(decimals))
    prices = {name: getattr(series, name) * np.int64(factor) for name in ("open", "high", "low", "close")}
    return CandleTable(series.opened_ms, prices, decimals, series.volume)


def best_timeframe(folder: Path, timeframe: str) -> str | None:
    """The longest candles in the folder of an instrument that those of a timeframe are, or are made of."""
    wanted_ms = TIMEFRAMES_MS[timeframe]
    longest_first = sorted(TIMEFRAMES_MS.items(), key=lambda item: -item[1])
    fitting = (name for name, length_ms in longest_first if wanted_ms % length_ms == 0)
    return next((name for name in fitting if list_files(folder / name)), None)
