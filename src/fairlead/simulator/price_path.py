"""Where prices go: a seeded walk that comes back, in whole ticks, or candles that are replayed."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from math import isqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from fairlead.core.model.market import Candle
    from fairlead.simulator.dice import Dice

# A candle is walked open, first extreme, second extreme, close: three legs.
_CANDLE_LEGS: Final = 3


class PricePath:
    """A walk in small steps around an anchor; the pull back grows with the distance, so it never runs away."""

    __slots__ = ("_dice", "anchor", "offset", "pull_steps", "unit")

    def __init__(self, *, anchor: int, unit: int, pull_steps: int, dice: Dice) -> None:
        """Start at the anchor; ``unit`` is the typical size of a step."""
        self.anchor = anchor
        self.unit = unit
        self.pull_steps = pull_steps
        self.offset = 0
        self._dice = dice

    @property
    def dice_state(self) -> int:
        """For saving."""
        return self._dice.state

    @property
    def level(self) -> int:
        """Where the walk is now."""
        return self.anchor + self.offset

    def resume(self, *, offset: int, dice_state: int) -> None:
        """Continue a saved walk."""
        self.offset = offset
        self._dice.state = dice_state

    def rescale(self, *, anchor: int, unit: int, offset: int) -> None:
        """Go on with the same walk in other units."""
        self.anchor, self.unit, self.offset = anchor, unit, offset

    def step(self) -> int:
        """Take one step."""
        self._move(self.unit, 1)
        return self.level

    def jump(self, steps: int) -> int:
        """Take many steps at once: the spread grows with the square root of their number."""
        self._move(self.unit * max(1, isqrt(min(steps, self.pull_steps))), steps)
        return self.level

    def _move(self, size: int, steps: int) -> None:
        throw = self._dice.between(-2 * size, 2 * size)
        # The pull is a fraction of a tick per step, so chance decides when it acts.
        pull = abs(self.offset) * min(steps, self.pull_steps) + self._dice.below(self.pull_steps)
        back = pull // self.pull_steps
        offset = self.offset + throw + (-back if self.offset > 0 else back)
        self.offset = max(-self.anchor // 2, min(offset, self.anchor))


class CandlePath:
    """Candles replayed: open, then the nearer extreme, then the other, then close, in straight lines."""

    __slots__ = ("_corners", "_duration_ms", "_opens_ms")

    def __init__(self, candles: Sequence[Candle], tick_size: Decimal) -> None:
        """Take candles of one instrument, oldest first, all of one duration.

        Raises:
            ValueError: fewer than two candles, or not in order of time.
        """
        self._opens_ms = [candle.open_ms for candle in candles]
        if len(candles) <= 1 or self._opens_ms != sorted(set(self._opens_ms)):
            message = "replay needs two or more candles in order of time"
            raise ValueError(message)
        self._duration_ms = min(after - before for before, after in pairwise(self._opens_ms))
        self._corners = [_corners(candle, tick_size) for candle in candles]

    def ticks_at(self, now_ms: int) -> int:
        """Price at a moment in ticks; before the first candle its open, after the last its close."""
        at = bisect_right(self._opens_ms, now_ms) - 1
        if at < 0:
            return self._corners[0][0]
        corners = self._corners[at]
        leg, rest = divmod((now_ms - self._opens_ms[at]) * _CANDLE_LEGS, self._duration_ms)
        if leg >= _CANDLE_LEGS:
            return corners[-1]
        return corners[leg] + (corners[leg + 1] - corners[leg]) * rest // self._duration_ms


def _corners(candle: Candle, tick_size: Decimal) -> tuple[int, int, int, int]:
    extremes = (candle.high, candle.low)
    if candle.open - candle.low < candle.high - candle.open:
        extremes = (candle.low, candle.high)
    first, second, third, last = (int(price / tick_size) for price in (candle.open, *extremes, candle.close))
    return first, second, third, last
