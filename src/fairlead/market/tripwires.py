"""Finds who is to be woken by a price, a time or a signal, however many are asleep.

Prices that rules wait for are kept in two heaps an instrument, so that a price costs the logarithm of their number for
each one that it touches, and one comparison when it touches none.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from fairlead.core.model.bots.decision import Tripwire, Urgency, WireKind

STALE_SHARE_MAX: Final = 2
"""A heap is made anew when more than half of it are wires of sleepers that have been wired anew since."""

_HEAP_MIN: Final = 64

# Urgency, number in the order of waking, and who.
Hit = tuple[Urgency, str]
_PriceWire = tuple[Decimal, int, str, Urgency]
_TimeWire = tuple[int, int, str, Urgency]


class PriceWires:
    """Wires on the price of one instrument. A wire that was touched is gone: whoever wakes wires anew."""

    __slots__ = ("_above", "_below", "_generations", "_live")

    def __init__(self) -> None:
        """Begin without any."""
        # Highest first for wires below the price (as negative numbers), lowest first for those above.
        self._below: list[_PriceWire] = []
        self._above: list[_PriceWire] = []
        self._generations: dict[str, int] = {}
        self._live = 0

    def __len__(self) -> int:
        """How many heap entries are kept, stale ones too."""
        return len(self._below) + len(self._above)

    def wire(self, sleeper: str, wires: Iterable[Tripwire]) -> None:
        """Let a sleeper wait for these prices, and for no others from now on."""
        generation = self._generations.get(sleeper, 0) + 1
        self._generations[sleeper] = generation
        for wire in wires:
            if wire.kind is WireKind.AT_OR_BELOW:
                heapq.heappush(self._below, (-wire.price, generation, sleeper, wire.urgency))
            elif wire.kind is WireKind.AT_OR_ABOVE:
                heapq.heappush(self._above, (wire.price, generation, sleeper, wire.urgency))
        self._clean()

    def touch(self, price: Decimal) -> list[Hit]:
        """Who waits for this price or was passed by it."""
        hits: list[Hit] = []
        self._pop(self._below, -price, hits)
        self._pop(self._above, price, hits)
        return hits

    def _pop(self, heap: list[_PriceWire], reached: Decimal, hits: list[Hit]) -> None:
        while heap and heap[0][0] <= reached:
            _, generation, sleeper, urgency = heapq.heappop(heap)
            if self._generations.get(sleeper) == generation:
                hits.append((urgency, sleeper))

    def _clean(self) -> None:
        if len(self) < _HEAP_MIN or len(self) < STALE_SHARE_MAX * max(self._live, _HEAP_MIN):
            return
        for heap in (self._below, self._above):
            heap[:] = [one for one in heap if self._generations.get(one[2]) == one[1]]
            heapq.heapify(heap)
        self._live = len(self)


class TimeWires:
    """Wires on the time."""

    __slots__ = ("_generations", "_heap")

    def __init__(self) -> None:
        """Begin without any."""
        self._heap: list[_TimeWire] = []
        self._generations: dict[str, int] = {}

    def wire(self, sleeper: str, wires: Iterable[Tripwire]) -> None:
        """Let a sleeper wait for these times, and for no others from now on."""
        times = [(wire.at_ms, wire.urgency) for wire in wires if wire.kind is WireKind.AT_TIME]
        if not times and sleeper not in self._generations:
            return
        generation = self._generations.get(sleeper, 0) + 1
        self._generations[sleeper] = generation
        for at_ms, urgency in times:
            heapq.heappush(self._heap, (at_ms, generation, sleeper, urgency))
        if len(self._heap) > _HEAP_MIN + STALE_SHARE_MAX * 2 * len(self._generations):
            self._heap = [one for one in self._heap if self._generations.get(one[2]) == one[1]]
            heapq.heapify(self._heap)

    @property
    def next_ms(self) -> int | None:
        """The next time that somebody may wait for."""
        return self._heap[0][0] if self._heap else None

    def touch(self, now_ms: int) -> list[Hit]:
        """Who waits for a time that has come."""
        hits: list[Hit] = []
        while self._heap and self._heap[0][0] <= now_ms:
            _, generation, sleeper, urgency = heapq.heappop(self._heap)
            if self._generations.get(sleeper) == generation:
                hits.append((urgency, sleeper))
        return hits


class TripwireBoard:
    """Every wire of every sleeper, by what it waits for."""

    def __init__(self) -> None:
        """Begin without any."""
        self.times = TimeWires()
        self._prices: dict[str, PriceWires] = {}
        self._signals: dict[str, dict[str, Urgency]] = {}

    def wire(self, sleeper: str, symbol: str, wires: Sequence[Tripwire]) -> None:
        """Let a sleeper wait for these, and for nothing else from now on."""
        prices = self._prices.get(symbol)
        if prices is None:
            prices = self._prices[symbol] = PriceWires()
        prices.wire(sleeper, wires)
        self.times.wire(sleeper, wires)
        signals = {wire.signal: wire.urgency for wire in wires if wire.kind is WireKind.SIGNAL}
        if signals:
            self._signals[sleeper] = signals
        else:
            self._signals.pop(sleeper, None)

    def touch(self, symbol: str, price: Decimal) -> list[Hit]:
        """Who is woken by a price."""
        prices = self._prices.get(symbol)
        return [] if prices is None else prices.touch(price)

    def waits_for(self, sleeper: str, signal: str) -> Urgency | None:
        """How urgent a signal is for a sleeper, None when it does not wait for it."""
        return self._signals.get(sleeper, {}).get(signal)

    def forget(self, sleeper: str, symbol: str) -> None:
        """Let a sleeper wait for nothing any more."""
        self.wire(sleeper, symbol, ())
