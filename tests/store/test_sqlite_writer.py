"""What can go wrong below the journal, and that nobody waits for ever because of it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fairlead.ports import AppendOutcome, Committed, NotStored, Unit
from fairlead.store import writer as journal_writer
from fairlead.store.databases import sqlite
from fairlead.store.databases.contract import SecondOwnerError
from fairlead.store.databases.sqlite import SqliteDatabase
from fairlead.store.deliveries import Deliveries
from fairlead.store.journal import StoredJournal
from fairlead.store.rows import DamagedJournalError
from fairlead.store.sqlite_file import open_writer
from fairlead.store.verify import verify
from fairlead.store.writer import JournalWriter
from tests.store.samples import all_states, note, unit


class CountedConnection(sqlite3.Connection):
    """Counts commits."""

    commits = 0

    def execute(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:
        self.commits += sql == "COMMIT"
        return super().execute(sql, parameters)  # type: ignore[arg-type]


@pytest.fixture(name="other")
def _other(url: str, path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else, who ignores the lock of the folder."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0.2)) as connection:
        yield connection


async def commit_on(writer: JournalWriter, key: str | None = None) -> AppendOutcome:
    return await put_on(writer, unit(note(key)))


async def put_on(writer: JournalWriter, what: Unit) -> AppendOutcome:
    future: asyncio.Future[AppendOutcome] = asyncio.get_running_loop().create_future()
    refusal = writer.put(what, future.set_result)
    return NotStored(reason=refusal) if refusal else await future


async def test_units_that_wait_share_one_commit(url: str, path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=CountedConnection)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")
    writer = JournalWriter(SqliteDatabase(connection), Deliveries(asyncio.get_running_loop()), on_death=_fail)
    told: list[AppendOutcome] = []
    for _ in range(500):
        writer.put(unit(note()), told.append)
    last = await commit_on(writer)

    assert last == Committed(last_seq=501)
    assert len(told) == 500
    assert connection.commits < 50
    await asyncio.to_thread(writer.stop)


async def test_a_busy_writer_waits_a_moment_and_an_idle_one_does_not(
    path: Path, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "BUSY_WAIT_S", 0.5)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=CountedConnection)
    writer = JournalWriter(SqliteDatabase(connection), Deliveries(asyncio.get_running_loop()), on_death=_fail)
    # While nothing can be stored, many come together behind the first.
    other.execute("BEGIN IMMEDIATE")
    many = [asyncio.ensure_future(commit_on(writer)) for _ in range(2 * journal_writer.BUSY_UNITS_MIN)]
    await asyncio.sleep(0.05)
    other.execute("ROLLBACK")
    await asyncio.gather(*many)
    before = connection.commits

    early = asyncio.ensure_future(commit_on(writer))
    await asyncio.sleep(0.05)
    assert not early.done()
    await commit_on(writer)
    assert isinstance(await early, Committed)
    assert connection.commits - before == 1
    await asyncio.wait_for(commit_on(writer), 0.4)
    await asyncio.to_thread(writer.stop)


async def test_a_second_owner_ends_the_writer_and_everybody_is_told(
    journal: StoredJournal,
    other: sqlite3.Connection,
    deaths: list[BaseException],
) -> None:
    assert await journal.commit(unit(note())) == Committed(last_seq=1)
    other.execute("UPDATE heads SET version = 7")

    outcomes = await asyncio.wait_for(asyncio.gather(*(journal.commit(unit(note())) for _ in range(40))), 10)

    assert all(isinstance(outcome, NotStored) and "dead" in outcome.reason for outcome in outcomes)
    assert isinstance(await asyncio.wait_for(journal.commit(unit(note())), 10), NotStored)
    assert [type(error) for error in deaths] == [SecondOwnerError]
    assert other.execute("SELECT count(*) FROM journal").fetchone() == (1,)


async def test_a_foreign_row_in_the_journal_ends_the_writer(
    journal: StoredJournal,
    other: sqlite3.Connection,
    deaths: list[BaseException],
) -> None:
    await journal.commit(unit(note()))
    columns = "tenant, stream, version, kind, cause, at_ms, body, hash"
    other.execute(f"INSERT INTO journal(seq, {columns}) SELECT 2, {columns} FROM journal")

    outcome = await asyncio.wait_for(journal.commit(unit(note())), 10)

    assert isinstance(outcome, NotStored)
    assert "another process" in outcome.reason
    assert [type(error) for error in deaths] == [SecondOwnerError]


async def test_a_stream_begun_by_somebody_else_ends_the_writer(
    journal: StoredJournal,
    other: sqlite3.Connection,
    deaths: list[BaseException],
) -> None:
    other.execute("INSERT INTO heads(stream, version) VALUES ('account:1', 3)")

    assert isinstance(await asyncio.wait_for(journal.commit(unit(note())), 10), NotStored)
    assert [type(error) for error in deaths] == [SecondOwnerError]


async def test_a_bug_in_the_writer_ends_it_loudly(
    journal: StoredJournal,
    deaths: list[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("a bug")

    monkeypatch.setattr(sqlite, "insert_rows", fail)

    outcomes = await asyncio.wait_for(asyncio.gather(*(journal.commit(unit(note())) for _ in range(40))), 10)

    assert set(outcomes) == {NotStored(reason="journal dead: a bug")}
    assert [type(error) for error in deaths] == [LookupError]


async def test_a_full_disk_refuses_and_room_heals(url: str, path: Path) -> None:
    connection = open_writer(path)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + 8}")
    writer = JournalWriter(SqliteDatabase(connection), Deliveries(asyncio.get_running_loop()), on_death=_fail)
    stored = 0
    while (outcome := await commit_on(writer, f"k{stored}")) == Committed(last_seq=stored + 1):
        stored += 1

    assert outcome == NotStored(reason="database or disk is full")
    assert stored > 0
    connection.execute("PRAGMA max_page_count=1000000")
    assert await commit_on(writer, f"k{stored}") == Committed(last_seq=stored + 1)
    await asyncio.to_thread(writer.stop)
    assert verify(url, lambda _: ()).problems == ()


async def test_a_read_only_database_refuses_and_recovers(url: str, path: Path) -> None:
    connection = open_writer(path)
    writer = JournalWriter(SqliteDatabase(connection), Deliveries(asyncio.get_running_loop()), on_death=_fail)
    connection.execute("PRAGMA query_only=1")
    refused = await commit_on(writer)
    connection.execute("PRAGMA query_only=0")

    assert isinstance(refused, NotStored)
    assert "readonly" in refused.reason
    assert await commit_on(writer) == Committed(last_seq=1)
    await asyncio.to_thread(writer.stop)


async def test_a_database_locked_by_somebody_else_refuses_and_recovers(
    url: str,
    path: Path,
    other: sqlite3.Connection,
) -> None:
    connection = open_writer(path)
    connection.execute("PRAGMA busy_timeout=50")
    writer = JournalWriter(SqliteDatabase(connection), Deliveries(asyncio.get_running_loop()), on_death=_fail)
    other.execute("BEGIN IMMEDIATE")
    refused = await commit_on(writer)
    other.execute("ROLLBACK")

    assert refused == NotStored(reason="database is locked")
    assert await commit_on(writer) == Committed(last_seq=1)
    await asyncio.to_thread(writer.stop)


async def test_a_refusal_is_trouble_until_the_file_can_be_written_again(url: str, path: Path) -> None:
    connection = open_writer(path)
    writer = JournalWriter(SqliteDatabase(connection), Deliveries(asyncio.get_running_loop()), on_death=_fail)
    connection.execute("PRAGMA query_only=1")
    await commit_on(writer)
    told = writer.trouble
    # A transaction in which nothing is written proves nothing.
    await put_on(writer, Unit())
    assert writer.trouble == told
    connection.execute("PRAGMA query_only=0")
    for _ in range(100):
        await asyncio.sleep(0.1 if writer.trouble else 0)

    assert "readonly" in told
    assert writer.trouble == ""
    await asyncio.to_thread(writer.stop)


async def test_a_file_that_was_moved_away_refuses_until_it_is_back(url: str, path: Path) -> None:
    writer = JournalWriter(SqliteDatabase(open_writer(path)), Deliveries(asyncio.get_running_loop()), on_death=_fail)
    assert await commit_on(writer) == Committed(last_seq=1)
    for name in (path, path.with_name(f"{path.name}-wal")):
        away = name.rename(name.with_name(f"{name.name}.away"))
        assert await commit_on(writer) == NotStored(reason=f"the file {name.name} is gone")
        away.rename(name)
        assert await commit_on(writer) == Committed(last_seq=writer.rows_stored)
    await asyncio.to_thread(writer.stop)


async def test_a_refused_batch_breaks_the_chains_in_it(url: str, path: Path) -> None:
    connection = open_writer(path)
    writer = JournalWriter(SqliteDatabase(connection), Deliveries(asyncio.get_running_loop()), on_death=_fail)
    told: list[AppendOutcome] = []
    connection.execute("PRAGMA query_only=1")
    writer.put(unit(note(), chain="desk"), told.append)
    await commit_on(writer)
    connection.execute("PRAGMA query_only=0")
    writer.put(unit(note(), chain="desk"), told.append)
    writer.reopen("desk")
    writer.put(unit(note(), chain="desk"), told.append)
    await commit_on(writer)

    assert [type(outcome) for outcome in told] == [NotStored, NotStored, Committed]
    await asyncio.to_thread(writer.stop)


async def test_a_full_queue_refuses_at_once_and_breaks_the_chain(
    journal: StoredJournal,
    other: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_writer, "UNITS_WAITING_MAX", 3)
    monkeypatch.setattr(journal_writer, "BATCH_UNITS_MAX", 1)
    # While somebody else writes, the writer waits with one unit in its hands.
    other.execute("BEGIN IMMEDIATE")
    told: list[AppendOutcome] = []
    for _ in range(10):
        journal.append(unit(note(), chain="desk"), told.append)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    refused_early = list(told)
    other.execute("ROLLBACK")
    while len(told) < 10:
        assert isinstance(await journal.commit(unit(note(), chain="desk")), NotStored)
    journal.reopen("desk")
    assert isinstance(await journal.commit(unit(note(), chain="desk")), Committed)

    assert refused_early[0] == NotStored(reason="queue full")
    assert 6 <= len(refused_early) <= 7
    assert sum(isinstance(outcome, Committed) for outcome in told) == 10 - len(refused_early)


async def test_a_reader_that_stays_open_does_not_hold_the_writer_up(journal: StoredJournal, path: Path) -> None:
    await journal.commit(unit(note()))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM journal").fetchone() == (1,)

        outcomes = [await asyncio.wait_for(journal.commit(unit(note())), 5) for _ in range(200)]

        assert outcomes[-1] == Committed(last_seq=201)
        assert reader.execute("SELECT count(*) FROM journal").fetchone() == (1,)


async def test_streams_that_do_not_add_up_are_refused_at_the_start(url: str, other: sqlite3.Connection) -> None:
    other.execute("INSERT INTO heads(stream, version) VALUES ('ghost', 3)")

    with pytest.raises(DamagedJournalError, match="ends at row 0, but its streams add up to 3 rows"):
        await StoredJournal.open(url, on_death=_fail)


async def test_no_thread_outlives_its_journal(url: str) -> None:
    journal = await StoredJournal.open(url, on_death=_fail)
    await journal.commit(unit(note(), states=all_states()))
    _ = [row async for row in journal.read_after(0)]
    await journal.close()

    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("journal")] == []


def _fail(error: BaseException) -> None:
    raise AssertionError("the writer died") from error
