"""Clocks of the simulated world: everybody's own, all of them driven by the loop."""

from __future__ import annotations

import asyncio
from typing import Final

MS_PER_SECOND: Final = 1_000


class LoopClock:
    """The clock of one machine (ports.Clock); ``offset_ms`` is how far it is ahead of the true time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start_ms: int) -> None:
        """Show a moment, UTC milliseconds, at the loop's zero."""
        self.offset_ms = 0
        self._loop = loop
        self._start_ms = start_ms

    def now_ms(self) -> int:
        return self._start_ms + round(self._loop.time() * MS_PER_SECOND) + self.offset_ms

    def monotonic_s(self) -> float:
        return self._loop.time()

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(max(duration_ms, 0) / MS_PER_SECOND)
