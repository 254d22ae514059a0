"""The journal in a SQLite file: there is nothing to connect again, but a disk may be full and a file may be gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table

from fairlead.core.model.state import State
from fairlead.ports import Record
from fairlead.store.databases.contract import FaultKinds
from fairlead.store.databases.sqlite_statements import (
    FIND_KEY,
    SELECT_PAGE,
    SELECT_RECORDS,
    insert_rows,
    move_heads,
    read_tip,
    save_records,
    save_states,
)
from fairlead.store.rows import Draft, StoredRow, Tip
from fairlead.store.sqlite_file import FilePlace, open_reader
from fairlead.store.tables import column_names, key_names

FAULTS: Final = FaultKinds(
    unit=(
        sqlite3.IntegrityError,
        sqlite3.DataError,
        sqlite3.InterfaceError,
        sqlite3.ProgrammingError,
        TypeError,
        ValueError,
        OverflowError,
    ),
    clash=(sqlite3.IntegrityError,),
    # Disk full, locked, read-only, I/O.
    passing=(sqlite3.OperationalError,),
)
# Goes through the log to the disk, though it changes nothing.
WRITE_NOTHING: Final = "UPDATE config_version SET version = version"


class SqliteDatabase:
    """The connection of the one writer (contract.JournalDatabase)."""

    faults = FAULTS
    is_lost = False
    ping_every_s = None

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take over a connection."""
        self._connection = connection
        (_, _, path) = connection.execute("PRAGMA database_list").fetchone()
        self._place = FilePlace(Path(path))
        self._place.check()

    def ping(self) -> None:
        """Try to write, because a full disk can still be read."""
        try:
            self.begin()
            self._connection.execute(WRITE_NOTHING)
            self.commit()
        finally:
            self.roll_back()

    def reconnect(self) -> None:
        """Try to write."""
        self.ping()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def read_tip(self) -> Tip:
        """Find where the journal ends."""
        return read_tip(self._connection)

    def begin(self) -> None:
        """Begin a transaction, and wait for other writers first.

        Raises:
            sqlite3.OperationalError: the file is gone, or others write for too long.
        """
        self._place.check()
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make the transaction durable."""
        self._connection.execute("COMMIT")

    def roll_back(self) -> None:
        """Undo the transaction, if there is one."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def set_savepoint(self) -> None:
        """Begin one unit."""
        self._connection.execute("SAVEPOINT unit")

    def release_savepoint(self) -> None:
        """Keep the unit."""
        self._connection.execute("RELEASE unit")

    def undo_savepoint(self) -> None:
        """Undo the unit."""
        self._connection.execute("ROLLBACK TO unit")
        self._connection.execute("RELEASE unit")

    def insert_rows(self, rows: Sequence[StoredRow]) -> None:
        """Append journal rows."""
        insert_rows(self._connection, rows)

    def move_heads(self, draft: Draft) -> None:
        """Write down the new version of every touched stream."""
        move_heads(self._connection, draft)

    def save_states(self, states: Iterable[State]) -> None:
        """Bring the projections up to date."""
        save_states(self._connection, states)

    def save_records(self, records: Iterable[Record]) -> None:
        """Keep or delete records."""
        save_records(self._connection, records)

    def has_key(self, tenant: str, kind: str, key: str) -> bool:
        """Whether a fact with this key is stored."""
        return self._connection.execute(FIND_KEY, (tenant, kind, key)).fetchone() is not None

    def is_seq_taken(self, error: Exception) -> bool:
        """Whether a clash is one of the number of a row."""
        return "journal.seq" in str(error)


class SqliteReader:
    """A connection that reads (contract.JournalReader)."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            sqlite3.Error: it is not there, or not a database.
        """
        self._connection = open_reader(path)

    def read_page(self, after_seq: int, rows_max: int) -> list[StoredRow]:
        """Journal rows with a greater seq, in order."""
        return self._connection.execute(SELECT_PAGE, (after_seq, rows_max)).fetchall()

    def read_records(self, space: str) -> list[tuple[str, str, bytes]]:
        """Owner, key and body of every record of a space."""
        return self._connection.execute(SELECT_RECORDS, (space,)).fetchall()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class SqliteSnapshot(SqliteReader):
    """A connection that reads one moment of the file (contract.SnapshotReader)."""

    def __init__(self, path: Path) -> None:
        """Open the file; the moment is that of the first question."""
        super().__init__(path)
        self._connection.execute("BEGIN")

    def read_number(self, sql: str) -> int:
        """The one number that a query gives."""
        row: tuple[int] = self._connection.execute(sql).fetchone()
        return row[0]

    def stream(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Every row of a table in the order of its key."""
        columns, keys = ", ".join(column_names(table)), ", ".join(key_names(table))
        return self._connection.execute(f"SELECT {columns} FROM {table.name} ORDER BY {keys}")  # noqa: S608 (names of our own tables)
