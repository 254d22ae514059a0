"""Every table as the journal says it is, beside the tables as they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from sqlalchemy import Table

from fairlead.core.model.state import State
from fairlead.store.databases.latest import latest_states
from fairlead.store.databases.sqlite_statements import upsert_statement
from fairlead.store.tables import PROJECTIONS, column_names, key_names

Row = tuple[Any, ...]
Pair = tuple[Row | None, Row | None]

_UPSERTS: Final = {table.name: upsert_statement(table) for table in PROJECTIONS}


class RebuiltTables:
    """On disk, because a journal may hold more orders than memory does; the file is nameless and goes with us."""

    def __init__(self) -> None:
        """Begin with empty tables."""
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=OFF")
        for table in PROJECTIONS:
            columns, keys = ", ".join(column_names(table)), ", ".join(key_names(table))
            self._connection.execute(f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({keys})) WITHOUT ROWID")
        self._connection.execute("BEGIN")

    def save(self, states: Iterable[State]) -> None:
        """Take states in; the last of each thing wins."""
        for name, rows in latest_states(states).items():
            self._connection.executemany(_UPSERTS[name], rows).close()

    def stream(self, table: Table) -> Iterator[Row]:
        """Every row of a table, by its key."""
        columns, keys = ", ".join(column_names(table)), ", ".join(key_names(table))
        yield from self._connection.execute(f"SELECT {columns} FROM {table.name} ORDER BY {keys}")  # noqa: S608 (names of our own tables)

    def close(self) -> None:
        """Forget them."""
        self._connection.close()


def find_differences(
    stored: Iterator[Row], rebuilt: Iterator[Row], key_of: Callable[[Row], tuple[str, ...]]
) -> Iterator[Pair]:
    """Walk two sorted streams together; yields (stored, rebuilt) where they differ, None for who is missing."""
    ours, theirs = next(stored, None), next(rebuilt, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and key_of(ours) < key_of(theirs)):
            yield ours, None
            ours = next(stored, None)
        elif ours is None or key_of(ours) > key_of(theirs):
            yield None, theirs
            theirs = next(rebuilt, None)
        else:
            if ours != theirs:
                yield ours, theirs
            ours, theirs = next(stored, None), next(rebuilt, None)
