"""Copies a whole database into an empty one of any kind, and compares them row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Boolean, Connection, Table, func, inspect, select, text

from fairlead.store.databases.contract import OwnerLock, SnapshotReader
from fairlead.store.databases.opening import open_snapshot
from fairlead.store.filling import Filler, Row, open_filler, stay_owner
from fairlead.store.migrate import LAYOUT_TABLE, UNFINISHED_COPY, connect, migrate, read_revision
from fairlead.store.rebuilt import find_differences
from fairlead.store.sqlite_file import make_private_file
from fairlead.store.tables import column_names, config_version, journal, key_names, metadata
from fairlead.store.urls import DatabaseKind, database_kind, describe_database, sqlite_path, sync_url
from fairlead.store.verify import Report

BATCH_ROWS_MAX: Final = 1_000
BATCH_BYTES_MAX: Final = 4_194_304
"""A batch ends with the row that brings its texts and bytes to this many."""
DIFFERENCES_MAX: Final = 20

Progress = Callable[[int, int], None]


class CopyPlaceError(RuntimeError):
    """The target is not empty."""


class Place(NamedTuple):
    """A database and what owns it."""

    url: str
    owner: OwnerLock


class CopyTools(NamedTuple):
    """``verify`` checks the database of a URL, and ``progress`` hears (rows, rows in all) of each stretch of work."""

    verify: Callable[[str, Progress], Report]
    progress: Progress


class CopyReport(msgspec.Struct, frozen=True, kw_only=True):
    """Rows by table, the hash of the journal's last row, and what is wrong; empty ``problems`` is a proof."""

    rows: Mapping[str, int]
    tip_hash: str
    problems: tuple[str, ...]


def copy_database(source: Place, target: Place, tools: CopyTools, *, again: bool = False) -> CopyReport:
    """Copy every table of one moment of the source, compare all rows, and verify the target; blocks.

    The target cannot be used by anybody until everything was found to be right. ``again`` drops what an unfinished
    copy left there.

    Raises:
        CopyPlaceError: something is in the target.
        NewerDatabaseError: the target has the layout of a newer version.
        Exception: what a driver says when a database refused, or a session that owns one was lost.
    """
    revision = _prepare_target(target, again=again)

    def watch(done: int, total: int) -> None:
        stay_owner(source.owner)
        stay_owner(target.owner)
        tools.progress(done, total)

    with closing(open_snapshot(source.url)) as snapshot:
        with closing(open_filler(target.url, target.owner)) as filler:
            rows = _copy_rows(source.url, snapshot, filler, watch)
        with closing(open_snapshot(target.url)) as copied:
            comparison = _Comparison(snapshot, copied, watch, sum(rows.values()))
            problems = list(islice(comparison.run(), DIFFERENCES_MAX))
    problems += tools.verify(target.url, watch).problems
    if _config_versions(source.url) != _config_versions(target.url):
        problems.append("somebody changed the original while it was copied")
    if not problems:
        # Whoever lost one of them on the way cannot say what is in it now.
        stay_owner(source.owner)
        stay_owner(target.owner)
        _set_layout(target.url, revision)
    return CopyReport(rows=rows, tip_hash=comparison.tip_hash, problems=tuple(problems))


def _prepare_target(target: Place, *, again: bool) -> str:
    if database_kind(target.url) is DatabaseKind.SQLITE:
        make_private_file(sqlite_path(target.url))
    with connect(target.url) as connection:
        is_unfinished = _read_layout(connection) == UNFINISHED_COPY
        found = _describe_contents(connection)
        if is_unfinished and again:
            # The layout goes last: dying on the way leaves a database that is still marked.
            metadata.drop_all(connection)
            connection.execute(text(f"DROP TABLE {LAYOUT_TABLE}"))
            connection.commit()
        elif is_unfinished or found:
            what = "a copy that was not finished: --again drops it and begins anew" if is_unfinished else found
            raise CopyPlaceError(f"the database {describe_database(target.url)} is not empty, it holds {what}")
    migrate(target.url, target.owner)
    with connect(target.url) as connection:
        revision = _read_layout(connection)
    _set_layout(target.url, UNFINISHED_COPY)
    with connect(target.url) as connection:
        # The only row that a migration makes.
        connection.execute(config_version.delete())
        connection.commit()
    return revision


def _read_layout(connection: Connection) -> str:
    return read_revision(connection) or ""


def _set_layout(url: str, revision: str) -> None:
    with connect(url) as connection:
        connection.execute(text(f"UPDATE {LAYOUT_TABLE} SET version_num = :revision"), {"revision": revision})  # noqa: S608 (a name of ours)
        connection.commit()


def _describe_contents(connection: Connection) -> str:
    names = set(inspect(connection).get_table_names()) - {LAYOUT_TABLE}
    strange = sorted(names - metadata.tables.keys())
    if strange:
        return f"tables of something else: {', '.join(strange)}"
    tables = [table for table in metadata.sorted_tables if table.name in names and table is not config_version]
    counts = {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}
    return ", ".join(f"{count} rows of {name}" for name, count in counts.items() if count)


def _copy_rows(url: str, snapshot: SnapshotReader, filler: Filler, progress: Progress) -> dict[str, int]:
    dialect = sync_url(url).get_dialect()()
    counts = {
        table.name: snapshot.read_number(str(select(func.count()).select_from(table).compile(dialect=dialect)))
        for table in metadata.sorted_tables
    }
    done, total = 0, sum(counts.values())
    for table in metadata.sorted_tables:
        for batch in _batches(snapshot.stream(table)):
            filler.fill(table, _with_flags(table, batch))
            done += len(batch)
            progress(done, total)
    return counts


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(batch) == BATCH_ROWS_MAX or size >= BATCH_BYTES_MAX:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


# SQLite and MariaDB keep flags as numbers, which PostgreSQL does not take for flags.
def _with_flags(table: Table, rows: list[Row]) -> list[Row]:
    flags = [isinstance(column.type, Boolean) for column in table.columns]
    if not any(flags):
        return rows
    return [tuple(bool(value) if flag else value for value, flag in zip(row, flags, strict=True)) for row in rows]


class _Comparison:
    def __init__(self, source: SnapshotReader, target: SnapshotReader, progress: Progress, total: int) -> None:
        self.tip_hash = ""
        self._source = source
        self._target = target
        self._progress = progress
        self._total = total
        self._done = 0

    def run(self) -> Iterator[str]:
        for table in metadata.sorted_tables:
            places = [column_names(table).index(name) for name in key_names(table)]

            def key_of(row: Row, places: list[int] = places) -> tuple[Any, ...]:
                return tuple(row[place] for place in places)

            ours, theirs = self._source.stream(table), self._read(table)
            for original, copied in find_differences(ours, theirs, key_of):
                key = " ".join(map(str, key_of(original or copied or ())))
                what = "is another one" if original and copied else "is missing" if original else "came from nowhere"
                yield f"{table.name} {key}: the copied row {what}"

    def _read(self, table: Table) -> Iterator[Row]:
        for row in self._target.stream(table):
            if table is journal:
                self.tip_hash = row[-1].hex()
            self._done += 1
            if self._done % BATCH_ROWS_MAX == 0 or self._done == self._total:
                self._progress(self._done, self._total)
            yield row


def _config_versions(url: str) -> list[Row]:
    with closing(open_snapshot(url)) as snapshot:
        return list(snapshot.stream(config_version))
