"""Bars made of quotes: minutes from last prices, longer ones from minutes; what closed before may come from a history.

A minute without any quote makes no bar, as nobody knows what was traded. A bar that was only partly seen, the one that
runs when the first quote comes, is never made of quotes: a history has it once it is closed, or it is left out. So each
bar comes from one place alone: it opened before the first quote, and is history, or it did not.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.core.model.market import Candle

BARS_KEPT_MAX: Final = 120_000
"""Of one length and instrument: enough for each indicator of the greatest length (``adx``: 112,000).

A condition that looks back further, as indicators of indicators may, sees this many.
"""

LATE_MS: Final = 2_000
"""A quote may come so late and still count for its minute, when no newer one has closed it."""

AWAITED_MAX_MS: Final = 180_000
"""A bar that only a history can tell is waited for so long after its close; then bars of quotes must do alone."""

_FIELDS: Final = ("open", "high", "low", "close")
_TRIM_FACTOR: Final = 2
_SHORTEST: Final = "1m"


class Bars:
    """Closed bars of one length, oldest first, as columns of numbers."""

    __slots__ = ("_is_trimmed", "_kept", "columns", "lost_ms", "opened_ms", "timeframe")

    def __init__(self, timeframe: str) -> None:
        """Begin without any."""
        self.timeframe = timeframe
        self.opened_ms = array("q")
        self.columns: Mapping[str, array[float]] = {field: array("d") for field in _FIELDS}
        self._kept = 1
        self._is_trimmed = False
        self.lost_ms = 0
        """What opened before was made and dropped, and more is wanted now; 0: nothing is missed."""

    @property
    def kept(self) -> int:
        """So many are kept at least, once there were so many."""
        return self._kept

    def keep(self, bars: int) -> None:
        """Keep at least so many from now on."""
        if bars > self._kept and self._is_trimmed:
            self.lost_ms = self.opened_ms[0]
        self._kept = min(max(self._kept, bars), BARS_KEPT_MAX)

    def add(self, bar: Forming) -> None:
        """Take one that is closed."""
        self.opened_ms.append(bar.opened_ms)
        for field, value in (("open", bar.open), ("high", bar.high), ("low", bar.low), ("close", bar.close)):
            self.columns[field].append(value)
        if len(self.opened_ms) > _TRIM_FACTOR * self._kept:
            self._is_trimmed = True
            del self.opened_ms[: -self._kept]
            for column in self.columns.values():
                del column[: -self._kept]

    def fill(self, begin_ms: int, end_ms: int, candles: Sequence[Candle]) -> int:
        """Put in candles that open in [``begin_ms``, ``end_ms``), a time of which no bar is here; how many were taken.

        They are in order of time. One that lies outside, begins at a wrong time or came before is left out.
        """
        place = bisect_left(self.opened_ms, begin_ms)
        assert place == bisect_left(self.opened_ms, end_ms), (self.timeframe, begin_ms, end_ms)
        length_ms, newest_ms = TIMEFRAMES_MS[self.timeframe], begin_ms - 1
        taken: list[Candle] = []
        for candle in candles:
            if newest_ms < candle.open_ms < end_ms and not candle.open_ms % length_ms:
                taken.append(candle)
                newest_ms = candle.open_ms
        self.opened_ms[place:place] = array("q", [candle.open_ms for candle in taken])
        for field, column in self.columns.items():
            column[place:place] = array("d", [float(getattr(candle, field)) for candle in taken])
        if end_ms == self.lost_ms:
            self.lost_ms, self._is_trimmed = 0, False
        return len(taken)

    def drop_before(self, begin_ms: int) -> None:
        """Forget what opened before."""
        place = bisect_left(self.opened_ms, begin_ms)
        del self.opened_ms[:place]
        for column in self.columns.values():
            del column[:place]


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


class Past:
    """How far the bars of one length are known from a history: all closed ones of [``begin_ms``, ``end_ms``).

    ``taken`` is how many there were. While it ``is_awaited``, what is missing before the first bar of quotes may still
    come. Whoever reads it notes here when to ask again (``due_ms``), how often that failed in a row, and why.
    """

    __slots__ = ("begin_ms", "due_ms", "end_ms", "failure", "is_awaited", "taken", "tries")

    def __init__(self) -> None:
        """Begin without any."""
        self.begin_ms = self.end_ms = self.due_ms = self.taken = self.tries = 0
        self.failure = ""
        self.is_awaited = True


class BarBuilder:
    """The bars of one instrument, of every length that somebody wants."""

    def __init__(self, *, has_past: bool = False) -> None:
        """Begin without any; ``has_past``: somebody will fill in what closed before."""
        self.bars: dict[str, Bars] = {}
        self.past: dict[str, Past] = {}
        self._has_past = has_past
        self._minute: Forming | None = None
        self._forming: dict[str, Forming] = {}
        self._since_ms: dict[str, int] = {}
        self._closed_ms = 0

    def want(self, timeframe: str, bars: int) -> None:
        """Make bars of this length, and keep so many."""
        if timeframe not in self.bars:
            self.bars[timeframe] = Bars(timeframe)
            if self._has_past:
                self.past[timeframe] = Past()
        self.bars[timeframe].keep(bars)

    def since_ms(self, timeframe: str) -> int | None:
        """When the first price came that counts for this length; None: none has come yet."""
        return self._since_ms.get(timeframe)

    def first_own_ms(self, timeframe: str) -> int | None:
        """When the first bar opens that is made of quotes: the first that is seen whole."""
        since_ms, length_ms = self._since_ms.get(timeframe), TIMEFRAMES_MS[timeframe]
        return None if since_ms is None else -(-since_ms // length_ms) * length_ms

    def lacks(self, timeframe: str, now_ms: int) -> bool:
        """Whether a bar that is closed by now is still to come from a history: what is computed without it is wrong."""
        past, first_ms = self.past.get(timeframe), self.first_own_ms(timeframe)
        if past is None or not past.is_awaited:
            return False
        return first_ms is None or past.end_ms < min(first_ms, now_ms - now_ms % TIMEFRAMES_MS[timeframe])

    def fill(self, timeframe: str, begin_ms: int, end_ms: int, candles: Sequence[Candle]) -> int:
        """Take all closed bars of [``begin_ms``, ``end_ms``) from a history; how many there were."""
        past = self.past[timeframe]
        if begin_ms != past.end_ms:
            past.begin_ms = begin_ms
        taken = self.bars[timeframe].fill(begin_ms, end_ms, candles)
        past.end_ms = max(past.end_ms, end_ms)
        past.taken += taken
        past.is_awaited = True
        return taken

    def do_without(self, timeframe: str) -> None:
        """Wait for no history any more: only bars of quotes count, because older ones would leave a gap."""
        past, first_ms = self.past[timeframe], self.first_own_ms(timeframe)
        past.is_awaited = False
        if first_ms is None or past.end_ms < first_ms:
            past.begin_ms = past.end_ms = past.taken = 0
            self.bars[timeframe].drop_before(self._closed_ms if first_ms is None else first_ms)

    def end_long_waits(self, now_ms: int) -> None:
        """Do without what has not come for too long."""
        for timeframe, past in self.past.items():
            since_ms = self._since_ms.get(timeframe)
            if since_ms is None or not self.lacks(timeframe, now_ms):
                continue
            # The first bar that is missing closed one length after the end of those that are there.
            missed_ms = past.end_ms + TIMEFRAMES_MS[timeframe] if past.end_ms else since_ms
            if now_ms - max(missed_ms, since_ms) > AWAITED_MAX_MS:
                self.do_without(timeframe)

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
