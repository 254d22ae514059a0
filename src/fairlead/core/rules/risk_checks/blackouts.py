"""Times at which nothing new is opened, as profiles write them: every week, or once."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

MINUTE_MS: Final = 60_000
WEEK_MS: Final = 7 * 24 * 60 * MINUTE_MS
# The first of January 1970 was a Thursday.
FIRST_MONDAY_MS: Final = 4 * 24 * 60 * MINUTE_MS
LENGTH_MIN_MAX: Final = 7 * 24 * 60
BLACKOUTS_CACHED_MAX: Final = 256
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TEXT: Final = re.compile(
    r"(?:(?P<day>Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)"
    r"|(?P<once>\d{4}-\d\d-\d\dT\d\d:\d\d)Z) \+ (?P<length>[1-9]\d{0,4}) min",
    re.ASCII,
)


class Blackout(NamedTuple):
    """First millisecond (UTC; of the week from Monday if ``weekly``) and length."""

    start_ms: int
    length_ms: int
    weekly: bool

    def covers(self, now_ms: int) -> bool:
        """Whether a moment lies in it."""
        if self.weekly:
            return (now_ms - FIRST_MONDAY_MS - self.start_ms) % WEEK_MS < self.length_ms
        return self.start_ms <= now_ms < self.start_ms + self.length_ms


@lru_cache(maxsize=BLACKOUTS_CACHED_MAX)
def parse_blackout(text: str) -> Blackout | None:
    """Read ``Wed 06:00 + 60 min`` or ``2026-12-10T18:30Z + 90 min``, in UTC; None if it is neither."""
    found = _TEXT.fullmatch(text)
    if found is None or int(found["length"]) > LENGTH_MIN_MAX:
        return None
    length_ms = int(found["length"]) * MINUTE_MS
    if found["once"] is None:
        minutes = (_DAYS.index(found["day"]) * 24 + int(found["hour"])) * 60 + int(found["minute"])
        return Blackout(minutes * MINUTE_MS, length_ms, weekly=True)
    try:
        start = datetime.fromisoformat(f"{found['once']}+00:00")
    except ValueError:
        return None
    return Blackout(int(start.timestamp()) * 1000, length_ms, weekly=False)
