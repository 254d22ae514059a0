"""Sessions with PostgreSQL: rows travel as arrays, so that a statement is the same however many rows it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import psycopg
from sqlalchemy import BigInteger, Boolean, Integer, SmallInteger, Table
from sqlalchemy.types import TypeEngine

from fairlead.store import tables
from fairlead.store.columns import Bytes, Digest
from fairlead.store.databases.contract import FaultKinds
from fairlead.store.databases.server import (
    CONNECT_S_MAX,
    LOCK_WAIT_S_MAX,
    SESSION_IDLE_S_MAX,
    STATEMENT_S_MAX,
    ConnectionLostError,
    Holder,
    UnfitServerError,
    client_name,
    connect_arguments,
)
from fairlead.store.databases.server_statements import Dialect, make_statements

SERVER_VERSION_MIN: Final = 140_000
# "fairlead" as a number. The lock counts in one database only, so each database has its own owner.
OWNER_KEY: Final = int.from_bytes(b"fairlead", "big")
STREAM_ROWS: Final = 1_000
_DURABLE: Final = (("server_encoding", "UTF8"), ("fsync", "on"))
_FAULTS: Final = FaultKinds(
    unit=(psycopg.IntegrityError, psycopg.DataError, TypeError, ValueError, OverflowError),
    clash=(psycopg.errors.UniqueViolation,),
    passing=(psycopg.Error, ConnectionLostError),
)
_ARRAYS: Final[tuple[tuple[type[TypeEngine[Any]], str], ...]] = (
    (SmallInteger, "smallint[]"),
    (BigInteger, "bigint[]"),
    (Integer, "integer[]"),
    (Boolean, "boolean[]"),
    (Bytes, "bytea[]"),
    (Digest, "bytea[]"),
)
_SELECT_OWNER: Final = (
    "SELECT activity.pid, activity.application_name FROM pg_locks JOIN pg_stat_activity AS activity USING (pid) "
    "WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) = %s "
    "AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def _arrays(table: Table, names: Sequence[str]) -> str:
    return ", ".join(f"%b::{_array_type(table.c[name].type)}" for name in names)


def _array_type(kind: TypeEngine[Any]) -> str:
    return next((array for known, array in _ARRAYS if isinstance(kind, known)), "text[]")


def _rows(table: Table) -> str:
    return f"SELECT * FROM unnest({_arrays(table, tables.column_names(table))})"  # noqa: S608 (names of our own tables)


STATEMENTS: Final = make_statements(
    Dialect(
        quote='"',
        rows=_rows,
        on_clash="ON CONFLICT ({keys}) DO UPDATE SET",
        change="{name}=excluded.{name}",
        delete_records=(
            f"DELETE FROM records USING unnest({_arrays(tables.records, ('space', 'owner', 'key'))}) "  # noqa: S608 (as above)
            "AS gone(space, owner, key) "
            "WHERE records.space = gone.space AND records.owner = gone.owner AND records.key = gone.key"
        ),
        lock_heads="SELECT stream, version FROM heads WHERE stream = ANY(%b::text[]) FOR UPDATE",
    )
)


class PostgresqlSession:
    """One connection (server.ServerSession)."""

    statements = STATEMENTS
    faults = _FAULTS

    def __init__(self, url: str) -> None:
        """Connect, and check that the server keeps what it confirms.

        Raises:
            UnfitServerError: it does not.
            psycopg.Error: it cannot be reached.
        """
        given = connect_arguments(url)
        self._connection = psycopg.connect(**(_limits() | given), autocommit=True)
        self.number = self._connection.info.backend_pid
        try:
            self._check()
        except BaseException:
            self._connection.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return not self._connection.closed

    def run(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and read all its rows."""
        cursor = self._connection.execute(sql, values or None, binary=True)
        if sql == "COMMIT" and cursor.statusmessage != sql:
            raise ConnectionLostError(f"the server answered {cursor.statusmessage} to COMMIT")
        return cursor.fetchall() if cursor.description else []

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement for many rows, as one array for each column."""
        self._connection.execute(sql, [list(values) for values in zip(*rows, strict=True)])

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Run a query and read its rows a few at a time."""
        with self._connection.cursor(name="stream", binary=True) as cursor:
            cursor.itersize = STREAM_ROWS
            yield from cursor.execute(sql)

    def begin_snapshot(self) -> None:
        """Begin a transaction that reads one moment."""
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def take_ownership(self) -> Holder | None:
        """Become the owner of the journal until the session ends; or tell who is."""
        if self.run("SELECT pg_try_advisory_lock(%s)", (OWNER_KEY,)) == [(True,)]:
            return None
        found = self.run(_SELECT_OWNER, (OWNER_KEY,))
        # Between the two questions the owner may have ended.
        pid, name = found[0] if found else (0, "somebody who has just ended")
        return Holder(pid, f"{name or 'an unnamed client'} (session {pid})")

    def end_session(self, number: int) -> None:
        """End another session of ours."""
        self.run("SELECT pg_terminate_backend(%s)", (number,))

    def is_seq_taken(self, error: Exception) -> bool:
        """Whether a clash is one of the number of a row."""
        return isinstance(error, psycopg.Error) and error.diag.constraint_name == "journal_pkey"

    def close(self) -> None:
        """End it."""
        self._connection.close()

    def _check(self) -> None:
        if self._connection.info.server_version < SERVER_VERSION_MIN:
            version = self._connection.info.server_version // 10_000
            raise UnfitServerError(f"this is PostgreSQL {version}, and Fairlead needs {SERVER_VERSION_MIN // 10_000}")
        for name, wanted in _DURABLE:
            ((found,),) = self.run(f"SHOW {name}")
            if found != wanted:
                raise UnfitServerError(f"PostgreSQL runs with {name} = {found}, and orders need {name} = {wanted}")
        ((found,),) = self.run("SHOW synchronous_commit")
        if found == "off":
            self.run("SET synchronous_commit = on")


def _limits() -> dict[str, Any]:
    settings = {
        "statement_timeout": f"{STATEMENT_S_MAX}s",
        "lock_timeout": f"{LOCK_WAIT_S_MAX}s",
        "idle_session_timeout": f"{SESSION_IDLE_S_MAX}s",
        "idle_in_transaction_session_timeout": f"{SESSION_IDLE_S_MAX}s",
    }
    return {
        "application_name": client_name(),
        "connect_timeout": CONNECT_S_MAX,
        # How long the network may be silent before the connection counts as lost.
        "keepalives_idle": CONNECT_S_MAX,
        "keepalives_interval": CONNECT_S_MAX,
        "keepalives_count": 2,
        "tcp_user_timeout": STATEMENT_S_MAX * 1_000,
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
    }


# By this name it is found (opening).
SESSION: Final = PostgresqlSession
