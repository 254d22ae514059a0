"""What commands do with a database that a server uses, that is old, damaged, or not there."""

from __future__ import annotations

import os
import re
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


READING = (
    ("explain", "alert-1"),
    ("verify",),
    ("user", "list"),
    ("user", "show", "alice"),
    ("account", "list"),
    ("account", "show", "paper-1"),
    ("account", "balances", "paper-1"),
    ("group", "list"),
    ("group", "show", "default"),
    ("hook", "list"),
    ("hook", "show", "tv"),
    ("hook", "test", "tv", "--address", "192.0.2.7"),
)


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_what_only_reads_creates_nothing(command: tuple[str, ...], folder: Path, run: Run) -> None:
    result = run(*command, code=1)
    assert f"there is no data folder at {folder}: name another with --data" in result.stderr
    assert not folder.exists()
    folder.mkdir()
    assert "there is no database at" in run(*command, code=1).stderr
    assert not list(folder.iterdir())


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_what_only_reads_asks_for_new_tables(command: tuple[str, ...], old: Path, run: Run) -> None:
    result = run(*command, code=1)
    assert re.search(rf"has the layout of an older version: run \S+ migrate --data {old.parent}\n$", result.stderr)
    assert "SELECT" not in result.stderr
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0002",)


STARTING = (("serve", "--port", "0"), ("demo", "--once", "--port", "0"))
ANY = (("explain", "alert-1"), ("verify",), ("user", "list"), ("user", "add", "bob", "--generate"), ("migrate",))


@pytest.mark.parametrize("command", [*ANY, ("migrate", "--check"), *STARTING], ids=" ".join)
def test_a_file_that_is_no_database_is_one_sentence(command: tuple[str, ...], database: Path, run: Run) -> None:
    database.write_bytes(b"not a database" * 1_000)
    result = run(*command, "--data", str(database.parent), code=1)
    assert result.stderr.splitlines()[-1] == (
        f"fairlead: the database {database} is damaged (file is not a database): "
        "keep a copy of it, then put a backup in its place"
    )
    assert not result.stdout


@pytest.mark.parametrize("command", [("verify",), *STARTING], ids=" ".join)
def test_a_broken_page_is_one_sentence(command: tuple[str, ...], database: Path, run: Run) -> None:
    break_page_of("heads", database)
    result = run(*command, "--data", str(database.parent), code=1)
    assert f"the database {database} is damaged (database disk image is malformed)" in result.stderr
    assert "SELECT" not in result.output


def break_page_of(table: str, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


@pytest.mark.parametrize("command", STARTING, ids=" ".join)
def test_a_damaged_record_is_one_sentence_and_verify_names_it(
    command: tuple[str, ...], database: Path, run: Run
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO records VALUES ('paper_market', '', 'market', ?)", (b'{"markets": 1}',))
        connection.commit()
    result = run(*command, "--data", str(database.parent), code=1)
    assert f"the database {database} holds what cannot be read" in result.stderr
    assert "fairlead verify names it" in result.stderr
    assert "records paper_market  market, field body: cannot be read" in run("verify", code=1).stdout


def test_a_database_of_a_newer_version_is_left_alone(database: Path, run: Run) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    for command in ANY:
        assert "has the layout 9999 of a newer version of Fairlead; install that one" in run(*command, code=1).stderr


def test_a_missing_table_is_named_without_its_statement(database: Path, run: Run) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE group_members")
        connection.commit()
    result = run("group", "list", code=1)
    assert result.stderr == f"fairlead: the database {database} cannot be used: no such table: group_members\n"
