"""Rows of requests that were written without their later fields are written anew."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from fairlead.store import migrate as steps
from fairlead.store.journal import StoredJournal
from tests.store.samples import all_states, note, unit


async def test_a_request_from_before_warnings_and_previews_is_written_anew(path: Path, url: str) -> None:
    journal = await StoredJournal.open(url, on_death=print)
    await journal.commit(unit(note(), states=all_states()))
    await journal.close()
    with closing(sqlite3.connect(path)) as connection:
        (body,) = connection.execute("SELECT body FROM requests").fetchone()
        kind, request, *rest = json.loads(body)
        old = json.dumps([kind, request[:-1], *rest[:-2]]).encode()
        connection.execute("UPDATE requests SET body = ?", (old,))
        connection.execute("UPDATE alembic_version SET version_num = '0005'")
        # A later step makes it.
        connection.execute("DROP TABLE policies")
        connection.commit()

    assert steps.migrate(url)[:1] == ["0006"]

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT body FROM requests").fetchone() == (body,)
