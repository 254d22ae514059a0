"""Candles on disk: ``<root>/<exchange>/<symbol>/<timeframe>/2025-01.parquet``, with ``series.json`` beside the files.

A file holds the candles of one month, of one year where a candle lasts an hour or more; it is replaced as a whole.
``series.json`` says where they came from and which times were asked for. It is written after the candles: what died in
between asks again for what it already has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.market.candles.manifest import Manifest, only_writer, read_manifest, write_manifest
from fairlead.market.candles.parquet import SUFFIX, read_tables, read_times, write_table
from fairlead.market.candles.series import Ticks
from fairlead.market.candles.spans import Span, join_spans
from fairlead.market.candles.table import CandleTable, distinct, join_tables

HOUR_MS: Final = 3_600_000
_FAR_MS: Final = 2**62
_NAME: Final = re.compile(r"[^\W_][\w.+-]{0,63}")


class NoCandlesError(ValueError):
    """Nothing of the kind is kept; the text says what there is."""


class SeriesName(msgspec.Struct, frozen=True, order=True):
    """Which candles: of which exchange, or ``sample`` for made-up ones; symbol as fairlead names it.

    Raises:
        NoCandlesError: a name that could not be that of a folder.
        ValueError: a timeframe that is not known.
    """

    exchange: str
    symbol: str
    timeframe: str

    def __post_init__(self) -> None:
        """Refuse names that would lead elsewhere."""
        require_name(self.exchange)
        require_name(self.symbol)
        if self.timeframe not in TIMEFRAMES_MS:
            raise ValueError(f"timeframe {self.timeframe!r} is none of {', '.join(TIMEFRAMES_MS)}")

    @property
    def length_ms(self) -> int:
        """How long a candle lasts."""
        return TIMEFRAMES_MS[self.timeframe]

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.symbol} {self.timeframe} of {self.exchange}"


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What came of rows that were added: ``changed`` replaced others of the same time, ``same`` were there already."""

    new: int = 0
    changed: int = 0
    same: int = 0

    def __add__(self, other: Added) -> Added:
        return Added(new=self.new + other.new, changed=self.changed + other.changed, same=self.same + other.same)


class CandleArchive:
    """All series below one folder; one process at a time may add to a series, any number may read."""

    def __init__(self, root: Path) -> None:
        """Look at a folder, which need not exist yet."""
        self.root = root

    def names(self) -> list[SeriesName]:
        """Every series that has candles, in order."""
        found = {path.parent.parts[-3:] for path in self.root.glob(f"*/*/*/*{SUFFIX}")}
        ours = (parts for parts in found if parts[2] in TIMEFRAMES_MS and all(map(_NAME.fullmatch, parts[:2])))
        return sorted(SeriesName(*parts) for parts in ours)

    def folder(self, name: SeriesName) -> Path:
        """Where the files of a series are."""
        return self.root / name.exchange / name.symbol / name.timeframe

    def files(self, name: SeriesName) -> list[Path]:
        """The files of a series, oldest first."""
        return list_files(self.folder(name))

    def manifest(self, name: SeriesName) -> Manifest:
        """What is known of a series; an empty one where there is none.

        Raises:
            CandleFileError: the file is damaged.
        """
        return read_manifest(self.folder(name))

    def writing(self, name: SeriesName) -> AbstractContextManager[None]:
        """Be the only one who adds to a series; ``SeriesBusyError`` where somebody else is."""
        return only_writer(self.folder(name), str(name))

    def forget_fetched(self, name: SeriesName) -> None:
        """Forget which times were asked for, so that all are asked for again; candles stay. Only within ``writing``.

        Raises:
            CandleFileError: what is known of the series is damaged.
            OSError: the disk refused.
        """
        known = self.manifest(name)
        write_manifest(self.folder(name), known, msgspec.structs.replace(known, fetched=()))

    def add(self, name: SeriesName, table: CandleTable, *, source: str, fetched: Span = (0, 0)) -> Added:
        """Put rows among those that are there, in order of time; a row for the same time replaces the older one.

        ``fetched`` is what was asked for, whether there were candles or not. Only within ``writing``.

        Raises:
            PriceDigitsError: a price has too many digits.
            OSError: the disk refused.
        """
        folder, added = self.folder(name), Added()
        known = self.manifest(name)
        tick = known.tick
        units = _units(table.opened_ms, name.timeframe)
        for unit in distinct(units).tolist():
            part = str(np.datetime64(unit, _unit(name.timeframe)))
            path = folder / f"{part}{SUFFIX}"
            there = [read_tables([path])] if path.exists() else []
            merged, came = _merge(there, table.rows(units == unit))
            tick = min(tick, merged.step)
            if came.new or came.changed:
                write_table(path, merged)
            added += came
        write_manifest(folder, known, Manifest(tick=tick, source=source, fetched=join_spans([*known.fetched, fetched])))
        return added

    def read(self, name: SeriesName, begin_ms: int = 0, end_ms: int = 0) -> CandleTable:
        """Rows as they stand in the files; ``end_ms`` 0: to the end.

        Raises:
            NoCandlesError: there are no files.
            CandleFileError: one of them is damaged.
        """
        table = read_folder(self.folder(name), name.timeframe, begin_ms, end_ms)
        if table is None:
            raise NoCandlesError(f"no candles of {name} are kept: fairlead candles list shows which are")
        return table

    def times(self, name: SeriesName) -> Ticks:
        """When the candles of a series open."""
        return np.concatenate([np.empty(0, dtype=np.int64), *map(read_times, self.files(name))])


