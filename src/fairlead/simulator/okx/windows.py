"""Rate limits of the exchange: how many requests of one kind fit into a window of time, for whom (OKX API v5)."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import Final

import msgspec

TWO_SECONDS_MS: Final = 2_000


class Scope(StrEnum):
    """Whose requests are counted together (``rule`` in the documentation of OKX)."""

    ADDRESS = "IP"
    ADDRESS_AND_INSTRUMENT = "IP + Instrument ID"
    ADDRESS_AND_TYPE = "IP + Instrument Type"
    USER = "User ID"
    USER_AND_INSTRUMENT = "User ID + Instrument ID"
    USER_AND_TYPE = "User ID + Instrument Type"
    USER_AND_TAG = "User ID + tag"


class RateLimit(msgspec.Struct, frozen=True):
    """At most ``count`` requests, or items of batches, in ``window_ms``. ``bucket`` is shared by REST and WebSocket."""

    bucket: str
    count: int
    scope: Scope
    window_ms: int = TWO_SECONDS_MS


class RateWindows:
    """Counts requests in sliding windows, one for each limit and each one who is counted.

    A sliding window never allows more than OKX's, whether that is fixed or sliding, which is not documented.
    """

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._taken: dict[tuple[str, str], deque[int]] = {}

    def take(self, limit: RateLimit, who: str, now_ms: int, items: int = 1) -> bool:
        """Count a request of so many items; False when it does not fit, and then it is not counted."""
        taken = self._taken.setdefault((limit.bucket, who), deque(maxlen=limit.count))
        # What was taken in the future was taken before the clock was set back.
        while taken and not now_ms - limit.window_ms < taken[0] <= now_ms:
            taken.popleft()
        if len(taken) + items > limit.count:
            return False
        taken.extend([now_ms] * items)
        return True
