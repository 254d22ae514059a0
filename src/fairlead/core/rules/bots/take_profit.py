"""Plans the exit of a martingale deal: which parts rest where, and when a trailing exit is due."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Direction, Tripwire, Urgency, Wake, Want, WireKind, want_exit
from fairlead.core.model.bots.martingale import Exit, MartingaleMemory, MartingaleSettings, TakeProfitStep
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.ladder import round_entry
from fairlead.core.rules.bots.ledger import footing, sellable
from fairlead.core.rules.bots.targets import Targets

EXIT_SLOT: Final = "t"


class TakeProfit:
    """Everything about leaving with a profit."""

    __slots__ = ("_instrument", "_is_long", "_settings", "_side", "targets")

    def __init__(self, settings: MartingaleSettings, instrument: Instrument, fee_rate: Decimal) -> None:
        """Take what does not change in a cycle."""
        self._settings = settings
        self._instrument = instrument
        self._is_long = settings.direction is Direction.LONG
        self._side = settings.direction.entry.opposite
        self.targets = Targets(
            instrument,
            settings.direction,
            reference=settings.take_profit_from,
            fee_rate=fee_rate,
            after_fees=settings.take_profit_after_fees,
        )

    def price(self, deal: Deal, step: TakeProfitStep) -> Decimal:
        """Where a step rests: on a tick, never worse than computed unless the nearest was asked for."""
        wished = self.targets.take_profit(deal, step.percent / HUNDRED)
        return round_entry(self._instrument, self._side, wished, self._settings.price_rounding)

    def follow(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> MartingaleMemory:
        """Plan anew when an entry was filled since; fills of the exit itself change nothing."""
        mark = footing(deal)
        if memory.plan_opened == mark:
            return memory
        if not self._steps_left(memory):
            # Every step is over, and yet something is held: an entry filled late. Its exit begins at the first step.
            memory = replace(memory, steps_done=0, steps_taken=0)
        return replace(memory, plan=self._plan(memory, deal, leaving(memory, wake)), plan_opened=mark)

    def _plan(self, memory: MartingaleMemory, deal: Deal, leaves: Decimal) -> tuple[Exit, ...]:
        """Shares of what is held over the steps that are left; the last takes the rest, so that it ends at zero.

        A part too small for an order goes to the step after it.
        """
        left = sellable(deal, self._instrument) - leaves
        steps = self._steps_left(memory)
        if len(steps) == 1:
            number, step = steps[0]
            return (Exit(f"{EXIT_SLOT}{number}", left, self.price(deal, step)),) if left > ZERO else ()
        exits, shares = [], sum((step.share for _, step in steps), ZERO)
        for number, step in steps:
            price = self.price(deal, step)
            is_last = number == steps[-1][0]
            part = left if is_last else self._instrument.round_quantity_down(left * step.share / shares)
            if self._is_order(part, price) and (is_last or self._is_order(left - part, price)):
                exits.append(Exit(f"{EXIT_SLOT}{number}", part, price))
                left -= part
                shares -= step.share
            elif not is_last:
                shares -= step.share
        return tuple(exits)

    def wants(self, memory: MartingaleMemory) -> tuple[Want, ...]:
        """The parts that should rest now."""
        return tuple(
            want_exit(one.slot, self._side, Size(amount=one.quantity, unit=SizeUnit.NATIVE), one.price)
            for one in parts_left(memory)
        )

    def is_ending(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> bool:
        """Whether what is held is the end of an exit that rests as planned, too little for an order of its own."""
        if memory.plan_opened != footing(deal) or not self._instrument.round_quantity_down(deal.quantity):
            return False
        resting = {slot for slot, _ in wake.resting}
        return any(one.slot in resting for one in parts_left(memory))

    def trail(self, memory: MartingaleMemory, deal: Deal, price: Decimal) -> tuple[MartingaleMemory, Tripwire, bool]:
        """Follow the price beyond the target: what is remembered, what to wait for, and whether the exit is due."""
        deviation = self._settings.trailing
        assert deviation is not None
        armed_at = self.price(deal, self._settings.take_profit[0])
        peak = memory.peak
        beyond = price >= armed_at if self._is_long else price <= armed_at
        if not peak and not beyond:
            return memory, self._beyond(armed_at), False
        best = (max if self._is_long else min)(peak or price, price)
        turn = best * (ONE - deviation / HUNDRED if self._is_long else ONE + deviation / HUNDRED)
        is_due = price <= turn if self._is_long else price >= turn
        return replace(memory, peak=best), self._back(turn), is_due

    def beyond_peak(self, memory: MartingaleMemory) -> Tripwire:
        """The next better price, at which a trailing exit moves on."""
        tick = self._instrument.tick_size
        return self._beyond(memory.peak + tick if self._is_long else memory.peak - tick)

    def _steps_left(self, memory: MartingaleMemory) -> list[tuple[int, TakeProfitStep]]:
        over = memory.steps_done | memory.steps_taken
        return [(number, step) for number, step in enumerate(self._settings.take_profit, 1) if not over >> number & 1]

    def _is_order(self, quantity: Decimal, price: Decimal) -> bool:
        if quantity < self._instrument.quantity_min or not quantity:
            return False
        return self._instrument.notional_in_quote(quantity, price) >= self._instrument.notional_min

    def _beyond(self, price: Decimal) -> Tripwire:
        kind = WireKind.AT_OR_ABOVE if self._is_long else WireKind.AT_OR_BELOW
        return Tripwire(kind, price, urgency=Urgency.EXIT)

    def _back(self, price: Decimal) -> Tripwire:
        kind = WireKind.AT_OR_BELOW if self._is_long else WireKind.AT_OR_ABOVE
        return Tripwire(kind, price, urgency=Urgency.EXIT)


def parts_left(memory: MartingaleMemory) -> tuple[Exit, ...]:
    """Parts of the plan whose step is not over."""
    over = memory.steps_done | memory.steps_taken
    return tuple(one for one in memory.plan if not over >> step_of(one.slot) & 1)


def step_of(slot: str) -> int:
    """The number of the step that a slot belongs to; 0 for a close of everything."""
    return int(slot[1:] or 0)


def leaving(memory: MartingaleMemory, wake: Wake) -> Decimal:
    """What a person has asked to close apart from the plan and is not filled yet, in the instrument's unit."""
    if not memory.manual:
        return ZERO
    filled = dict(wake.resting)
    exits = (want for want in memory.manual if not want.opens and want.size is not None)
    return sum((want.size.amount - filled.get(want.slot, ZERO) for want in exits if want.size is not None), ZERO)
