"""A database of an earlier layout, with data, is brought up and still says what its journal says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from fairlead.store import migrate as steps
from fairlead.store.journal import SqliteJournal
from fairlead.store.verify import verify
from tests.store.samples import all_states, fold_all, make_share, note, unit

# Tables that later steps add, in an order in which they can be dropped.
LATER_TABLES = ("sub_positions", "notify_outbox", "notify_channels", "notify_state")
NEW_FIELDS = b',"source_id":"","strategy_id":"","close_scope":null'


async def test_a_first_layout_with_orders_is_brought_up(path: Path, url: str) -> None:
    journal = await SqliteJournal.open(url, on_death=print)
    await journal.commit(unit(note(), states=all_states()))
    await journal.close()
    with closing(sqlite3.connect(path)) as connection:
        (body,) = connection.execute("SELECT body FROM orders").fetchone()
        assert NEW_FIELDS in body
        connection.execute("UPDATE orders SET body = ?", (body.replace(NEW_FIELDS, b""),))
        for table in LATER_TABLES:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()

    assert steps.migrate(url)[:1] == ["0002"]

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT body, typeof(body) FROM orders").fetchone() == (body, "blob")
        assert connection.execute("SELECT * FROM sub_positions").fetchall() == []
    share = make_share()
    old_fold = tuple(state for state in fold_all(None) if state != share)  # type: ignore[arg-type]  # it looks at no row
    assert verify(url, lambda _: old_fold).problems == ()
