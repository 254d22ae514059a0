"""The only place that reads the time: the system's, or a virtual one that a test moves by hand."""

from __future__ import annotations

import asyncio
import heapq
import time
from typing import Final

NANOSECONDS_PER_MS: Final = 1_000_000
MS_PER_SECOND: Final = 1_000
# How many loop turns a task may need after its wake before the clock moves on.
SETTLE_TURNS: Final = 20


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Read UTC, in milliseconds."""
        return time.time_ns() // NANOSECONDS_PER_MS

    def monotonic_s(self) -> float:
        """Read seconds from an arbitrary start, never backwards."""
        return time.monotonic()

    async def sleep_ms(self, duration_ms: int) -> None:
        """Wait; zero gives way once."""
        await asyncio.sleep(max(duration_ms, 0) / MS_PER_SECOND)


class VirtualClock:
    """Time that stands still until it is moved; sleepers wake in the order of their moments, ties in order of call."""

    def __init__(self, start_ms: int = 0) -> None:
        """Start at a moment, UTC milliseconds."""
        self._start_ms = start_ms
        self._now_ms = start_ms
        self._calls = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        """Read UTC, in milliseconds."""
        return self._now_ms

    def monotonic_s(self) -> float:
        """Read seconds since the start."""
        return (self._now_ms - self._start_ms) / MS_PER_SECOND

    async def sleep_ms(self, duration_ms: int) -> None:
        """Wait until time has been moved this far; zero gives way once."""
        if duration_ms <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        self._calls += 1
        heapq.heappush(self._sleepers, (self._now_ms + duration_ms, self._calls, future))
        await future

    @property
    def next_wake_ms(self) -> int | None:
        """The moment of the earliest sleeper, if anybody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def advance_ms(self, duration_ms: int) -> None:
        """Move time at once; everybody whose moment has come is woken, and sees the new time.

        Raises:
            ValueError: time cannot go back.
        """
        if duration_ms < 0:
            message = f"time cannot go back by {-duration_ms} ms"
            raise ValueError(message)
        self._now_ms += duration_ms
        while (wake_ms := self.next_wake_ms) is not None and wake_ms <= self._now_ms:
            heapq.heappop(self._sleepers)[2].set_result(None)

    async def run_ms(self, duration_ms: int) -> None:
        """Move time from wake to wake, so that each sleeper acts at its own moment and may sleep again."""
        end_ms = self._now_ms + duration_ms
        await self.settle()
        while (wake_ms := self.next_wake_ms) is not None and wake_ms <= end_ms:
            self.advance_ms(wake_ms - self._now_ms)
            await self.settle()
        self.advance_ms(end_ms - self._now_ms)

    async def settle(self) -> None:
        """Let woken tasks run until they wait again."""
        for _ in range(SETTLE_TURNS):
            await asyncio.sleep(0)
