"""A process that is killed while it appends loses nothing that it was told is stored."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fairlead.ports import Committed
from fairlead.store.journal import StoredJournal
from fairlead.store.verify import verify
from tests.servers.clean import on_every_database
from tests.store.samples import note, unit

APPEND = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from fairlead.ports import Committed
from fairlead.store.journal import StoredJournal
from tests.store.samples import note, unit

async def main():
    journal = await StoredJournal.open(sys.argv[1], on_death=print)
    number = 0
    while True:
        for _ in range(200):
            number += 1
            key = f"k{number:08}"
            def tell(outcome, key=key):
                assert isinstance(outcome, Committed), outcome
                sys.stdout.write(key + "\\n")
            journal.append(unit(note(key), note(stream=f"s{number % 7}")), tell)
        await asyncio.sleep(0.002)
        sys.stdout.flush()

asyncio.run(main())
"""
CONFIRMED_BEFORE_KILL = 3_000


def run_until_killed(url: str) -> list[str]:
    root = str(Path(__file__).parents[2])
    confirmed: list[str] = []
    with subprocess.Popen([sys.executable, "-c", APPEND, url, root], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            # A line cut in two by the kill confirms nothing.
            if line.endswith("\n"):
                confirmed.append(line.strip())
            if len(confirmed) == CONFIRMED_BEFORE_KILL:
                process.kill()
    return confirmed


@on_every_database
async def test_kill_nine_loses_nothing_that_was_confirmed(url: str) -> None:
    confirmed = run_until_killed(url)
    assert len(confirmed) >= CONFIRMED_BEFORE_KILL

    journal = await StoredJournal.open(url, on_death=print)
    rows = [row async for row in journal.read_after(0)]
    stored = {row.key for row in rows}
    next_outcome = await journal.commit(unit(note("afterwards")))
    await journal.close()

    assert [key for key in confirmed if key not in stored] == []
    # Units are whole: each has a row with a key and one without.
    assert sum(row.key is None for row in rows) == len(rows) // 2
    assert next_outcome == Committed(last_seq=len(rows) + 1)
    assert verify(url, lambda _: ()).problems == ()
