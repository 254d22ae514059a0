"""A clock that can be set wrong on purpose."""

from __future__ import annotations

from fairlead.simulator.okx.venue import Timekeeper


class JumpingClock:
    """Tells another clock's time, off by as much as it has been made to jump."""

    def __init__(self, clock: Timekeeper) -> None:
        """Begin in step with it."""
        self._clock = clock
        self.offset_ms = 0

    def now_ms(self) -> int:
        """UTC, in milliseconds, as the exchange believes."""
        return self._clock.now_ms() + self.offset_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        """Wait; a jump makes no wait shorter or longer."""
        await self._clock.sleep_ms(duration_ms)

    def jump(self, jump_ms: int) -> None:
        """Set the clock forward, or back if negative."""
        self.offset_ms += jump_ms
