"""Check that the journal is whole and that every table says what the journal says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import Table

from fairlead.core.model.state import State
from fairlead.ports import JournalRow
from fairlead.store.bot_check import BotCheck
from fairlead.store.databases.contract import SnapshotReader
from fairlead.store.databases.opening import open_snapshot
from fairlead.store.projections import name_fields
from fairlead.store.rebuilt import RebuiltTables, Row, find_differences
from fairlead.store.rows import GENESIS_HASH, StoredRow, decode_row, hash_row
from fairlead.store.tables import PROJECTIONS, column_names, heads, key_names

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
    moment of the database, so it may run beside a server; SQLite's write-ahead log cannot shrink meanwhile.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        Exception: what the driver says when the database is not there, was not migrated, or refused.
    """
    with closing(open_snapshot(url)) as snapshot, closing(RebuiltTables()) as rebuilt:
        check = _Check(snapshot, rebuilt, fold, progress or _say_nothing)
        return check.run(records or {})


class _Check:
    def __init__(self, snapshot: SnapshotReader, rebuilt: RebuiltTables, fold: Fold, progress: Progress) -> None:
        self._snapshot = snapshot
        self._rebuilt = rebuilt
        self._fold = fold
        self._progress = progress
        self._bots = BotCheck()
        self._problems: list[str] = []
        self._versions: dict[str, int] = {}
        self._seq = 0
        self._hash = GENESIS_HASH

    def run(self, records: Mapping[str, type]) -> Report:
        total = self._snapshot.read_number("SELECT count(*) FROM journal")
        while not self._problems and (page := self._snapshot.read_page(self._seq, PAGE_ROWS)):
            self._take_page(page)
            self._progress(self._seq, total)
        if self._problems:
            self._problems.append("the tables were not compared, because the journal itself is damaged")
        else:
            self._problems += self._compare_heads()
            for table in PROJECTIONS:
                self._problems += islice(self._compare_table(table), PROBLEMS_MAX)
            self._problems += islice(self._bots.compare(self._snapshot), PROBLEMS_MAX)
        self._problems += islice(_check_records(self._snapshot, records), PROBLEMS_MAX)
        return Report(rows=self._seq, streams=len(self._versions), problems=tuple(self._problems[:PROBLEMS_MAX]))

    def _take_page(self, page: list[StoredRow]) -> None:
        states: list[State] = []
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
            states += self._fold(decoded)
            self._bots.hear(decoded.event)
        self._rebuilt.save(states)

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
        stored: dict[str, int] = dict(self._read(heads))
        for stream in sorted(stored.keys() | self._versions.keys()):
            mine, theirs = self._versions.get(stream), stored.get(stream)
            if mine != theirs:
                yield f"heads {stream}, field version: stored {_show(theirs)}, rebuilt {_show(mine)}"

    def _compare_table(self, table: Table) -> Iterator[str]:
        columns, keys = column_names(table), key_names(table)
        places = [columns.index(name) for name in keys]

        def key_of(row: Row) -> tuple[str, ...]:
            return tuple(row[place] for place in places)

        for stored, rebuilt in find_differences(self._read(table), self._rebuilt.stream(table), key_of):
            ours, theirs = (None if row is None else dict(zip(columns, row, strict=True)) for row in (stored, rebuilt))
            place = " ".join(map(str, key_of(stored or rebuilt or ())))
            yield from _describe(f"{table.name} {place}", ours, theirs)

    # The tables may take as long as the journal did, and whoever listens must not be left waiting.
    def _read(self, table: Table) -> Iterator[Row]:
        for number, row in enumerate(self._snapshot.stream(table), 1):
            if number % PAGE_ROWS == 0:
                self._progress(self._seq, self._seq)
            yield row


def _check_records(snapshot: SnapshotReader, kinds: Mapping[str, type]) -> Iterator[str]:
    for space, kind in kinds.items():
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)
        for owner, key, body in snapshot.read_records(space):
            try:
                decoder.decode(body)
            except (msgspec.DecodeError, ArithmeticError, ValueError) as error:
                yield f"records {space} {owner} {key}, field body: cannot be read ({error})"


def _say_nothing(_done: int, _total: int) -> None:
    pass


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


def _show(value: object) -> str:
    return "nothing" if value is None else str(value)
