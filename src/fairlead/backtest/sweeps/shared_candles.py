"""Candles in files that every worker maps: the machine keeps one copy, however many look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import numpy as np

from fairlead.market.candles.series import PRICES, CandleSeries

_LIST: Final = "candles.json"
_COLUMNS: Final = ("opened_ms", *PRICES, "volume")


class _Listed(msgspec.Struct, frozen=True):
    symbol: str
    timeframe: str
    tick: Decimal
    earlier: int = 0


@contextmanager
def shared_candles(market: Mapping[str, CandleSeries]) -> Iterator[Path]:
    """Write candles into a folder that is gone afterwards, and give the folder."""
    with TemporaryDirectory(prefix="fairlead-candles-") as name:
        folder = Path(name)
        listed = [_Listed(one.symbol, one.timeframe, one.tick, one.earlier) for one in market.values()]
        for number, series in enumerate(market.values()):
            whole = series.with_earlier(series.earlier)
            for column in _COLUMNS:
                np.save(folder / f"{number}-{column}.npy", getattr(whole, column))
        (folder / _LIST).write_bytes(msgspec.json.encode(listed))
        yield folder


def open_candles(folder: Path) -> dict[str, CandleSeries]:
    """Map the candles of a folder: nothing is read before it is looked at, and what is written stays with the writer.

    Raises:
        OSError: they are not there.
    """
    listed = msgspec.json.decode((folder / _LIST).read_bytes(), type=list[_Listed])
    market = {}
    for number, one in enumerate(listed):
        columns = {name: np.load(folder / f"{number}-{name}.npy", mmap_mode="c") for name in _COLUMNS}
        whole = CandleSeries(
            symbol=one.symbol,
            timeframe=one.timeframe,
            tick=one.tick,
            opened_ms=columns["opened_ms"],
            prices={name: columns[name] for name in PRICES},
            volume=columns["volume"],
        )
        market[one.symbol] = whole.slice(one.earlier, len(whole)) if one.earlier else whole
    return market


def candles_key(market: Mapping[str, CandleSeries]) -> str:
    """The same text for the same candles, another for others."""
    digest = blake2b(digest_size=16)
    for symbol in sorted(market):
        series = market[symbol]
        digest.update(f"{symbol} {series.timeframe} {series.tick.normalize()} {len(series)}\n".encode())
        whole = series.with_earlier(series.earlier)
        for column in _COLUMNS:
            digest.update(getattr(whole, column).data)
    return digest.hexdigest()
