"""Check that the journal is whole and that every table says what the journal says."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import Table

from fairlead.core.model.state import State
from fairlead.ports import JournalRow
from fairlead.store.databases.sqlite_statements import SELECT_HEADS, SELECT_PAGE, SELECT_RECORDS, upsert_statement
from fairlead.store.projections import identify, name_fields, write_row
from fairlead.store.rows import GENESIS_HASH, StoredRow, decode_row, hash_row
from fairlead.store.sqlite_file import open_reader
from fairlead.store.tables import PROJECTIONS, column_names, key_names
from fairlead.store.urls import sqlite_path

PAGE_ROWS: Final = 1_000
PROBLEMS_MAX: Final = 100
_BODY: Final = "body"

Fold = Callable[[JournalRow], Iterable[State]]
Progress = Callable[[int, int], None]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was checked and what is wrong; empty ``problems`` is a clean bill. At most 100 problems are named."""

    rows: int
    streams: int
    problems: tuple[str, ...]


def verify(
    url: str,
    fold: Fold,
    progress: Progress | None = None,
    *,
    records: Mapping[str, type] | None = None,
) -> Report:
    """Read the whole journal, rebuild every table beside it, and compare; blocks.

    ``fold`` gets every row in order and returns the states it changes. ``progress`` hears (rows read, rows in all).
    ``records`` says of which type the records of a space are; those of other spaces are not looked into. It reads one
    moment of the database, so it may run beside a server, whose write-ahead log cannot shrink meanwhile.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        sqlite3.Error: the database is not there, was not migrated, or refused.
    """
    with closing(open_reader(sqlite_path(url))) as connection:
        _make_rebuilt_tables(connection)
        connection.execute("BEGIN")
        check = _Check(connection, fold, progress or _say_nothing)
        return check.run(records or {})


class _Check:
    def __init__(self, connection: sqlite3.Connection, fold: Fold, progress: Progress) -> None:
        self._connection = connection
        self._fold = fold
        self._progress = progress
        self._problems: list[str] = []
        self._versions: dict[str, int] = {}
        self._seq = 0
        self._hash = GENESIS_HASH

    def run(self, records: Mapping[str, type]) -> Report:
        (total,) = self._connection.execute("SELECT count(*) FROM journal").fetchone()
        while not self._problems and (page := self._read_page()):
            self._take_page(page)
            self._progress(self._seq, total)
        if self._problems:
            self._problems.append("the tables were not compared, because the journal itself is damaged")
        else:
            self._problems += self._compare_heads()
            for table in PROJECTIONS:
                self._problems += _compare_table(self._connection, table)
        self._problems += islice(_check_records(self._connection, records), PROBLEMS_MAX)
        return Report(rows=self._seq, streams=len(self._versions), problems=tuple(self._problems[:PROBLEMS_MAX]))

    def _read_page(self) -> list[StoredRow]:
        return self._connection.execute(SELECT_PAGE, (self._seq, PAGE_ROWS)).fetchall()

    def _take_page(self, page: list[StoredRow]) -> None:
        latest: dict[str, dict[tuple[str, ...], State]] = {}
        for row in page:
            problem = self._check_row(row)
            if problem:
                self._problems.append(problem)
                return
            try:
                decoded = decode_row(row)
            except msgspec.DecodeError as error:
                self._problems.append(f"journal row {row[0]}, field body: cannot be read ({error})")
                return
            for state in self._fold(decoded):
                table, key = identify(state)
                latest.setdefault(table, {})[key] = state
        for table, states in latest.items():
            self._connection.executemany(_UPSERTS[table], [write_row(state) for state in states.values()])

    def _check_row(self, row: tuple[Any, ...]) -> str:
        seq, tenant, stream, version, kind, key, cause, at_ms, body, digest = row
        if seq != self._seq + 1:
            return f"journal row {self._seq + 1}: missing, the next one is {seq}"
        if not isinstance(body, bytes) or not isinstance(digest, bytes):
            # A hand that edits with SQL leaves text where the writer leaves bytes.
            return f"journal row {seq}: its body or hash is not what the writer writes"
        expected = self._versions.get(stream, 0) + 1
        if version != expected:
            return f"journal row {seq}, field version: stored {version}, rebuilt {expected} of stream {stream}"
        rebuilt = hash_row(self._hash, (seq, tenant, stream, version, kind, key, cause, at_ms), body)
        if digest != rebuilt:
            return f"journal row {seq}, field hash: stored {digest.hex()}, rebuilt {rebuilt.hex()}"
        self._seq, self._hash, self._versions[stream] = seq, digest, version
        return ""

    def _compare_heads(self) -> Iterator[str]:
        stored = dict(self._connection.execute(SELECT_HEADS).fetchall())
        for stream in sorted(stored.keys() | self._versions.keys()):
            mine, theirs = self._versions.get(stream), stored.get(stream)
            if mine != theirs:
                yield f"heads {stream}, field version: stored {_show(theirs)}, rebuilt {_show(mine)}"


