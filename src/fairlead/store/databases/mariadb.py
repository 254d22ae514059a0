"""Sessions with MariaDB: rows travel as statements of many rows, and nothing is ever cut to fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pymysql
from pymysql.constants import CLIENT, ER
from pymysql.cursors import SSCursor
from sqlalchemy import Table

from fairlead.store import tables
from fairlead.store.columns import MARIADB_CHARSET, MARIADB_COLLATION
from fairlead.store.databases.contract import FaultKinds
from fairlead.store.databases.server import (
    CONNECT_S_MAX,
    LOCK_WAIT_S_MAX,
    MARIADB_MODE,
    SESSION_IDLE_S_MAX,
    STATEMENT_S_MAX,
    ConnectionLostError,
    Holder,
    UnfitServerError,
    connect_arguments,
)
from fairlead.store.databases.server_statements import Dialect, make_statements

SERVER_VERSION_MIN: Final = (10, 6)
STREAM_ROWS: Final = 1_000
# What a statement holds beside one body, whose every byte may take two.
STATEMENT_SPARE_BYTES: Final = 65_536
_FAULTS: Final = FaultKinds(
    unit=(pymysql.err.IntegrityError, pymysql.err.DataError, TypeError, ValueError, OverflowError),
    clash=(pymysql.err.IntegrityError,),
    passing=(pymysql.err.Error, ConnectionLostError),
)
_SETTINGS: Final = (
    f"SET SESSION sql_mode = '{MARIADB_MODE}', innodb_strict_mode = ON, "
    "tx_isolation = 'READ-COMMITTED', autocommit = ON, "
    f"innodb_lock_wait_timeout = {LOCK_WAIT_S_MAX}, max_statement_time = {STATEMENT_S_MAX}, "
    f"wait_timeout = {SESSION_IDLE_S_MAX}"
)
_FACTS: Final = (
    "SELECT VERSION(), @@sql_mode, @@innodb_flush_log_at_trx_commit, @@log_bin, @@sync_binlog, "
    "@@max_allowed_packet, CONNECTION_ID()"
)


def _rows(table: Table) -> str:
    return f"VALUES ({', '.join(['%s'] * len(tables.column_names(table)))})"


STATEMENTS: Final = make_statements(
    Dialect(
        quote="`",
        rows=_rows,
        on_clash="ON DUPLICATE KEY UPDATE",
        change="{name}=VALUES({name})",
        delete_records="DELETE FROM records WHERE space = %s AND owner = %s AND `key` = %s",
        lock_heads="SELECT stream, version FROM heads WHERE stream IN %s FOR UPDATE",
    )
)


class MariadbSession:
    """One connection (server.ServerSession)."""

    statements = STATEMENTS
    faults = _FAULTS

    def __init__(self, url: str) -> None:
        """Connect, and check that the server keeps what it confirms.

        Raises:
            UnfitServerError: it does not, or it is not MariaDB.
            pymysql.Error: it cannot be reached.
        """
        given = connect_arguments(url)
        self._database = given["database"]
        self._connection = pymysql.connect(
            **(_limits() | given),
            charset=MARIADB_CHARSET,
            collation=MARIADB_COLLATION,
            client_flag=CLIENT.FOUND_ROWS,
            binary_prefix=True,
            autocommit=None,
        )
        try:
            self.run(_SETTINGS)
            self._body_bytes_max, self.number = _check_facts(self.run(_FACTS)[0])
        except BaseException:
            self.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self._connection.open

    def run(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and read all its rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement for many rows; of an INSERT as many of them at once as one packet holds."""
        for row in rows:
            longest = max((len(value) for value in row if isinstance(value, bytes)), default=0)
            if longest > self._body_bytes_max:
                message = f"{longest} bytes are more than the server's max_allowed_packet lets through"
                raise ValueError(message)
        with self._connection.cursor() as cursor:
            cursor.executemany(sql, rows)

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Run a query and read its rows a few at a time."""
        with self._connection.cursor(SSCursor) as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(STREAM_ROWS):
                yield from rows

    def begin_snapshot(self) -> None:
        """Begin a transaction that reads one moment."""
        self.run("SET SESSION tx_isolation = 'REPEATABLE-READ', max_statement_time = 0")
        self.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def take_ownership(self) -> Holder | None:
        """Become the owner of the journal until the session ends; or tell who is."""
        # The lock counts on the whole server, so that it bears the name of the database.
        name = f"fairlead {self._database}"
        if self.run("SELECT GET_LOCK(%s, 0)", (name,)) == [(1,)]:
            return None
        ((number,),) = self.run("SELECT IS_USED_LOCK(%s)", (name,))
        hosts = self.run("SELECT host FROM information_schema.processlist WHERE id = %s", (number or 0,))
        # Between the questions the owner may have ended.
        return Holder(number or 0, f"session {number} from {hosts[0][0] if hosts else 'somewhere'}")

    def end_session(self, number: int) -> None:
        """End another session of ours."""
        try:
            self.run(f"KILL {number:d}")
        except pymysql.err.Error as error:
            if error.args[0] != ER.NO_SUCH_THREAD:
                raise

    def is_seq_taken(self, error: Exception) -> bool:
        """Whether a clash is one of the number of a row."""
        return "PRIMARY'" in str(error)

    def close(self) -> None:
        """End it."""
        if self._connection.open:
            try:
                self._connection.close()
            except OSError:
                # It was lost before it could be said goodbye to.
                return


def _limits() -> dict[str, Any]:
    return {
        "connect_timeout": CONNECT_S_MAX,
        "read_timeout": STATEMENT_S_MAX + LOCK_WAIT_S_MAX,
        "write_timeout": STATEMENT_S_MAX,
    }


def _check_facts(facts: tuple[Any, ...]) -> tuple[int, int]:
    version, sql_mode, flush, has_binlog, sync_binlog, packet_bytes, number = facts
    found = re.match(r"(\d+)\.(\d+)", version)
    if "mariadb" not in version.lower() or found is None or tuple(map(int, found.groups())) < SERVER_VERSION_MIN:
        wanted = ".".join(map(str, SERVER_VERSION_MIN))
        raise UnfitServerError(f"this server is {version}, and Fairlead needs MariaDB {wanted} or newer")
    if not set(MARIADB_MODE.split(",")) <= set(sql_mode.split(",")):
        raise UnfitServerError(f"MariaDB runs in the mode {sql_mode} whatever we ask, and orders need {MARIADB_MODE}")
    if flush != 1:
        message = f"MariaDB runs with innodb_flush_log_at_trx_commit = {flush}, and orders need 1"
        raise UnfitServerError(message)
    if has_binlog and sync_binlog != 1:
        raise UnfitServerError(f"MariaDB runs with sync_binlog = {sync_binlog}, and orders need 1")
    return (packet_bytes - STATEMENT_SPARE_BYTES) // 2, number


# By this name it is found (opening).
SESSION: Final = MariadbSession
