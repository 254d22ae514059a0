"""An empty, migrated database for a test: a file of its own, or this worker's database on the run's server."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from fairlead.store.migrate import migrate
from fairlead.store.sqlite_file import make_private_file
from fairlead.store.tables import config_version, metadata
from tests.servers.database_server import RealServer
from tests.servers.shared import KINDS, shared_server

DATABASES = ("sqlite", *KINDS)
# For a test that takes the fixture `kind`, or one that is made from it.
on_every_database = pytest.mark.parametrize("kind", DATABASES, indirect=True)
on_every_server = pytest.mark.parametrize("kind", KINDS, indirect=True)
_numbers = count(1)


def clean_url(kind: str, folder: Path) -> str:
    """The URL of a database with the newest tables and nothing in them."""
    if kind == "sqlite":
        return clean_sqlite(folder)
    server = shared_server(kind)
    name = _worker_database(kind)
    server.cut_connections(name)
    tables = [table.name for table in reversed(metadata.sorted_tables) if table is not config_version]
    server.run(
        name, *(f"DELETE FROM {quote_name(kind, table)}" for table in tables), "UPDATE config_version SET version = 0"
    )
    return server.url(name)


def clean_sqlite(folder: Path) -> str:
    """The URL of a new file with the newest tables and nothing in them: a copy, because a hundred tests make one."""
    path = folder / "fairlead.sqlite3"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_private_file(path)
    path.write_bytes(migrated_bytes())
    return f"sqlite:///{path}"


def empty_url(kind: str, folder: Path) -> str:
    """The URL of a database in which nothing was ever made."""
    if kind == "sqlite":
        return f"sqlite:///{folder / f'empty{next(_numbers)}.sqlite3'}"
    name = f"empty_{_worker()}_{next(_numbers)}"
    server = shared_server(kind)
    server.create_database(name)
    return server.url(name)


def server_of(kind: str) -> tuple[RealServer, str]:
    """The server behind ``clean_url``, and the name of the database there."""
    return shared_server(kind), _worker_database(kind)


def quote_name(kind: str, name: str) -> str:
    """Names such as ``groups`` mean something else to some."""
    return f"`{name}`" if kind == "mariadb" else f'"{name}"'


@cache
def migrated_bytes() -> bytes:
    """A SQLite file with the newest tables and nothing in them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fairlead.sqlite3"
        migrate(f"sqlite:///{path}")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.read_bytes()


@cache
def _worker_database(kind: str) -> str:
    name = f"worker_{_worker()}"
    server = shared_server(kind)
    server.ask(f"DROP DATABASE IF EXISTS {name}")
    server.create_database(name)
    migrate(server.url(name))
    return name


def _worker() -> str:
    return f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
