"""What is stored of a bot is what the journal says of it, and a hand that changes either is named."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from fairlead.store.urls import sqlite_path
from tests.sources.bots.bot_world import BotWorld


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            """UPDATE records SET body = CAST(replace(body, '"cycle":2', '"cycle":7') AS BLOB) WHERE space = 'bot'""",
            "records bot t1 dip, field cycle: stored 7, rebuilt 2",
        ),
        (
            "DELETE FROM records WHERE space = 'bot'",
            "records bot t1 dip: missing, but the journal says it is there",
        ),
        (
            "INSERT INTO records SELECT space, owner, 'nobody', body FROM records WHERE space = 'bot'",
            "records bot t1 nobody: stored, but the journal knows nothing of it",
        ),
        (
            "UPDATE records SET body = CAST('garbage' AS BLOB) WHERE space = 'bot'",
            "records bot t1 dip, field body: cannot be read",
        ),
    ],
)
async def test_a_bot_that_was_changed_by_hand_is_named(world: BotWorld, change: str, problem: str) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    await world.move(world.bot("dip").deal.first_price * 2)
    assert world.problems() == ()
    path = sqlite_path(world.url)
    with closing(sqlite3.connect(path)) as connection, connection:
        before = connection.execute("SELECT * FROM records WHERE space = 'bot'").fetchall()
        connection.execute(change)
        connection.commit()
        assert [problem in line for line in world.problems()] == [True]
        connection.execute("DELETE FROM records WHERE space = 'bot'")
        connection.executemany(f"INSERT INTO records VALUES ({','.join('?' * len(before[0]))})", before)
