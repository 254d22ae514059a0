"""Puts whole tables into a database that is being filled, a batch of rows in each transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Table

from fairlead.store.databases.contract import OwnerLock
from fairlead.store.databases.server import ServerOwner, ServerSession
from fairlead.store.sqlite_file import open_writer
from fairlead.store.tables import column_names
from fairlead.store.urls import sqlite_path

Row = tuple[Any, ...]


class Filler(Protocol):
    """A connection that adds rows; a fault leaves what was committed before."""

    def fill(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows, all or none.

        Raises:
            Exception: one of the driver's faults.
        """
        ...

    def close(self) -> None:
        """End the connection, unless it is the owner's."""
        ...


def open_filler(url: str, owner: OwnerLock) -> Filler:
    """Open what fills the database that ``owner`` owns.

    Raises:
        sqlite3.Error: the file cannot be opened.
    """
    return (
        _ServerFiller(owner.session) if isinstance(owner, ServerOwner) else _SqliteFiller(open_writer(sqlite_path(url)))
    )


def stay_owner(owner: OwnerLock) -> None:
    """Let a server hear of the session that owns, which it would end if it rested for too long.

    Raises:
        Exception: the session was lost, and the ownership with it.
    """
    if isinstance(owner, ServerOwner):
        owner.session.run("SELECT 1")


class _ServerFiller:
    # In the owner's own session: a row that is written proves that nobody else owns the database.
    def __init__(self, session: ServerSession) -> None:
        self._session = session

    def fill(self, table: Table, rows: Sequence[Row]) -> None:
        self._session.run("BEGIN")
        self._session.run_many(self._session.statements.insert_all[table.name], rows)
        self._session.run("COMMIT")

    def close(self) -> None:
        pass


class _SqliteFiller:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def fill(self, table: Table, rows: Sequence[Row]) -> None:
        names = column_names(table)
        places = ", ".join("?" * len(names))
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})",  # noqa: S608 (names of our own tables)
            rows,
        )
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()
