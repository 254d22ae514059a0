"""Indexes over the few rows of a table that a condition holds for, on databases with and without such indexes."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Index, text

from fairlead.store.urls import DatabaseKind

# SQLAlchemy takes several names here, which its annotations do not know yet.
_WITH_PARTIAL_INDEXES: Final[Any] = (DatabaseKind.SQLITE, DatabaseKind.POSTGRESQL)


def only_where(condition: str) -> dict[str, Any]:
    """Options of an index that holds only such rows, where a database can do that."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def index_few(name: str, columns: tuple[str, ...], flag: str, value: str) -> tuple[Index, Index]:
    """Index the rows whose ``flag`` has this value. MariaDB has no partial indexes, and sorts by the flag first."""
    return (
        Index(name, *columns, **only_where(f"{flag} = {value}")).ddl_if(dialect=_WITH_PARTIAL_INDEXES),
        Index(f"{name}_first", flag, *columns).ddl_if(dialect=DatabaseKind.MARIADB),
    )
