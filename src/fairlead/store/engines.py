"""How sessions begin on each database: readers see one moment, writers take turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from fairlead.store.columns import MARIADB_CHARSET, MARIADB_COLLATION
from fairlead.store.databases.server import (
    CONNECT_S_MAX,
    LOCK_WAIT_S_MAX,
    MARIADB_MODE,
    SESSION_IDLE_S_MAX,
    STATEMENT_S_MAX,
    client_name,
)
from fairlead.store.sqlite_file import make_private_file, set_pragmas
from fairlead.store.urls import DatabaseKind, async_url, database_kind, sqlite_path

# Options of a connection: whose session it is, and whether it may write.
TENANT: Final = "fairlead_tenant"
WRITES: Final = "fairlead_writes"

Listener = Callable[..., None]

SESSIONS_MAX: Final = 8
"""Connections of one process to a server, beside the journal's own two."""
_RECYCLE_S: Final = SESSION_IDLE_S_MAX // 2
_MARIADB_SETTINGS: Final = (
    f"SET SESSION sql_mode = '{MARIADB_MODE}', "
    f"innodb_lock_wait_timeout = {LOCK_WAIT_S_MAX}, max_statement_time = {STATEMENT_S_MAX}"
)


def make_engine(url: str) -> AsyncEngine:
    """Prepare connections; nothing is opened yet.

    Raises:
        UnsupportedDatabaseError: not a database for us.
    """
    match database_kind(url):
        case DatabaseKind.SQLITE:
            make_private_file(sqlite_path(url))
            engine = create_async_engine(_existing_file(url))
            return _listen(engine, _begin_sqlite, _prepare_sqlite)
        case DatabaseKind.POSTGRESQL:
            return _listen(_make_server_engine(url, _postgresql_arguments()), _begin_postgresql)
        case DatabaseKind.MARIADB:
            engine = _make_server_engine(url, {"connect_timeout": CONNECT_S_MAX, "charset": MARIADB_CHARSET})
            return _listen(engine, _begin_mariadb, _prepare_mariadb)


def _existing_file(url: str) -> URL:
    # A file that is gone for a moment is not made anew: its place belongs to the one that comes back.
    path = quote(str(sqlite_path(url).absolute()))
    return async_url(url).set(database=f"file:{path}", query={"mode": "rw", "uri": "true"})


def _listen(engine: AsyncEngine, begin: Listener, prepare: Listener | None = None) -> AsyncEngine:
    event.listen(engine.sync_engine, "begin", begin)
    if prepare is not None:
        event.listen(engine.sync_engine, "connect", prepare)
    return engine


def _make_server_engine(url: str, arguments: dict[str, Any]) -> AsyncEngine:
    return create_async_engine(
        async_url(url),
        # Every read of a session sees the same moment, as it does in SQLite.
        isolation_level="REPEATABLE READ",
        pool_size=SESSIONS_MAX,
        max_overflow=0,
        pool_timeout=CONNECT_S_MAX,
        pool_recycle=_RECYCLE_S,
        pool_pre_ping=True,
        connect_args=arguments,
        # What was bound may be a secret, and an error shows up in logs.
        hide_parameters=True,
    )


def _postgresql_arguments() -> dict[str, Any]:
    settings = {"statement_timeout": STATEMENT_S_MAX, "lock_timeout": LOCK_WAIT_S_MAX}
    return {
        "application_name": f"{client_name()} sessions",
        "connect_timeout": CONNECT_S_MAX,
        "options": " ".join(f"-c {name}={seconds}s" for name, seconds in settings.items()),
    }


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401
    # SQLAlchemy's wrapper around the driver's connection looks like sqlite3's; transactions are begun by _begin.
    connection.isolation_level = None
    set_pragmas(connection)


def _prepare_mariadb(connection: Any, _record: object) -> None:  # noqa: ANN401
    cursor = connection.cursor()
    cursor.execute(f"SET NAMES {MARIADB_CHARSET} COLLATE {MARIADB_COLLATION}")
    cursor.execute(_MARIADB_SETTINGS)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns writer half-way cannot wait for its turn in WAL mode, so a writer says so at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    # The first to write is the only one until it ends, as in SQLite; a lock of a table is taken before the moment that
    # the transaction sees is chosen, and those who read are not kept waiting.
    statement = "LOCK TABLE config_version IN EXCLUSIVE MODE" if _writes(connection) else "SET TRANSACTION READ ONLY"
    connection.exec_driver_sql(statement)


def _begin_mariadb(connection: Connection) -> None:
    if _writes(connection):
        # The same by the lock of a row, which also comes before the moment is chosen.
        connection.exec_driver_sql("SELECT version FROM config_version WHERE id = 1 FOR UPDATE").close()


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(WRITES, False))
