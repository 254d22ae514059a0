"""Runs that are kept: a folder each, named by what was replayed, so that the same run has the same name.

Fills, deals and statistics are exact; curves are kept to nine digits of the cash, which is what a chart needs.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from fairlead.backtest.measures.statistics import Statistics
from fairlead.backtest.packing import FAST, pack_steps, to_units, unpack_steps
from fairlead.backtest.report.words import Surroundings
from fairlead.backtest.result import BacktestResult, Curve, DealRow, Denial, Fill, OrderSpan
from fairlead.backtest.spec import BacktestSpec
from fairlead.market.candles.series import PRICES, CandleSeries, Floats
from fairlead.store.private_files import make_private_folder, write_private_file

FOLDER: Final = "backtests"
"""Name of the folder of all runs in a data folder."""
NEWEST: Final = "last"
"""Names the newest run, wherever one is asked for."""
REPORT_NAME: Final = "report.html"
_ID_BYTES: Final = 6
_HEADER: Final = "run.json"
_ROWS: Final = "rows.bin"
_CURVES: Final = "curves.bin"
_DIGITS: Final = 9


class ArchiveError(ValueError):
    """A run that is not there, or cannot be read; the text says which and what to do."""


class RunHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of a run; ``made_ms`` is when it was made, ``candles_of`` each symbol's digest of its candles.

    ``earlier`` says how many candles from before the first one its conditions knew; the digest has them, too. ``unit``
    is what curves are kept in, ``around`` what its report says besides.
    """

    run_id: str
    made_ms: int
    spec: BacktestSpec
    candles_of: dict[str, str]
    statistics: Statistics
    candles: int
    begin_ms: int
    end_ms: int
    cash_end: Decimal
    equity_end: Decimal
    decisions: int
    unit: float
    around: Surroundings = Surroundings()
    earlier: dict[str, int] = {}


class _Rows(msgspec.Struct, frozen=True):
    fills: Sequence[Fill]
    deals: Sequence[DealRow]
    denials: Sequence[Denial]
    orders: Sequence[OrderSpan]


class _Curves(msgspec.Struct, frozen=True):
    at_ms: bytes
    equity: bytes
    held: bytes
    hold: bytes


def run_id(spec: BacktestSpec, digests: Mapping[str, str]) -> str:
    """Twelve hex characters of what was asked and the candles it was asked of (see ``candles_digest``)."""
    digest = blake2b(msgspec.json.encode(spec, order="deterministic"), digest_size=_ID_BYTES)
    digest.update(msgspec.json.encode(dict(digests), order="deterministic"))
    return digest.hexdigest()


def candles_digest(series: CandleSeries) -> str:
    """What tells these candles, and those that are known from before them, from any others; as hex."""
    about = f"{series.symbol} {series.timeframe} {series.tick}"
    digest = blake2b((f"{about} after {series.earlier}" if series.earlier else about).encode(), digest_size=16)
    whole = series.with_earlier(series.earlier)
    for column in (whole.opened_ms, *(getattr(whole, name) for name in PRICES)):
        digest.update(column)
    return digest.hexdigest()


def make_header(
    result: BacktestResult,
    statistics: Statistics,
    market: Mapping[str, CandleSeries],
    *,
    made_ms: int,
    around: Surroundings | None = None,
) -> RunHeader:
    """What is kept of a run beside its rows and curves; ``market`` is what it replayed, by symbol."""
    digests = {symbol: candles_digest(series) for symbol, series in market.items()}
    own_id = run_id(result.spec, digests)
    return RunHeader(
        run_id=own_id,
        made_ms=made_ms,
        spec=result.spec,
        candles_of=digests,
        statistics=statistics,
        candles=result.candles,
        begin_ms=result.begin_ms,
        end_ms=result.end_ms,
        cash_end=result.cash_end,
        equity_end=result.equity_end,
        decisions=result.decisions,
        unit=10.0 ** (math.floor(math.log10(float(result.spec.cash))) + 1 - _DIGITS),
        around=msgspec.structs.replace(around or Surroundings(), run_id=own_id),
        earlier={symbol: series.earlier for symbol, series in market.items() if series.earlier},
    )


