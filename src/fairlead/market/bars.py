"""Bars made of quotes: minutes from last prices, longer ones from minutes.

A minute without any quote makes no bar, as nobody knows what was traded. A bar that was only partly seen, the one that
runs when the first quote comes, is left out. Older bars are not asked for anywhere: whoever needs a hundred of them
waits for a hundred.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Final

from fairlead.core.model.conditions import TIMEFRAMES_MS

BARS_KEPT_MAX: Final = 120_000
"""Of one length and instrument: enough for each indicator of the greatest length (``adx``: 112,000).

A condition that looks back further, as indicators of indicators may, sees this many.
"""

LATE_MS: Final = 2_000
"""A quote may come so late and still count for its minute, when no newer one has closed it."""

_TRIM_FACTOR: Final = 2
_SHORTEST: Final = "1m"


class Bars:
    """Closed bars of one length, oldest first, as columns of numbers."""

    __slots__ = ("_kept", "columns", "opened_ms", "timeframe")

    def __init__(self, timeframe: str) -> None:
        """Begin without any."""
        self.timeframe = timeframe
        self.opened_ms = array("q")
        self.columns: Mapping[str, array[float]] = {field: array("d") for field in ("open", "high", "low", "close")}
        self._kept = 1

    def keep(self, bars: int) -> None:
        """Keep at least so many from now on."""
        self._kept = min(max(self._kept, bars), BARS_KEPT_MAX)

    def add(self, bar: Forming) -> None:
        """Take one that is closed."""
        self.opened_ms.append(bar.opened_ms)
        for field, value in (("open", bar.open), ("high", bar.high), ("low", bar.low), ("close", bar.close)):
            self.columns[field].append(value)
        if len(self.opened_ms) > _TRIM_FACTOR * self._kept:
            del self.opened_ms[: -self._kept]
            for column in self.columns.values():
                del column[: -self._kept]


class Forming:
    """A bar that is not closed yet."""

    __slots__ = ("close", "high", "low", "open", "opened_ms")

    def __init__(self, opened_ms: int, price: float) -> None:
        """Open it."""
        self.opened_ms = opened_ms
        self.open = self.high = self.low = self.close = price

    def take(self, other: Forming) -> None:
        """Add what came after it."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.close = other.close


class BarBuilder:
    """The bars of one instrument, of every length that somebody wants."""

    def __init__(self) -> None:
        """Begin without any."""
        self.bars: dict[str, Bars] = {}
        self._minute: Forming | None = None
        self._forming: dict[str, Forming] = {}
        self._since_ms: dict[str, int] = {}
        self._closed_ms = 0

    def want(self, timeframe: str, bars: int) -> None:
        """Make bars of this length, and keep so many."""
        if timeframe not in self.bars:
            self.bars[timeframe] = Bars(timeframe)
        self.bars[timeframe].keep(bars)

    def take(self, price: float, at_ms: int) -> frozenset[str]:
        """Take a price; which lengths it has closed a bar of."""
        for timeframe in self.bars:
            self._since_ms.setdefault(timeframe, at_ms)
        closed = self.close_until(at_ms)
        now = Forming(at_ms - at_ms % TIMEFRAMES_MS[_SHORTEST], price)
        if self._minute is None:
            # Too late for a minute that the clock has closed.
            self._minute = now if now.opened_ms >= self._closed_ms else None
        elif now.opened_ms == self._minute.opened_ms:
            self._minute.take(now)
        return closed

    def close_until(self, now_ms: int) -> frozenset[str]:
        """Close every bar whose time is over; which lengths have a new one."""
        minute, step_ms = self._minute, TIMEFRAMES_MS[_SHORTEST]
        if minute is not None and minute.opened_ms + step_ms <= now_ms:
            self._minute, self._closed_ms = None, minute.opened_ms + step_ms
            for timeframe in self.bars:
                opened_ms = minute.opened_ms - minute.opened_ms % TIMEFRAMES_MS[timeframe]
                forming = self._forming.get(timeframe)
                if forming is None:
                    forming = self._forming[timeframe] = Forming(opened_ms, minute.open)
                forming.take(minute)
        return frozenset(timeframe for timeframe in self.bars if self._close(timeframe, now_ms))

    def _close(self, timeframe: str, now_ms: int) -> bool:
        forming = self._forming.get(timeframe)
        if forming is None or forming.opened_ms + TIMEFRAMES_MS[timeframe] > now_ms:
            return False
        del self._forming[timeframe]
        # The first one began before anybody looked.
        if forming.opened_ms < self._since_ms.get(timeframe, now_ms):
            return False
        self.bars[timeframe].add(forming)
        return True
