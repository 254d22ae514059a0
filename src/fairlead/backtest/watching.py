"""What may wake a replayed rule: prices on both sides, a time, and the names of signals."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.backtest.book import OrderBook
from fairlead.backtest.search import NEVER_HIGH, NEVER_LOW
from fairlead.core.model.bots.decision import Tripwire, WireKind


class Wires:
    """The tripwires of one bot, as ticks of its series."""

    __slots__ = ("_book", "above", "at_ms", "awaited", "below")

    def __init__(self, book: OrderBook) -> None:
        """Begin with none; ``book`` knows how prices become ticks."""
        self._book = book
        self.below = NEVER_LOW
        self.above = NEVER_HIGH
        self.at_ms = 0
        self.awaited: frozenset[str] = frozenset()

    def watch(self, wires: Sequence[Tripwire], again_ms: int) -> None:
        """Wait for these, and for a time (0: none)."""
        self.below, self.above, self.at_ms = NEVER_LOW, NEVER_HIGH, again_ms
        names = []
        for wire in wires:
            match wire.kind:
                case WireKind.AT_OR_BELOW:
                    self.below = max(self.below, self._book.ticks_of(wire.price, falls=True))
                case WireKind.AT_OR_ABOVE:
                    self.above = min(self.above, self._book.ticks_of(wire.price, falls=False))
                case WireKind.AT_TIME:
                    self.at_ms = min(self.at_ms or wire.at_ms, wire.at_ms)
                case WireKind.SIGNAL:
                    names.append(wire.signal)
        self.awaited = frozenset(names)

    def touched(self, *, falls: bool, until: int) -> int | None:
        """The nearest wire that a price touches which goes so far; None: it touches none."""
        if falls:
            return self.below if self.below >= until and self.below != NEVER_LOW else None
        return self.above if self.above <= until else None
