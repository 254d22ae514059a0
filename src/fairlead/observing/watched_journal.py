"""The journal as it is, with a watch on it: how long each unit took, what it said, whether it still answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from fairlead.observing.histogram import Histogram
from fairlead.ports import AppendOutcome, Clock, Committed, Journal, JournalRow, Record, Unit

# A disk that has been asked this long will not answer soon.
STUCK_S: Final = 5.0

OnUnit = Callable[[Unit, AppendOutcome, float, float], None]


class WatchedJournal:
    """Hands everything on unchanged. The caller hears of an outcome first, the watch afterwards."""

    def __init__(self, journal: Journal, clock: Clock, on_unit: OnUnit) -> None:
        """Make it on the event loop that uses the journal."""
        self.durable_seconds = Histogram()
        self._journal = journal
        self._clock = clock
        self._on_unit = on_unit
        self._loop = asyncio.get_running_loop()
        self._under_way = 0
        self._moved_s = 0.0

    def append(self, unit: Unit, on_done: Callable[[AppendOutcome], None]) -> None:
        """Queue a unit; ``on_done`` is called once on the event loop, in queue order, after commit or refusal."""
        queued_s = self._clock.monotonic_s()
        self._journal.append(unit, partial(self._tell, unit, on_done, queued_s))
        if not self._under_way:
            self._moved_s = queued_s
        self._under_way += 1

    def commit(self, unit: Unit) -> Awaitable[AppendOutcome]:
        """Queue a unit and wait for its outcome."""
        future: asyncio.Future[AppendOutcome] = self._loop.create_future()

        def tell(outcome: AppendOutcome) -> None:
            if not future.done():
                future.set_result(outcome)

        self.append(unit, tell)
        return future

    def reopen(self, chain: str) -> None:
        """Take units of a chain again, after its owner was rebuilt from what is stored."""
        self._journal.reopen(chain)

    def read_after(self, seq: int) -> AsyncIterator[JournalRow]:
        """Read all rows with a greater seq, in order."""
        return self._journal.read_after(seq)

    async def read_records(self, space: str) -> Sequence[Record]:
        """Read all records of a space."""
        return await self._journal.read_records(space)

    def find_trouble(self) -> str:
        """That the journal does not answer; why it refuses is what its writer knows, and forgets when that is over."""
        if self._under_way and self._clock.monotonic_s() - self._moved_s > STUCK_S:
            return f"the journal has not answered for more than {STUCK_S:g} s"
        return ""

    def _tell(
        self,
        unit: Unit,
        on_done: Callable[[AppendOutcome], None],
        queued_s: float,
        outcome: AppendOutcome,
    ) -> None:
        stored_s = self._clock.monotonic_s()
        try:
            on_done(outcome)
        finally:
            self._under_way -= 1
            self._moved_s = stored_s
            if isinstance(outcome, Committed):
                self.durable_seconds.observe(stored_s - queued_s)
            self._on_unit(unit, outcome, queued_s, stored_s)
