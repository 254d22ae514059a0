"""Real PostgreSQL and MariaDB servers on free loopback ports, with every commit on disk."""

from __future__ import annotations

import signal
import socket
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import psycopg
import pymysql

from tests.servers.machine import (
    POLL_S,
    START_S_MAX,
    ServerProcess,
    as_user,
    find_free_port,
    find_program,
    give_folder,
    run_quietly,
)

USER = "fairlead"
# Every character that a URL has a meaning for.
PASSWORD = "p@ss:w/rd%?#"
ADMIN = "admin"


class RealServer(ABC):
    """A server in a folder of its own, on a loopback port."""

    scheme: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.port = port or find_free_port()

    @abstractmethod
    def create(self) -> None:
        """Make the data folder; without syncing, because nothing is in it yet."""

    @abstractmethod
    def create_user(self) -> None: ...

    @abstractmethod
    def create_database(self, name: str) -> None: ...

    @abstractmethod
    def ask(self, sql: str, database: str = "") -> list[tuple[Any, ...]]:
        """Ask as the administrator."""

    @abstractmethod
    def run(self, database: str, *statements: str) -> None:
        """Do several things in one transaction."""

    @abstractmethod
    def cut_connections(self, database: str) -> int:
        """End every connection to a database; how many there were."""

    @abstractmethod
    def _command(self) -> list[str]:
        """What starts it, so that every commit is on disk."""

    def start(self, owner: int) -> None:
        """Start and wait until it answers; ``owner`` is the process whose end ends it."""
        process = ServerProcess(self.folder, self._command(), owner)
        process.start()
        until = time.monotonic() + START_S_MAX
        while not (_listens(self.port) and self._answers()):
            assert time.monotonic() < until, process.read_log()
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Stop it as an operator would."""
        ServerProcess(self.folder).end(self.stop_signal)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        ServerProcess(self.folder).end_at_once()

    def freeze(self) -> None:
        """Let it stand still, with all connections open."""
        ServerProcess(self.folder).signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        ServerProcess(self.folder).signal_all(signal.SIGCONT)

    def url(self, database: str) -> str:
        """What an operator would set."""
        return f"{self.scheme}://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        try:
            self.ask("SELECT 1")
        except (psycopg.OperationalError, pymysql.err.OperationalError):
            return False
        return True


class PostgresServer(RealServer):
    """PostgreSQL as Debian installs it, sorting by the rules of a language unless told otherwise."""

    scheme = "postgresql"
    stop_signal = signal.SIGINT

    def create(self) -> None:
        give_folder(self.folder, "postgres")
        options = "--no-sync --encoding=UTF8 --locale=C --locale-provider=icu --icu-locale=en --auth=scram-sha-256"
        (self.folder.parent / f"{self.folder.name}.password").write_text(PASSWORD)
        passwords = f"--pwfile={self.folder.parent / f'{self.folder.name}.password'}"
        program = _find_postgres("initdb")
        data = str(self.folder / "data")
        run_quietly([*as_user("postgres"), program, *options.split(), passwords, f"--username={ADMIN}", "-D", data])

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "shared_buffers": "32MB",
            "max_connections": 200,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*as_user("postgres"), _find_postgres("postgres"), "-D", str(self.folder / "data"), *options]

    def create_user(self) -> None:
        with self._connect("postgres") as connection:
            connection.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")

    def create_database(self, name: str) -> None:
        self.ask(f"CREATE DATABASE {name} OWNER {USER}")

    def ask(self, sql: str, database: str = "") -> list[tuple[Any, ...]]:
        with self._connect(database or "postgres") as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def run(self, database: str, *statements: str) -> None:
        with self._connect(database) as connection, connection.transaction():
            for statement in statements:
                connection.execute(statement)

    def cut_connections(self, database: str) -> int:
        query = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        return len(self.ask(query))

    def _connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=ADMIN, password=PASSWORD, dbname=database, autocommit=True
        )


class MariadbServer(RealServer):
    """MariaDB as Debian installs it, comparing without regard to case unless told otherwise."""

    scheme = "mariadb"
    stop_signal = signal.SIGTERM

    def create(self) -> None:
        give_folder(self.folder, "mysql")
        options = "--no-defaults --skip-test-db --skip-name-resolve --auth-root-authentication-method=normal"
        quick = "--innodb-flush-method=nosync --innodb-log-file-size=16M"
        program = find_program("mariadb-install-db", ["/usr/bin"], "mariadb-server")
        data = f"--datadir={self.folder / 'data'}"
        run_quietly([*as_user("mysql"), program, *options.split(), data, *quick.split()])

    def _command(self) -> list[str]:
        options = (
            "--no-defaults --bind-address=127.0.0.1 --skip-name-resolve --innodb-flush-log-at-trx-commit=1 "
            "--innodb-buffer-pool-size=64M --innodb-log-file-size=16M --max-connections=200 "
            "--innodb-buffer-pool-dump-at-shutdown=OFF --innodb-buffer-pool-load-at-startup=OFF"
        )
        return [
            *as_user("mysql"),
            find_program("mariadbd", ["/usr/sbin"], "mariadb-server"),
            *options.split(),
            f"--datadir={self.folder / 'data'}",
            f"--socket={self._socket}",
            f"--port={self.port}",
        ]

    def create_user(self) -> None:
        self.ask(f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD.replace('%', '%%')}'")

    def create_database(self, name: str) -> None:
        self.ask(f"CREATE DATABASE {name}")
        self.ask(f"GRANT ALL ON {name}.* TO {USER}@'127.0.0.1'")

    def ask(self, sql: str, database: str = "") -> list[tuple[Any, ...]]:
        with self._connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(sql, () if "%%" in sql else None)
            return list(cursor.fetchall())

    def run(self, database: str, *statements: str) -> None:
        with self._connect(database) as connection, connection.cursor() as cursor:
            connection.begin()
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def cut_connections(self, database: str) -> int:
        ids = self.ask(f"SELECT id FROM information_schema.processlist WHERE db = '{database}'")
        for (connection_id,) in ids:
            try:
                self.ask(f"KILL {connection_id}")
            except pymysql.err.OperationalError:
                # It has just ended by itself.
                continue
        return len(ids)

    def _connect(self, database: str) -> pymysql.Connection[Any]:
        return pymysql.connect(
            unix_socket=str(self._socket), user="root", database=database or None, charset="utf8mb4", autocommit=True
        )

    @property
    def _socket(self) -> Path:
        return self.folder / "server.sock"


def make_server(kind: str, folder: Path, port: int = 0) -> RealServer:
    return PostgresServer(folder, port) if kind == "postgresql" else MariadbServer(folder, port)


def _find_postgres(name: str) -> str:
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return find_program(name, folders, "postgresql")


# Asked first, because a driver may leave a socket behind when nobody is there.
def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
