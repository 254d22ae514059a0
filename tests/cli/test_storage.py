"""What commands do with a database that a server uses, that is old, damaged, or not there."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import Result

from fairlead.store.folder_lock import FolderLock

Run = Callable[..., Result]


@pytest.fixture(name="database")
def _database(folder: Path, run: Run) -> Path:
    """The file of a data folder with one user."""
    run("user", "add", "alice", "--generate")
    return folder / "fairlead.sqlite3"


@pytest.fixture(name="old")
def _old(database: Path) -> Path:
    """The same, but its tables say that they lack the newest step."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0002'")
        connection.commit()
    return database


@pytest.fixture(name="server")
def _server(database: Path) -> Iterator[None]:
    """Hold the folder as a server does."""
    with FolderLock(database.parent):
        yield


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("command", [("migrate",), ("user", "add", "bob", "--generate"), ("group", "add", "some")])
def test_tables_are_not_changed_beneath_a_server(command: tuple[str, ...], old: Path, run: Run) -> None:
    result = run(*command, code=1)
    assert "the tables must be brought to the newest layout first" in result.stderr
    assert f"is in use by process {os.getpid()}; stop it" in result.stderr
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0002",)
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (1,)


@pytest.mark.usefixtures("server")
def test_what_needs_no_new_tables_works_beside_a_server(run: Run) -> None:
    assert run("migrate").stdout == "applied: nothing\n"
    run("user", "add", "bob", "--generate")
