"""The SQL of both kinds of server, said once; where they have words of their own, a dialect has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Table

from fairlead.store import tables
from fairlead.store.databases.server import Statements


class Dialect(NamedTuple):
    """What a kind of server says in its own words.

    ``quote`` stands around every name, ``rows`` is where an INSERT into a table takes its rows from, and ``on_clash``
    what makes it replace a row that has the same ``{keys}``: one ``change`` for each other column. ``delete_records``
    and ``lock_heads`` are whole statements.
    """

    quote: str
    rows: Callable[[Table], str]
    on_clash: str
    change: str
    delete_records: str
    lock_heads: str

    def names(self, names: Sequence[str]) -> str:
        """Names as they stand in a statement."""
        return ", ".join(f"{self.quote}{name}{self.quote}" for name in names)

    def insert(self, table: Table) -> str:
        """Insert whole rows."""
        columns = self.names(tables.column_names(table))
        return f"INSERT INTO {self.names([table.name])} ({columns}) {self.rows(table)}"

    def upsert(self, table: Table) -> str:
        """Insert a row or, where its key is there already, replace what may change of it."""
        keys = self.names(tables.key_names(table))
        changes = ", ".join(self.change.format(name=self.names([name])) for name in tables.changing_names(table))
        return f"{self.insert(table)} {self.on_clash.format(keys=keys)} {changes}"

    def select_all(self, table: Table) -> str:
        """Read every row in the order of its key."""
        columns, keys = self.names(tables.column_names(table)), self.names(tables.key_names(table))
        return f"SELECT {columns} FROM {self.names([table.name])} ORDER BY {keys}"  # noqa: S608 (names of our own tables)


def make_statements(dialect: Dialect) -> Statements:
    """Say everything that a server is told or asked in a dialect."""
    key = dialect.names(["key"])
    page = dialect.names(tables.column_names(tables.journal))
    return Statements(
        insert_all={table.name: dialect.insert(table) for table in tables.metadata.sorted_tables},
        insert_rows=dialect.insert(tables.journal),
        upsert_heads=dialect.upsert(tables.heads),
        upsert_states={table.name: dialect.upsert(table) for table in tables.PROJECTIONS},
        upsert_records=dialect.upsert(tables.records),
        delete_records=dialect.delete_records,
        lock_heads=dialect.lock_heads,
        find_key=f"SELECT 1 FROM journal WHERE tenant = %s AND kind = %s AND {key} = %s",  # noqa: S608 (as above)
        select_page=f"SELECT {page} FROM journal WHERE seq > %s ORDER BY seq LIMIT %s",  # noqa: S608 (as above)
        select_records=f"SELECT owner, {key}, body FROM records WHERE space = %s ORDER BY owner, {key}",  # noqa: S608 (as above)
        select_all={table.name: dialect.select_all(table) for table in tables.metadata.sorted_tables},
    )
