"""How much an order costs on disk: what a commit writes are whole pages, so what it changes must lie together."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from fairlead.ports import Record, Unit
from fairlead.store.journal import StoredJournal
from fairlead.store.migrate import migrate
from fairlead.store.sqlite_file import LOG_PAGES_MAX, open_writer
from fairlead.store.tables import PROJECTIONS, changing_names

PAGE: Final = 4_096
OWNERS: Final = 100
# As long as the books of an account that holds three instruments.
BODY: Final = bytes(1_100)


def records_of_all(first: int) -> Unit:
    """One record for each owner, with keys that rise as they come in."""
    numbers = range(first, first + OWNERS)
    return Unit(records=tuple(Record(space="o", owner=f"{n % OWNERS}", key=f"{n:09}", body=BODY) for n in numbers))


def log_pages(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size // PAGE


async def test_new_records_of_many_owners_lie_together(journal: StoredJournal, path: Path) -> None:
    for turn in range(10):
        await journal.commit(records_of_all(turn * OWNERS))
    before = log_pages(path)

    await journal.commit(records_of_all(10 * OWNERS))

    # Three fit on a page, and their index takes a few.
    assert log_pages(path) - before < OWNERS // 3 + 10


async def test_a_record_that_is_written_again_takes_one_page(journal: StoredJournal, path: Path) -> None:
    for turn in range(10):
        await journal.commit(records_of_all(turn * OWNERS))
    before = log_pages(path)

    await journal.commit(Unit(records=(Record(space="o", owner="7", key=f"{507:09}", body=BODY[:-1]),)))

    assert log_pages(path) - before == 1


def test_the_log_is_long_enough_to_copy_a_busy_page_but_once(path: Path) -> None:
    migrate(f"sqlite:///{path}")
    with closing(open_writer(path)) as writer:
        writer.execute("CREATE TABLE busy (body)")
        size = path.stat().st_size
        for _ in range(LOG_PAGES_MAX // 2):
            writer.execute("REPLACE INTO busy (rowid, body) VALUES (1, zeroblob(3000))")

        assert path.stat().st_size == size
        assert log_pages(path) > LOG_PAGES_MAX // 2


def test_no_index_is_touched_when_a_row_goes_on(path: Path, url: str) -> None:
    """Save those whose purpose is to follow it: what is open, and what is pending."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql <> ''")
        ]
        indexed = {name: {row[2] for row in connection.execute(f"PRAGMA index_info({name})")} for name in names}
    changing = {name for table in PROJECTIONS for name in changing_names(table)}

    assert indexed["requests_cause"] == {"tenant", "cause"}
    assert not changing & (indexed["requests_cause"] | indexed["requests_pending"] | indexed["orders_open"])
