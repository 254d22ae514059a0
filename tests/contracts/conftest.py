"""One world per implementation of a port; a new database joins the journal's contract by one more parameter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

import pytest

from fairlead.clock import SystemClock
from fairlead.observing.path_lines import PathLines
from fairlead.observing.path_watch import PathWatch
from fairlead.observing.watched_journal import WatchedJournal
from fairlead.ports import Journal
from fairlead.store.journal import StoredJournal
from fairlead.store.verify import Report, verify
from tests.servers.clean import DATABASES, clean_url
from tests.simulation.disk import Disk, DiskJournal
from tests.store.samples import all_states


class OpenJournal(Journal, Protocol):
    async def close(self) -> None: ...


class JournalWorld:
    """One database: journals are opened in it one after the other, as processes would."""

    def __init__(self, url: str, open_journal: Callable[[str], Awaitable[OpenJournal]]) -> None:
        self.url = url
        self._open = open_journal
        self._opened: list[OpenJournal] = []

    async def open(self) -> OpenJournal:
        journal = await self._open(self.url)
        self._opened.append(journal)
        return journal

    async def close(self) -> None:
        while self._opened:
            await self._opened.pop().close()

    def verify(self, *, with_states: bool = False) -> Report:
        return verify(self.url, lambda _row: all_states() if with_states else ())


async def _open_plain(url: str) -> OpenJournal:
    return await StoredJournal.open(url, on_death=_fail)


async def _open_watched(url: str) -> OpenJournal:
    journal = await StoredJournal.open(url, on_death=_fail)
    return _Watched(journal)


class _Watched(WatchedJournal):
    """With the watch that the process puts on its journal."""

    def __init__(self, journal: StoredJournal) -> None:
        clock = SystemClock()
        watch = PathWatch(clock=clock, lines=PathLines(is_verbose=True), label_of=str)
        super().__init__(journal, clock, watch.on_unit)
        self.close = journal.close


class _DiskWorld(JournalWorld):
    """The disk of the simulated world, which must be as good as a database."""

    def __init__(self, folder: Path) -> None:
        self._disk = Disk(seed=1)
        self._file = folder / "fairlead.sqlite3"
        super().__init__("", self._open_disk)

    async def _open_disk(self, _url: str) -> OpenJournal:
        return DiskJournal(self._disk, SystemClock())

    def verify(self, *, with_states: bool = False) -> Report:
        self.url = self._disk.write_file(self._file)
        return super().verify(with_states=with_states)

    def forget(self) -> None:
        self._disk.close()


def _fail(error: BaseException) -> None:
    raise AssertionError("the writer died") from error


@pytest.fixture(name="world", params=[*DATABASES, "watched", "simulated"])
async def _world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JournalWorld]:
    if request.param == "simulated":
        simulated = _DiskWorld(tmp_path)
        yield simulated
        await simulated.close()
        simulated.forget()
        return
    is_watched = request.param == "watched"
    url = clean_url("sqlite" if is_watched else request.param, tmp_path)
    world = JournalWorld(url, _open_watched if is_watched else _open_plain)
    yield world
    await world.close()
