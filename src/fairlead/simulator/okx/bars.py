"""Which bar a moment belongs to: the sizes that OKX has and where each begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
# The long bars begin in Hong Kong unless their name says utc; weeks begin on Monday, and 1970 began on a Thursday.
_HONG_KONG_MS: Final = 8 * HOUR_MS
_FIRST_MONDAY_MS: Final = 4 * DAY_MS

_SHORT: Final = {
    "1s": SECOND_MS,
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1H": HOUR_MS,
    "2H": 2 * HOUR_MS,
    "4H": 4 * HOUR_MS,
}
_LONG: Final = {
    "6H": 6 * HOUR_MS,
    "12H": 12 * HOUR_MS,
    "1D": DAY_MS,
    "2D": 2 * DAY_MS,
    "3D": 3 * DAY_MS,
    "1W": 7 * DAY_MS,
}
_MONTHS: Final = {"1M": 1, "3M": 3}
BARS: Final = (*_SHORT, *(f"{name}{zone}" for name in (*_LONG, *_MONTHS) for zone in ("", "utc")))


def bar_open(bar: str, at_ms: int) -> int:
    """First millisecond of the bar that a moment belongs to.

    Raises:
        KeyError: there is no such bar.
    """
    if bar in _SHORT:
        return at_ms - at_ms % _SHORT[bar]
    name, shift = (bar[:-3], 0) if bar.endswith("utc") else (bar, _HONG_KONG_MS)
    if name in _MONTHS:
        return _month_open(at_ms + shift, _MONTHS[name]) - shift
    anchor = _FIRST_MONDAY_MS if name == "1W" else 0
    return at_ms - (at_ms + shift - anchor) % _LONG[name]


def bar_before(bar: str, open_ms: int) -> int:
    """First millisecond of the bar before the one that begins here."""
    return bar_open(bar, open_ms - 1)


def _month_open(at_ms: int, months: int) -> int:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    month = (moment.month - 1) // months * months + 1
    return int(datetime(moment.year, month, 1, tzinfo=UTC).timestamp()) * 1000
