"""Entries of a martingale deal: the base order, the levels that may rest now, and how large they are this cycle."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Direction, Tripwire, Wake, Want, WireKind, want_entry
from fairlead.core.model.bots.martingale import EntryMode, MartingaleMemory, MartingaleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.ladder import Ladder

BASE_SLOT: Final = "b"
SAFETY_SLOT: Final = "s"


class Entries:
    """Everything about getting in."""

    __slots__ = ("_instrument", "_is_long", "_ladder", "_settings", "_side")

    def __init__(self, settings: MartingaleSettings, instrument: Instrument, ladder: Ladder) -> None:
        """Take what does not change in a cycle."""
        self._settings = settings
        self._instrument = instrument
        self._ladder = ladder
        self._is_long = settings.direction is Direction.LONG
        self._side = settings.direction.entry

    def factor(self, deal: Deal, price: Decimal) -> Decimal:
        """What sizes are multiplied by, from the profit of all cycles so far over what one deal takes at most."""
        gain = deal.realized_before
        share = self._settings.reinvest if gain > ZERO else self._settings.risk_reduction
        if not gain or not share:
            return ONE
        capital = sum((self._ladder.rung(level, price).cost for level in range(self._settings.levels + 1)), ZERO)
        if self._instrument.is_inverse:
            gain *= price
        return max(ZERO, ONE + share / HUNDRED * gain / capital) if capital else ONE

    def base(self, memory: MartingaleMemory) -> Want:
        """The order that begins a cycle."""
        size = self._ladder.size(0, memory.factor)
        if size.unit is not self._settings.base_order.unit:
            size = Size(amount=size.amount, unit=self._settings.base_order.unit)
        limited = self._settings.base_as_limit or self._settings.base_price is not None
        return want_entry(BASE_SLOT, self._side, size, memory.anchor if limited else None)

    def look(
        self, memory: MartingaleMemory, deal: Deal, wake: Wake
    ) -> tuple[MartingaleMemory, tuple[Want, ...], tuple[Tripwire, ...]]:
        """What should rest to get in, what is remembered, and what to wait for."""
        if not wake.may_enter:
            return memory, (), ()
        base = () if memory.done & 1 else (self.base(memory),)
        if not memory.anchor:
            return memory, base, ()
        if self._settings.entry_mode is EntryMode.TRIGGER:
            memory, wires = self._trigger(memory, deal, wake.price)
            return memory, (*base, *self._levels(memory, deal)), wires
        return memory, (*base, *self._levels(memory, deal)), ()

    def _levels(self, memory: MartingaleMemory, deal: Deal) -> tuple[Want, ...]:
        """The next levels that may rest, nearest first."""
        ladder, settings, done = self._ladder, self._settings, memory.done
        waits = settings.entry_mode is EntryMode.TRIGGER
        wants: list[Want] = []
        for level in range(1, settings.levels + 1):
            if len(wants) == settings.active_safety_orders or (ladder.is_dynamic and wants):
                break
            if done >> level & 1 or (waits and not memory.triggered >> level & 1):
                continue
            price = ladder.price(level, memory.anchor, deal.last_price)
            size = ladder.size(level, memory.factor)
            if settings.total_max is not None and self._is_too_much(deal, wants, size, price):
                break
            wants.append(want_entry(f"{SAFETY_SLOT}{level}", self._side, size, price))
        return tuple(wants)

    def _is_too_much(self, deal: Deal, wants: list[Want], size: Size, price: Decimal) -> bool:
        assert self._settings.total_max is not None
        cost = deal.cost * price if self._instrument.is_inverse else deal.cost
        resting = sum((self._worth(want.size, want.price or price) for want in wants), ZERO)
        return cost + resting + self._worth(size, price) > self._settings.total_max

    def _worth(self, size: Size | None, price: Decimal) -> Decimal:
        assert size is not None
        if size.unit is SizeUnit.QUOTE:
            return size.amount
        native = size.amount / self._instrument.contract_value if size.unit is SizeUnit.BASE else size.amount
        return self._instrument.notional_in_quote(native, price)

    def _trigger(
        self, memory: MartingaleMemory, deal: Deal, price: Decimal
    ) -> tuple[MartingaleMemory, tuple[Tripwire, ...]]:
        """Mark the levels that the price has reached, and wait for the next one."""
        triggered, crossed = memory.triggered, 0
        for level in range(1, self._settings.levels + 1):
            if triggered >> level & 1 or memory.done >> level & 1:
                continue
            reached = self._ladder.price(level, memory.anchor, deal.last_price)
            is_reached = price <= reached if self._is_long else price >= reached
            if not is_reached or crossed == self._settings.levels_per_wake_max:
                memory = memory if triggered == memory.triggered else replace(memory, triggered=triggered)
                return memory, (reach(reached, falls=self._is_long),)
            triggered |= 1 << level
            crossed += 1
        return (memory if triggered == memory.triggered else replace(memory, triggered=triggered)), ()


def reach(price: Decimal, *, falls: bool) -> Tripwire:
    """Wait until the price falls (or rises) to this."""
    return Tripwire(WireKind.AT_OR_BELOW if falls else WireKind.AT_OR_ABOVE, price)
