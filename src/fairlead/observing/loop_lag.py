"""How late the event loop is: the first sign that something keeps it from its sockets."""

from __future__ import annotations

from typing import Final

from fairlead.observing.histogram import Histogram
from fairlead.ports import Clock

LOOK_EVERY_MS: Final = 250


class LoopLag:
    """Sleeps, and measures how much longer that took than it should."""

    def __init__(self, clock: Clock) -> None:
        """Start with nothing measured."""
        self.seconds = Histogram()
        self._clock = clock

    async def run(self) -> None:
        """Measure for ever."""
        while True:
            began_s = self._clock.monotonic_s()
            await self._clock.sleep_ms(LOOK_EVERY_MS)
            self.seconds.observe(max(0.0, self._clock.monotonic_s() - began_s - LOOK_EVERY_MS / 1000))
