"""How far and how long a curve was below its highest value so far, without touching most of its values.

Values are looked at in blocks: the highest and lowest of each tell which few blocks can hold an answer.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from fairlead.backtest.result import Curve
from fairlead.market.candles.series import Floats, Ticks

BLOCK: Final = 1_024
"""Values in a block: many enough that numpy reduces a row at once, few enough that a look inside is cheap."""
ROWS_AT_ONCE: Final = 64


class Fall(msgspec.Struct, frozen=True, kw_only=True):
    """The deepest fall from a highest value so far: ``share`` of it that was lost, and when, in UTC milliseconds.

    ``recovered_ms`` is 0 for one that had not been made good at the end.
    """

    share: float = 0.0
    peak_ms: int = 0
    trough_ms: int = 0
    recovered_ms: int = 0


class Spell(msgspec.Struct, frozen=True, kw_only=True):
    """A time below the highest value so far, from that value to the next as high, in UTC milliseconds.

    ``is_over`` is False for one that lasted to the end of the curve.
    """

    from_ms: int = 0
    until_ms: int = 0
    is_over: bool = True

    @property
    def length_ms(self) -> int:
        """How long."""
        return self.until_ms - self.from_ms


class Depths:
    """A curve in blocks; ``start`` is its value before the first, at ``begin_ms``, and counts as a highest one."""

    def __init__(self, curve: Curve, start: float, begin_ms: int) -> None:
        """Look at every value once, for the highest and the lowest of each block."""
        self._values = curve.values
        self._start = start
        self._begin_ms = begin_ms
        self._at_ms = curve.at_ms
        whole = len(curve) // BLOCK * BLOCK
        rows, rest = curve.values[:whole].reshape(-1, BLOCK), curve.values[whole:]
        has_rest = bool(len(rest))
        highs, lows = np.empty(len(rows)), np.empty(len(rows))
        # Both are taken of rows that are still in the processor's cache.
        for first in range(0, len(rows), ROWS_AT_ONCE):
            some = slice(first, first + ROWS_AT_ONCE)
            rows[some].max(axis=1, out=highs[some])
            rows[some].min(axis=1, out=lows[some])
        self._highs = np.append(highs, rest.max() if has_rest else [])
        self._lows = np.append(lows, rest.min() if has_rest else [])
        # The highest value before each block, and after all of them.
        self._tops = np.maximum.accumulate(np.append(start, self._highs))

    def deepest_fall(self) -> Fall:
        """The deepest, the first of equal ones; all zero for a curve that never fell."""
        before = self._tops[:-1]
        surely = float(np.max(1.0 - self._lows / before, initial=0.0))
        at_most = 1.0 - self._lows / np.maximum(before, self._highs)
        share, trough = 0.0, -1
        for block in np.flatnonzero(at_most >= surely).tolist():
            if at_most[block] <= share:
                continue
            part = self._part(block)
            falls = 1.0 - part / np.maximum(np.maximum.accumulate(part), before[block])
            lowest = int(np.argmax(falls))
            if falls[lowest] > share:
                share, trough = float(falls[lowest]), block * BLOCK + lowest
        if trough < 0:
            return Fall()
        peak = self._highest_until(trough)
        top = self._start if peak < 0 else float(self._values[peak])
        recovered = self._first_reaching(top, trough)
        return Fall(
            share=share,
            peak_ms=self._time(peak),
            trough_ms=self._time(trough),
            recovered_ms=self._time(recovered) if recovered < len(self._values) else 0,
        )

    def longest_spell(self) -> Spell:
        """The longest time between a highest value and the next as high; without length for a curve that never fell."""
        raised = np.flatnonzero(self._highs >= self._tops[:-1])
        count = len(self._values)
        firsts = np.minimum(raised * BLOCK, count - 1)
        lasts = np.minimum(raised * BLOCK + BLOCK, count) - 1
        times = self._at_ms
        # Between raised blocks: from somewhere in one (or the start) to somewhere in the next (or the end).
        from_first = np.append(self._begin_ms, times[firsts])
        from_last = np.append(self._begin_ms, times[lasts])
        end_ms = times[-1:]
        at_least = np.append(times[firsts], end_ms) - from_last
        at_most = np.append(times[lasts], end_ms) - from_first
        best = Spell(from_ms=self._begin_ms, until_ms=self._begin_ms)
        for pair in np.flatnonzero(at_most >= at_least.max(initial=0)).tolist():
            best = max(best, self._spell_between(raised, pair), key=_length)
        for block, first, last in zip(raised.tolist(), times[firsts].tolist(), times[lasts].tolist(), strict=True):
            if last - first > best.length_ms:
                best = max(best, self._spell_within(block), key=_length)
        return best

    def _spell_between(self, raised: Ticks, pair: int) -> Spell:
        """From the last highest value of one raised block to the first of the next."""
        begin = -1
        if pair:
            block = int(raised[pair - 1])
            part = self._part(block)
            begin = block * BLOCK + len(part) - 1 - int(np.argmax(part[::-1]))
        end, is_over = len(self._values), False
        if pair < len(raised):
            block, is_over = int(raised[pair]), True
            end = block * BLOCK + int(np.argmax(self._part(block) >= self._tops[block]))
        if end <= begin + 1:
            return Spell()
        return Spell(from_ms=self._time(begin), until_ms=self._time(end if is_over else end - 1), is_over=is_over)

    def _spell_within(self, block: int) -> Spell:
        part = self._part(block)
        highest = np.flatnonzero(part >= np.maximum(np.maximum.accumulate(part), self._tops[block]))
        places = np.flatnonzero(np.diff(highest) > 1)
        if not len(places):
            return Spell()
        times = self._at_ms[highest + block * BLOCK]
        longest = int(places[np.argmax(np.diff(times)[places])])
        return Spell(from_ms=int(times[longest]), until_ms=int(times[longest + 1]))

    def _part(self, block: int) -> Floats:
        return self._values[block * BLOCK : (block + 1) * BLOCK]

    def _highest_until(self, index: int) -> int:
        """Where the highest value up to a place was first; -1 for the start."""
        block = index // BLOCK
        inside = self._values[block * BLOCK : index + 1]
        if inside.max() > self._tops[block]:
            return block * BLOCK + int(np.argmax(inside))
        if self._tops[block] == self._start:
            return -1
        earlier = int(np.argmax(self._highs[:block]))
        return earlier * BLOCK + int(np.argmax(self._part(earlier)))

    def _first_reaching(self, value: float, after: int) -> int:
        """The first place after one where the curve is as high as a value; its length where there is none."""
        block = after // BLOCK
        inside = self._values[after : (block + 1) * BLOCK] >= value
        if inside.any():
            return after + int(np.argmax(inside))
        later = self._highs[block + 1 :] >= value
        if not later.any():
            return len(self._values)
        block += 1 + int(np.argmax(later))
        return block * BLOCK + int(np.argmax(self._part(block) >= value))

    def _time(self, index: int) -> int:
        return self._begin_ms if index < 0 else int(self._at_ms[index])


def _length(spell: Spell) -> int:
    return spell.length_ms
