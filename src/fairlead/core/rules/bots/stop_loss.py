"""Where a martingale deal is given up, and since when the price has been past that level."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Direction, Tripwire, Urgency, WireKind
from fairlead.core.model.bots.martingale import MartingaleMemory, MartingaleSettings, StopLoss
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.rules.bots.ladder import Ladder
from fairlead.core.rules.bots.take_profit import TakeProfit
from fairlead.core.rules.bots.targets import stop_reference

_MS_PER_SECOND: Final = 1_000


class StopWatch:
    """Judges the stop-loss of a deal at a price."""

    __slots__ = ("_exits", "_instrument", "_is_long", "_ladder", "_settings")

    def __init__(self, settings: MartingaleSettings, instrument: Instrument, ladder: Ladder, exits: TakeProfit) -> None:
        """Take what does not change in a cycle."""
        self._settings = settings
        self._instrument = instrument
        self._is_long = settings.direction is Direction.LONG
        self._ladder = ladder
        self._exits = exits

    def level(self, stop: StopLoss, memory: MartingaleMemory, deal: Deal) -> Decimal:
        """The price at which the deal is given up."""
        away = ONE - stop.percent / HUNDRED if self._is_long else ONE + stop.percent / HUNDRED
        level = (memory.stop_peak if stop.trailing else ZERO) or self._reference(stop, memory, deal)
        level *= away
        steps = memory.steps_done.bit_count()
        if not stop.break_even_after or steps < stop.break_even_after:
            return level
        before = self._settings.take_profit[steps - 2] if steps > 1 else None
        moved = self._exits.targets.break_even(deal) if before is None else self._exits.price(deal, before)
        return max(level, moved) if self._is_long else min(level, moved)

    def _reference(self, stop: StopLoss, memory: MartingaleMemory, deal: Deal) -> Decimal:
        anchor = memory.anchor or deal.first_price
        last = self._ladder.deepest(anchor, memory.last_fill, memory.done)
        return stop_reference(stop.reference, deal, self._instrument, anchor=anchor, last_level=last)

    def look(
        self, memory: MartingaleMemory, deal: Deal, price: Decimal, at_ms: int
    ) -> tuple[MartingaleMemory, tuple[Tripwire, ...], bool]:
        """What is remembered, what to wait for, and whether the stop is due now."""
        stop = self._settings.stop_loss
        if stop is None:
            return memory, (), False
        wires: tuple[Tripwire, ...] = ()
        if stop.trailing:
            best = (max if self._is_long else min)(memory.stop_peak or price, price)
            memory = memory if best == memory.stop_peak else replace(memory, stop_peak=best)
            wires = (self._wire(self._better(best), is_back=True),)
        level = self.level(stop, memory, deal)
        is_past = price <= level if self._is_long else price >= level
        if not is_past:
            memory = replace(memory, stop_since_ms=0) if memory.stop_since_ms else memory
            return memory, (*wires, self._wire(level)), False
        if not stop.timeout_s:
            return memory, wires, True
        since_ms = memory.stop_since_ms or at_ms
        due_ms = since_ms + stop.timeout_s * _MS_PER_SECOND
        memory = replace(memory, stop_since_ms=since_ms)
        # Coming back resets the timer, so that is worth waking for, too.
        back = self._wire(self._better(level), is_back=True)
        later = Tripwire(WireKind.AT_TIME, at_ms=due_ms, urgency=Urgency.STOP)
        return memory, (*wires, later, back), at_ms >= due_ms

    def _better(self, price: Decimal) -> Decimal:
        """The first tick that is better than a price."""
        instrument = self._instrument
        if self._is_long:
            return instrument.round_price_down(price) + instrument.tick_size
        return instrument.round_price_up(price) - instrument.tick_size

    def _wire(self, price: Decimal, *, is_back: bool = False) -> Tripwire:
        above = self._is_long is is_back
        return Tripwire(WireKind.AT_OR_ABOVE if above else WireKind.AT_OR_BELOW, price, urgency=Urgency.STOP)