def save_result(folder: Path, header: RunHeader, result: BacktestResult) -> Path:
    """Keep a run below the folder of all runs; returns its own folder. One that is there already is written anew.

    Raises:
        OSError: it cannot be written.
    """
    own = folder / header.run_id
    make_private_folder(own)
    # A folder without a header is no run: it is written last.
    (own / _HEADER).unlink(missing_ok=True)
    rows = _Rows(result.fills, result.deals, result.denials, result.orders)
    curves = _Curves(
        at_ms=pack_steps(result.equity.at_ms),
        equity=_pack(result.equity.values, header.unit),
        held=_pack(result.held_value, header.unit),
        hold=_pack(result.hold, header.unit),
    )
    write_private_file(own / _ROWS, zlib.compress(msgspec.msgpack.encode(rows), FAST))
    write_private_file(own / _CURVES, msgspec.msgpack.encode(curves))
    write_private_file(own / _HEADER, msgspec.json.encode(header))
    return own


def load_header(folder: Path, name: str) -> RunHeader:
    """The run of this id, of an id that begins so, or the newest (``last``).

    Raises:
        ArchiveError: there is none, there are several, or it cannot be read.
    """
    if name == NEWEST:
        newest = next(list_headers(folder), None)
        if newest is None:
            raise ArchiveError(f"no backtest is kept in {folder}: make one with fairlead backtest run")
        return newest
    found = [path for path in _folders(folder) if path.name.startswith(name)]
    if len(found) != 1:
        several = f"several backtests begin with {name}" if found else f"no backtest {name} is kept"
        raise ArchiveError(f"{several} in {folder}: see fairlead backtest list")
    return _read_header(found[0])


def list_headers(folder: Path) -> Iterator[RunHeader]:
    """Every run that is kept and can be read, the newest first."""
    known = []
    for path in _folders(folder):
        try:
            known.append(_read_header(path))
        except ArchiveError:
            # Written by another version, perhaps: no reason to hide the others.
            continue
    yield from sorted(known, key=lambda header: header.made_ms, reverse=True)


def load_result(folder: Path, header: RunHeader) -> BacktestResult:
    """A run as it was, its curves to nine digits.

    Raises:
        ArchiveError: it cannot be read.
    """
    own = folder / header.run_id
    try:
        rows = msgspec.msgpack.decode(zlib.decompress((own / _ROWS).read_bytes()), type=_Rows)
        curves = msgspec.msgpack.decode((own / _CURVES).read_bytes(), type=_Curves)
        at_ms = unpack_steps(curves.at_ms)
        equity, held, hold = (_unpack(packed, header.unit) for packed in (curves.equity, curves.held, curves.hold))
    except (OSError, ValueError, zlib.error) as error:
        raise ArchiveError(f"backtest {header.run_id} cannot be read ({error}): run it again") from error
    return BacktestResult(
        spec=header.spec,
        candles=header.candles,
        begin_ms=header.begin_ms,
        end_ms=header.end_ms,
        missing=header.statistics.missing,
        fills=rows.fills,
        deals=rows.deals,
        equity=Curve(at_ms, equity),
        held_value=held,
        make_hold=lambda: hold,
        cash_end=header.cash_end,
        equity_end=header.equity_end,
        funding=header.statistics.costs.funding,
        denials=rows.denials,
        orders=rows.orders,
        decisions=header.decisions,
        is_liquidated=header.statistics.is_liquidated,
    )


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if (path / _HEADER).is_file())


def _read_header(own: Path) -> RunHeader:
    try:
        return msgspec.json.decode((own / _HEADER).read_bytes(), type=RunHeader)
    except (OSError, msgspec.MsgspecError) as error:
        raise ArchiveError(f"backtest {own.name} cannot be read ({error}): run it again") from error


def _unpack(packed: bytes, unit: float) -> Floats:
    return unpack_steps(packed).astype(np.float64) * unit


def _pack(values: Floats, unit: float) -> bytes:
    return pack_steps(to_units(values, unit))