def require_name(name: str) -> None:
    """Refuse what could not be the name of a folder for an exchange or an instrument.

    Raises:
        NoCandlesError: it could lead elsewhere.
    """
    if _NAME.fullmatch(name) is None:
        raise NoCandlesError(f"{name!r} is no name of an exchange or an instrument")


def list_files(folder: Path) -> list[Path]:
    """Files of candles in a folder, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def read_folder(folder: Path, timeframe: str, begin_ms: int = 0, end_ms: int = 0) -> CandleTable | None:
    """Rows of [``begin_ms``, ``end_ms``) as they stand in a folder of files, None where there are no files."""
    files = list_files(folder)
    if not files:
        return None
    first = partition_of(begin_ms, timeframe)
    last = partition_of(end_ms - 1, timeframe) if end_ms else "9999"
    chosen = [path for path in files if first <= path.stem <= last]
    table = read_tables(chosen) if chosen else join_tables([])
    is_bounded = begin_ms or end_ms
    return table.between(begin_ms, end_ms or np.iinfo(np.int64).max) if is_bounded else table


def span_of(folder: Path, timeframe: str, begin_ms: int = 0, end_ms: int = 0) -> Span | None:
    """From the first candle in [``begin_ms``, ``end_ms``) to the end of the last one, without reading their prices.

    None where there is none. ``end_ms`` 0: to the end.

    Raises:
        CandleFileError: a file is damaged.
    """
    length_ms, files = TIMEFRAMES_MS[timeframe], list_files(folder)
    end_ms = end_ms or _FAR_MS
    first = next((times[0] for times in _times_within(files, begin_ms, end_ms - length_ms)), None)
    last = next((times[-1] for times in _times_within(files[::-1], begin_ms, end_ms - length_ms)), None)
    return None if first is None or last is None else (int(first), int(last) + length_ms)


def _times_within(files: Sequence[Path], begin_ms: int, last_ms: int) -> Iterator[Ticks]:
    for path in files:
        times = read_times(path)
        within = times[(times >= begin_ms) & (times <= last_ms)]
        if len(within):
            yield within


def partition_of(at_ms: int, timeframe: str) -> str:
    """Name of the file that a candle belongs into: its month, or its year."""
    return str(np.datetime64(at_ms, "ms").astype(f"datetime64[{_unit(timeframe)}]"))


def _unit(timeframe: str) -> Literal["Y", "M"]:
    return "Y" if TIMEFRAMES_MS[timeframe] >= HOUR_MS else "M"


def _units(opened_ms: Ticks, timeframe: str) -> Ticks:
    """Which month or year since 1970 each candle belongs to."""
    return opened_ms.astype("datetime64[ms]").astype(f"datetime64[{_unit(timeframe)}]").astype(np.int64)


def _merge(there: Sequence[CandleTable], coming: CandleTable) -> tuple[CandleTable, Added]:
    joined = join_tables([*there, coming])
    # Of rows for one time the last is taken, which is the one that came last.
    newest_first = joined.rows(slice(None, None, -1))
    _, chosen = np.unique(newest_first.opened_ms, return_index=True)
    merged = newest_first.rows(chosen).reduced()
    if not there:
        return merged, Added(new=len(merged))
    before = there[0].with_decimals(max(there[0].decimals, merged.decimals))
    alike = merged.with_decimals(before.decimals)
    kept = np.isin(alike.opened_ms, before.opened_ms)
    same = int(alike.rows(kept).equal_rows(before).sum()) if kept.sum() == len(before) else 0
    came = len(distinct(coming.opened_ms))
    new = len(merged) - len(before)
    changed = int(kept.sum()) - same
    return merged, Added(new=new, changed=changed, same=came - new - changed)
