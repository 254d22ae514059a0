from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from fairlead.store.databases.opening import driver_faults
from fairlead.store.journal import StoredJournal
from fairlead.store.migrate import connect, list_revisions, migrate, pending, read_revision
from fairlead.store.tables import metadata
from fairlead.store.upgrading import make_config
from fairlead.store.urls import UnsupportedDatabaseError
from tests.servers.clean import empty_url, on_every_database


# On SQLite, where asking must not make the file; the servers are brought up from each layout in test_upgrade_servers.
def test_an_empty_database_is_brought_up_once(path: Path) -> None:
    url = f"sqlite:///{path}"

    assert pending(url) == [
        "0001",
        "0002",
        "0003",
        "0004",
        "0005",
        "0006",
        "0007",
        "0008",
        "0009",
        "0010",
        "0011",
        "0012",
    ]
    assert not path.exists()
    assert migrate(url) == [
        "0001",
        "0002",
        "0003",
        "0004",
        "0005",
        "0006",
        "0007",
        "0008",
        "0009",
        "0010",
        "0011",
        "0012",
    ]
    assert pending(url) == []
    assert migrate(url) == []


def test_the_names_of_the_files_tell_what_alembic_finds_in_them() -> None:
    steps = ScriptDirectory.from_config(make_config()).walk_revisions()
    assert list_revisions() == [step.revision for step in steps][::-1]


@on_every_database
def test_the_revision_applied_last_is_what_alembic_reads(kind: str, tmp_path: Path) -> None:
    url = empty_url(kind, tmp_path)
    with connect(url) as connection:
        assert read_revision(connection) is None
        assert MigrationContext.configure(connection).get_current_revision() is None
    migrate(url)
    with connect(url) as connection:
        assert read_revision(connection) == list_revisions()[-1]
        assert MigrationContext.configure(connection).get_current_revision() == list_revisions()[-1]


async def test_it_works_from_the_event_loop_and_with_the_async_url(path: Path) -> None:
    assert migrate(f"sqlite+aiosqlite:///{path}") == [
        "0001",
        "0002",
        "0003",
        "0004",
        "0005",
        "0006",
        "0007",
        "0008",
        "0009",
        "0010",
        "0011",
        "0012",
    ]


# SQLite by nature: it alone keeps the words by which a table was made.
def test_the_steps_lead_to_the_tables_of_the_code(url: str, path: Path) -> None:
    built = sqlite3.connect(path)
    made = sqlite3.connect(":memory:")
    engine = create_engine("sqlite://", creator=lambda: made)
    metadata.create_all(engine)
    query = (
        "SELECT name, replace(replace(sql, '\"', ''), ' ', '') FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    )
    stored = {name: sorted(sql.split(",")) for name, sql in built.execute(query) if name != "alembic_version"}
    wanted = {name: sorted(sql.split(",")) for name, sql in made.execute(query)}
    built.close()
    engine.dispose()
    made.close()
    assert stored.keys() == wanted.keys()
    without_rowid = {name for name, parts in wanted.items() if "WITHOUTROWID" in "".join(parts)}
    assert without_rowid == {name for name, parts in stored.items() if "WITHOUTROWID" in "".join(parts)}
    assert without_rowid == {
        "alerts",
        "balances",
        "heads",
        "notify_state",
        "orders",
        "positions",
        "requests",
        "sub_positions",
    }


# SQLite by nature: it files the rows by their number without an index.
def test_the_journal_has_one_index_beside_its_number(url: str, path: Path) -> None:
    connection = sqlite3.connect(path)
    assert [row[1] for row in connection.execute("PRAGMA index_list(journal)")] == ["journal_key"]
    connection.close()


# SQLite by nature: a file and its mode.
def test_the_database_belongs_to_its_owner_alone(url: str, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE config_version SET version = version")
    connection.commit()

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    files = sorted(path.parent.glob(f"{path.name}*"))
    assert [file.name for file in files] == [f"{path.name}{end}" for end in ("", "-shm", "-wal")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    connection.close()


@on_every_database
async def test_a_journal_that_was_not_migrated_is_refused(kind: str, tmp_path: Path) -> None:
    url = empty_url(kind, tmp_path)
    with pytest.raises(driver_faults(url), match=r"(?i)no such table|does not exist|doesn't exist"):
        await StoredJournal.open(url, on_death=print)
    # Nobody owns it any more.
    migrate(url)
    journal = await StoredJournal.open(url, on_death=print)
    await journal.close()


@pytest.mark.parametrize("url", ["oracle://localhost/x", "no url", "sqlite://", "sqlite:///:memory:"])
def test_a_database_we_cannot_keep_is_named(url: str) -> None:
    with pytest.raises(UnsupportedDatabaseError, match="sqlite:///path/to/file"):
        migrate(url)
