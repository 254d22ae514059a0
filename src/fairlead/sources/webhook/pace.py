"""How fast answered alerts become orders: while calls come in fast, they are stored and answered first."""

from __future__ import annotations

from collections import deque
from typing import Final

from fairlead.ports import Clock

# Requests of alerts that nobody waits for, under way at once: enough to fill every commit, few enough that an urgent
# alert meets no long queue.
REQUESTS_UNDER_WAY_MAX: Final = 256
# The same while a burst comes in, which is one alert for a few accounts at a time: whatever is done then keeps senders
# waiting.
REQUESTS_IN_BURST_MAX: Final = 3
# So many calls within such a time are a burst, if as many alerts are being stored or wait.
BURST_CALLS_MIN: Final = 16
BURST_CALLS_WITHIN_S: Final = 0.25
# A stream that does not end is no burst: after so long those who wait have their turn, until nobody waits.
BURST_S_MAX: Final = 3.0
# Requests in doubt may stay unfinished for long and must not hold up everybody: each second some begin whatever waits.
WINDOW_S: Final = 1.0
LOOK_EVERY_MS: Final = 5


class Pace:
    """Says whether one more answered alert may begin now."""

    def __init__(self, clock: Clock) -> None:
        """Start with nothing begun."""
        self._clock = clock
        self._storing = 0
        self._arrivals: deque[float] = deque(maxlen=BURST_CALLS_MIN)
        self._burst_ends_s: float | None = None
        self._begun = 0
        self._window_ends_s = clock.monotonic_s() + WINDOW_S

    def begin_call(self) -> None:
        """A call is about to be stored, and will be answered without waiting for its requests."""
        self._storing += 1
        self._arrivals.append(self._clock.monotonic_s())

    def end_call(self) -> None:
        """It is stored, or not."""
        self._storing -= 1

    def begin_alert(self, requests: int) -> None:
        """An alert that nobody waits for begins."""
        self._begun += requests

    def has_room(self, unfinished: int, waiting: int) -> bool:
        """Whether another may begin while so many requests are unfinished and so many alerts wait."""
        now_s = self._clock.monotonic_s()
        if now_s >= self._window_ends_s:
            self._begun = 0
            self._window_ends_s = now_s + WINDOW_S
        limit = REQUESTS_IN_BURST_MAX if self._is_burst(now_s, waiting) else REQUESTS_UNDER_WAY_MAX
        return min(unfinished, self._begun) < limit

    def _is_burst(self, now_s: float, waiting: int) -> bool:
        is_fast = len(self._arrivals) == BURST_CALLS_MIN and now_s - self._arrivals[0] < BURST_CALLS_WITHIN_S
        if waiting <= 1:
            self._burst_ends_s = None
        if self._burst_ends_s is None:
            if not is_fast or waiting + self._storing < BURST_CALLS_MIN:
                return False
            self._burst_ends_s = now_s + BURST_S_MAX
        return is_fast and now_s < self._burst_ends_s
