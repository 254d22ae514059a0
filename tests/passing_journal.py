"""A journal that passes everything on to another, for tests that come in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from fairlead.ports import AppendOutcome, Journal, JournalRow, Record, Unit


class PassingJournal:
    """Obeys ports.Journal; whoever waits for a commit hears of it through ``append`` too."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def append(self, unit: Unit, on_done: Callable[[AppendOutcome], None]) -> None:
        self._journal.append(unit, on_done)

    def commit(self, unit: Unit) -> Awaitable[AppendOutcome]:
        future: asyncio.Future[AppendOutcome] = asyncio.get_running_loop().create_future()

        def tell(outcome: AppendOutcome) -> None:
            if not future.done():
                future.set_result(outcome)

        self.append(unit, tell)
        return future

    def reopen(self, chain: str) -> None:
        self._journal.reopen(chain)

    def read_after(self, seq: int) -> AsyncIterator[JournalRow]:
        return self._journal.read_after(seq)

    async def read_records(self, space: str) -> Sequence[Record]:
        return await self._journal.read_records(space)
