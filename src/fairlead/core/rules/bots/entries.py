"""Entries of a martingale deal: the base order, the levels that may rest now, and how large they are this cycle."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import BASE_SLOT, Direction, Tripwire, Wake, Want, WireKind, want_entry
from fairlead.core.model.bots.martingale import EntryMode, MartingaleMemory, MartingaleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.ladder import Ladder

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
        limited = self._settings.base_as_limit or self._settings.base_price is not None
        size = self._ladder.size(0, memory.factor)
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
        wires: tuple[Tripwire, ...] = ()
        if self._waits:
            memory, wires = self._trigger(memory, wake)
        return memory, (*base, *self._levels(memory, deal)), wires

    def worth(self, size: Size, price: Decimal) -> Decimal:
        """What a size costs at a price, in the quote currency; zero for a share of what nobody knows yet."""
        match size.unit:
            case SizeUnit.QUOTE:
                return size.amount
            case SizeUnit.BASE:
                return size.amount * price
            case SizeUnit.PERCENT:
                return ZERO
            case SizeUnit.NATIVE | SizeUnit.CONTRACTS:
                return self._instrument.notional_in_quote(size.amount, price)

    def left_of_total(self, memory: MartingaleMemory, deal: Deal) -> Decimal | None:
        """What one deal may still cost beside its base order and what was added; None: any amount.

        Counted as planned, not as filled, so that a level which is filled in part is not counted twice.
        """
        most = self._settings.total_max
        if most is None:
            return None
        left = most - memory.added - self.worth(self._ladder.size(0, memory.factor), memory.anchor or deal.first_price)
        if SizeUnit.PERCENT in self._ladder.units:
            cost = deal.cost * deal.last_price if self._instrument.is_inverse else deal.cost
            left = min(left, most - cost)
        return left

    def planned(self, memory: MartingaleMemory) -> Decimal:
        """What the levels that are filled were planned to cost, in the quote currency."""
        spent = ZERO
        for level in range(1, memory.done.bit_length()):
            if memory.done >> level & 1:
                price = self._ladder.price(level, memory.anchor)
                spent += self.worth(self._ladder.size(level, memory.factor), price)
        return spent

    @property
    def _waits(self) -> bool:
        return self._settings.entry_mode is EntryMode.TRIGGER or bool(self._settings.safety_signal)

    def _levels(self, memory: MartingaleMemory, deal: Deal) -> tuple[Want, ...]:
        """The next levels that may rest, nearest first."""
        ladder, settings = self._ladder, self._settings
        left = self.left_of_total(memory, deal)
        closed = memory.done | (~memory.triggered if self._waits else 0)
        wants: list[Want] = []
        for level in range(1, settings.levels + 1):
            if len(wants) == settings.active_safety_orders or (ladder.is_dynamic and wants):
                break
            is_closed = closed >> level & 1
            if is_closed and left is None:
                continue
            price = ladder.price(level, memory.anchor, memory.last_fill)
            if price <= ZERO:
                break
            size = ladder.size(level, memory.factor)
            if left is not None:
                left -= self.worth(size, price)
                if left < ZERO:
                    break
            if not is_closed:
                wants.append(want_entry(f"{SAFETY_SLOT}{level}", self._side, size, price))
        return tuple(wants)

    def _trigger(self, memory: MartingaleMemory, wake: Wake) -> tuple[MartingaleMemory, tuple[Tripwire, ...]]:
        """Mark the levels that the price has reached, and wait for the next one."""
        signal, triggered, crossed = self._settings.safety_signal, memory.triggered, 0
        wires = (Tripwire(WireKind.SIGNAL, signal=signal),) if signal else ()
        if signal and signal not in wake.signals:
            return memory, wires
        for level in range(1, self._settings.levels + 1):
            if memory.done >> level & 1:
                continue
            if not triggered >> level & 1:
                reached = self._ladder.price(level, memory.anchor, memory.last_fill)
                is_reached = wake.price <= reached if self._is_long else wake.price >= reached
                if not is_reached or crossed == self._settings.levels_per_wake_max:
                    wires = wires or (reach(reached, falls=self._is_long),)
                    break
                triggered |= 1 << level
                crossed += 1
            if self._ladder.is_dynamic:
                # Where the next one lies is known when this one is filled.
                break
        return (memory if triggered == memory.triggered else replace(memory, triggered=triggered)), wires


def reach(price: Decimal, *, falls: bool) -> Tripwire:
    """Wait until the price falls (or rises) to this."""
    return Tripwire(WireKind.AT_OR_BELOW if falls else WireKind.AT_OR_ABOVE, price)
