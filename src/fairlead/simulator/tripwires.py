"""Prices that wake somebody: found in O(log n + hits), however many are asleep."""

from __future__ import annotations

from decimal import Decimal
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Owner = TypeVar("Owner")

# Wires are not searched when their owner goes; they are swept out when most of them are stale.
_STALE_MIN: Final = 256


class Tripwires(Generic[Owner]):
    """Wires of one price; of wires with one price the lower number wakes first.

    A wire may be stale when it wakes: whoever is woken looks whether it still means anything.
    """

    __slots__ = ("_above", "_below", "_sweep_at")

    def __init__(self) -> None:
        """Start without wires."""
        self._below: list[tuple[Decimal, int, Owner]] = []
        self._above: list[tuple[Decimal, int, Owner]] = []
        self._sweep_at = _STALE_MIN

    def arm_below(self, price: Decimal, number: int, owner: Owner) -> None:
        """Wake at or below a price."""
        heappush(self._below, (price.copy_negate(), number, owner))

    def arm_above(self, price: Decimal, number: int, owner: Owner) -> None:
        """Wake at or above a price."""
        heappush(self._above, (price, number, owner))

    def pop_touched(self, low: Decimal, high: Decimal) -> list[Owner]:
        """Take out all that a price between low and high wakes, the nearest first."""
        woken: list[Owner] = []
        while self._below and -self._below[0][0] >= low:
            woken.append(heappop(self._below)[2])
        while self._above and self._above[0][0] <= high:
            woken.append(heappop(self._above)[2])
        return woken

    def sweep(self, is_live: Callable[[Owner], bool]) -> None:
        """Drop stale wires, now and then."""
        if len(self._below) + len(self._above) < self._sweep_at:
            return
        self._below = [wire for wire in self._below if is_live(wire[2])]
        self._above = [wire for wire in self._above if is_live(wire[2])]
        heapify(self._below)
        heapify(self._above)
        self._sweep_at = 2 * (len(self._below) + len(self._above)) + _STALE_MIN
