from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from fairlead.store.config_watcher import POLL_S, ConfigWatcher
from fairlead.store.journal import StoredJournal
from fairlead.store.queries.groups import Group, add_group, list_groups
from fairlead.store.queries.hook_calls import keep_refused_calls
from fairlead.store.session import Store
from tests.servers.clean import on_every_database
from tests.store.samples import TENANT, all_states, note, unit

OTHER_PROCESS = """
import asyncio, sys
from fairlead.store.session import Store
from fairlead.store.queries.groups import Group, add_group

async def main():
    store = Store(sys.argv[1])
    async with store.session("acme", writes=True) as session:
        await add_group(session, Group(group_id="g9", tenant="acme", name="from elsewhere", created_ms=1))
    await store.close()

asyncio.run(main())
"""


async def until_changed(watcher: ConfigWatcher) -> None:
    """A file is asked at once, a server now and then."""
    for _ in range(1_000):
        if watcher.changed():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("no change was noticed")


@pytest.fixture(name="watcher")
def _watcher(url: str) -> Iterator[ConfigWatcher]:
    watcher = ConfigWatcher(url)
    yield watcher
    watcher.close()


@on_every_database
async def test_a_change_is_seen_once(watcher: ConfigWatcher, store: Store) -> None:
    assert not watcher.changed()

    async with store.session(TENANT, writes=True) as session:
        await add_group(session, Group(group_id="g1", tenant=TENANT, name="all", created_ms=1))
        await asyncio.sleep(2 * POLL_S)
        assert not watcher.changed()

    await until_changed(watcher)
    assert not watcher.changed()


@on_every_database
async def test_a_change_by_another_process_is_seen(watcher: ConfigWatcher, url: str, store: Store) -> None:
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", OTHER_PROCESS, url], check=True)

    await until_changed(watcher)
    async with store.session(TENANT) as session:
        assert [group.name for group in await list_groups(session)] == ["from elsewhere"]


@on_every_database
async def test_neither_reading_nor_trading_is_a_change(
    watcher: ConfigWatcher,
    store: Store,
    journal: StoredJournal,
) -> None:
    await journal.commit(unit(note(), states=all_states()))
    async with store.session(TENANT, writes=True) as session:
        await list_groups(session)
        await keep_refused_calls(session, [])

    await asyncio.sleep(2 * POLL_S)
    assert not watcher.changed()
