"""What may wake a replayed rule: prices on both sides, a time, and the names of signals."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fairlead.backtest.book import OrderBook
from fairlead.backtest.search import NEVER_HIGH, NEVER_LOW
from fairlead.core.model.bots.decision import Tripwire, WireKind


class Wires:
    """The tripwires of one bot, as ticks of its series."""

    __slots__ = ("_above", "_below", "_book", "_doom", "at_ms", "awaited")

    def __init__(self, book: OrderBook) -> None:
        """Begin with none; ``book`` knows how prices become ticks."""
        self._book = book
        self._below = NEVER_LOW
        self._above = NEVER_HIGH
        self._doom: tuple[int, bool] | None = None
        self.at_ms = 0
        self.awaited: frozenset[str] = frozenset()

    @property
    def below(self) -> int:
        """The highest price that a fall is waited for."""
        return max(self._below, self._doom[0]) if self._doom is not None and self._doom[1] else self._below

    @property
    def above(self) -> int:
        """The lowest price that a rise is waited for."""
        return min(self._above, self._doom[0]) if self._doom is not None and not self._doom[1] else self._above

    def fear(self, price: Decimal | None, *, falls: bool) -> None:
        """Wait for the price at which the venue takes the position away, too; None: there is none."""
        self._doom = None if price is None else (self._book.ticks_of(price, falls=falls), falls)

    def is_doomed(self, ticks: int) -> bool:
        """Whether at this price the position is taken away."""
        if self._doom is None:
            return False
        doom, falls = self._doom
        return ticks <= doom if falls else ticks >= doom

    def watch(self, wires: Sequence[Tripwire], again_ms: int) -> None:
        """Wait for these, and for a time (0: none)."""
        self._below, self._above, self.at_ms = NEVER_LOW, NEVER_HIGH, again_ms
        names = []
        for wire in wires:
            match wire.kind:
                case WireKind.AT_OR_BELOW:
                    self._below = max(self._below, self._book.ticks_of(wire.price, falls=True))
                case WireKind.AT_OR_ABOVE:
                    self._above = min(self._above, self._book.ticks_of(wire.price, falls=False))
                case WireKind.AT_TIME:
                    self.at_ms = min(self.at_ms or wire.at_ms, wire.at_ms)
                case WireKind.SIGNAL:
                    names.append(wire.signal)
        self.awaited = frozenset(names)

    def touched(self, *, falls: bool, until: int) -> int | None:
        """The nearest wire that a price touches which goes so far; None: it touches none."""
        wire = self.below if falls else self.above
        if falls:
            return wire if wire >= until and wire != NEVER_LOW else None
        return wire if wire <= until else None
