"""The SQL of the journal writer, made from the tables once; SQLAlchemy stays out of the hot path."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Table

from fairlead.core.model.state import State
from fairlead.ports import Record
from fairlead.store import tables
from fairlead.store.databases.contract import SecondOwnerError
from fairlead.store.databases.latest import latest_records, latest_states
from fairlead.store.rows import Draft, StoredRow, Tip, make_tip


def _insert(table: Table, *, name: str = "") -> str:
    columns = tables.column_names(table)
    return f"INSERT INTO {name or table.name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608


def upsert_statement(table: Table, *, name: str = "") -> str:
    """Insert a row or, where its key is there already, replace what may change of it."""
    keys = ", ".join(tables.key_names(table))
    changes = ", ".join(f"{column}=excluded.{column}" for column in tables.changing_names(table))
    return f"{_insert(table, name=name)} ON CONFLICT ({keys}) DO UPDATE SET {changes}"


INSERT_ROWS: Final = _insert(tables.journal)
INSERT_HEADS: Final = _insert(tables.heads)
UPDATE_HEADS: Final = "UPDATE heads SET version=? WHERE stream=? AND version=?"
UPSERT_STATES: Final = {table.name: upsert_statement(table) for table in tables.PROJECTIONS}
UPSERT_RECORDS: Final = upsert_statement(tables.records)
DELETE_RECORDS: Final = "DELETE FROM records WHERE space=? AND owner=? AND key=?"
FIND_KEY: Final = "SELECT 1 FROM journal WHERE tenant=? AND kind=? AND key=?"
SELECT_LAST: Final = "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1"
SELECT_HEADS: Final = "SELECT stream, version FROM heads"
SELECT_PAGE: Final = (
    f"SELECT {', '.join(tables.column_names(tables.journal))} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
)
SELECT_RECORDS: Final = "SELECT owner, key, body FROM records WHERE space=? ORDER BY owner, key"


def read_tip(connection: sqlite3.Connection) -> Tip:
    """Find where the journal ends.

    Raises:
        DamagedJournalError: the streams do not add up to the rows.
        sqlite3.Error: the disk refused.
    """
    last = connection.execute(SELECT_LAST).fetchone()
    return make_tip(last, connection.execute(SELECT_HEADS).fetchall())


def insert_rows(connection: sqlite3.Connection, rows: Sequence[StoredRow]) -> None:
    """Append journal rows."""
    if rows:
        connection.executemany(INSERT_ROWS, rows).close()


def save_states(connection: sqlite3.Connection, states: Iterable[State]) -> None:
    """Bring the projections up to date; of several states of one thing only the last is written."""
    for table, rows in latest_states(states).items():
        connection.executemany(UPSERT_STATES[table], rows).close()


def save_records(connection: sqlite3.Connection, records: Iterable[Record]) -> None:
    """Keep or delete records, the last word on each key winning."""
    kept, dropped = latest_records(records)
    if kept:
        connection.executemany(UPSERT_RECORDS, kept).close()
    if dropped:
        connection.executemany(DELETE_RECORDS, dropped).close()


def move_heads(connection: sqlite3.Connection, draft: Draft) -> None:
    """Write down the new version of every touched stream.

    Raises:
        SecondOwnerError: a stream on disk is not where we left it.
    """
    moved, new = draft.moved_streams(), draft.new_streams()
    if moved:
        cursor = connection.executemany(UPDATE_HEADS, moved)
        # The count of executemany is the sum over its updates.
        if cursor.rowcount != len(moved):
            message = f"{len(moved) - cursor.rowcount} of {len(moved)} streams were moved by another process"
            raise SecondOwnerError(message)
    if new:
        try:
            connection.executemany(INSERT_HEADS, new).close()
        except sqlite3.IntegrityError as error:
            message = "a stream that is new to us was begun by another process"
            raise SecondOwnerError(message) from error
