"""How fast answered alerts become orders: while calls come in fast, they are stored and answered first."""

from __future__ import annotations

from typing import Final

from fairlead.ports import Clock

# Requests of alerts that nobody waits for, under way at once: enough to fill every commit, few enough that an urgent
# alert meets no long queue.
REQUESTS_UNDER_WAY_MAX: Final = 256
# The same while a burst comes in; whatever is done then keeps senders waiting.
REQUESTS_IN_BURST_MAX: Final = 12
# So many calls that are being stored at the same moment are a burst.
BURST_CALLS_MIN: Final = 16
# Requests in doubt may stay unfinished for long and must not hold up everybody: each second some begin whatever waits.
WINDOW_S: Final = 1.0
LOOK_EVERY_MS: Final = 5


class Pace:
    """Says whether one more answered alert may begin now."""

    def __init__(self, clock: Clock) -> None:
        """Start with nothing begun."""
        self._clock = clock
        self._calls = 0
        self._begun = 0
        self._window_ends_s = clock.monotonic_s() + WINDOW_S

    def begin_call(self) -> None:
        """A call is about to be stored, and will be answered without waiting for its requests."""
        self._calls += 1

    def end_call(self) -> None:
        """It is stored, or not."""
        self._calls -= 1

    def begin_alert(self, requests: int) -> None:
        """An alert that nobody waits for begins."""
        self._begun += requests

    def has_room(self, unfinished: int) -> bool:
        """Whether another may begin while so many requests are unfinished."""
        now_s = self._clock.monotonic_s()
        if now_s >= self._window_ends_s:
            self._begun = 0
            self._window_ends_s = now_s + WINDOW_S
        limit = REQUESTS_IN_BURST_MAX if self._calls >= BURST_CALLS_MIN else REQUESTS_UNDER_WAY_MAX
        return min(unfinished, self._begun) < limit