def _check_records(connection: sqlite3.Connection, kinds: Mapping[str, type]) -> Iterator[str]:
    for space, kind in kinds.items():
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        for owner, key, body in connection.execute(SELECT_RECORDS, (space,)):
            try:
                decoder.decode(body)
            except (msgspec.DecodeError, ArithmeticError, ValueError) as error:
                yield f"records {space} {owner} {key}, field body: cannot be read ({error})"


def _say_nothing(_done: int, _total: int) -> None:
    pass


def _rebuilt_name(table: Table) -> str:
    return f"temp.rebuilt_{table.name}"


_UPSERTS: Final = {table.name: upsert_statement(table, name=_rebuilt_name(table)) for table in PROJECTIONS}


def _make_rebuilt_tables(connection: sqlite3.Connection) -> None:
    # On disk, because a journal may hold more orders than memory does.
    connection.execute("PRAGMA temp_store=FILE")
    for table in PROJECTIONS:
        columns = ", ".join(column_names(table))
        keys = ", ".join(key_names(table))
        connection.execute(f"CREATE TABLE {_rebuilt_name(table)} ({columns}, PRIMARY KEY ({keys})) WITHOUT ROWID")


def _compare_table(connection: sqlite3.Connection, table: Table) -> Iterator[str]:
    columns, keys = column_names(table), key_names(table)
    stored = f"SELECT {', '.join(columns)} FROM {table.name}"  # noqa: S608 (names of our own tables)
    rebuilt = f"SELECT {', '.join(columns)} FROM {_rebuilt_name(table)}"  # noqa: S608
    # Rows that are on one side only, or differ: EXCEPT compares every column, and NULL equals NULL.
    query = (
        f"SELECT 'stored', * FROM ({stored} EXCEPT {rebuilt}) UNION ALL "  # noqa: S608
        f"SELECT 'rebuilt', * FROM ({rebuilt} EXCEPT {stored}) ORDER BY {', '.join(keys)} LIMIT {2 * PROBLEMS_MAX}"
    )
    by_key = itemgetter(*(columns.index(name) + 1 for name in keys))
    for key, rows in groupby(connection.execute(query).fetchall(), by_key):
        sides = {row[0]: dict(zip(columns, row[1:], strict=True)) for row in rows}
        yield from _describe(f"{table.name} {_join(key)}", sides.get("stored"), sides.get("rebuilt"))


def _describe(place: str, stored: dict[str, Any] | None, rebuilt: dict[str, Any] | None) -> Iterator[str]:
    if stored is None:
        yield f"{place}: missing, but the journal says it is there"
    elif rebuilt is None:
        yield f"{place}: stored, but the journal knows nothing of it"
    else:
        ours, theirs = _spread(stored), _spread(rebuilt)
        for field in sorted(ours.keys() | theirs.keys()):
            if ours.get(field) != theirs.get(field):
                yield f"{place}, field {field}: stored {_show(ours.get(field))}, rebuilt {_show(theirs.get(field))}"


# The fields of the state beside the columns; a body that is no state is compared as text.
def _spread(row: dict[str, Any]) -> dict[str, Any]:
    body = row[_BODY]
    inside: dict[str, Any]
    try:
        inside = {f"body.{name}": value for name, value in name_fields(body).items()}
    except msgspec.DecodeError:
        inside = {_BODY: repr(body)}
    return {**{name: value for name, value in row.items() if name != _BODY}, **inside}


def _join(key: object) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _show(value: object) -> str:
    return "nothing" if value is None else str(value)
