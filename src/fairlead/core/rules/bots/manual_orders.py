"""What a person asks of a running martingale deal by hand: to add to it, or to close a part of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import NO_REASON, BotCommand, Reason, Wake, want_entry, want_exit
from fairlead.core.model.bots.martingale import MartingaleMemory, MartingaleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.entries import Entries
from fairlead.core.rules.bots.ladder import whole_lots
from fairlead.core.rules.bots.ledger import sellable
from fairlead.core.rules.bots.take_profit import TakeProfit, leaving, parts_left, step_of

ADDED_SLOT: Final = "m"
REDUCED_SLOT: Final = "q"

MANUAL_MAX: Final = 8
"""Of one bot at once."""

ABOVE_TOTAL: Final = "above_total_max"
BELOW_LEAST: Final = "below_min_size"
NO_ENTRIES: Final = "no_entries_now"
TOO_MANY: Final = "too_many_by_hand"


class ManualOrders:
    """Turns words of a person into wants."""

    __slots__ = ("_entries", "_exits", "_instrument", "_settings", "_side")

    def __init__(
        self, instrument: Instrument, entries: Entries, exits: TakeProfit, settings: MartingaleSettings
    ) -> None:
        """Take what does not change in a cycle."""
        self._instrument = instrument
        self._entries = entries
        self._exits = exits
        self._settings = settings
        self._side = settings.direction.entry

    def add(
        self, memory: MartingaleMemory, deal: Deal, wake: Wake, command: BotCommand
    ) -> tuple[MartingaleMemory, Reason]:
        """Buy more at market, as much as a safety order when no size is named; never above what a deal may cost."""
        size = command.size or self._settings.safety_order
        worth, total = self._entries.worth(size, wake.price), self._entries.left_of_total(memory, deal)
        left = None if total is None else total - self._entries.planned(memory)
        if not wake.may_enter:
            return memory, Reason(NO_ENTRIES)
        if len(memory.manual) >= MANUAL_MAX:
            return memory, Reason(TOO_MANY, (("most", Decimal(MANUAL_MAX)),))
        if left is not None and worth > left:
            return memory, Reason(ABOVE_TOTAL, (("asked", worth), ("left", left)))
        want = want_entry(f"{ADDED_SLOT}{command.number}", self._side, size)
        return replace(memory, manual=(*memory.manual, want), added=memory.added + worth), NO_REASON

    def close_part(
        self, memory: MartingaleMemory, deal: Deal, wake: Wake, command: BotCommand
    ) -> tuple[MartingaleMemory, Reason] | None:
        """Close a size, or the next take-profit step, at market; None: that is everything."""
        memory = self._exits.follow(memory, deal, wake)
        free, parts = sellable(deal, self._instrument) - leaving(memory, wake), parts_left(memory)
        if command.size is None:
            if len(parts) <= 1:
                return None
            quantity, taken = parts[0].quantity, memory.steps_taken | 1 << step_of(parts[0].slot)
        else:
            quantity, taken = self._quantity(command.size, free, wake.price), memory.steps_taken
        if quantity >= free:
            return None
        if quantity < max(self._instrument.quantity_min, self._instrument.lot_size):
            return memory, Reason(BELOW_LEAST, (("asked", quantity), ("least", self._instrument.quantity_min)))
        if len(memory.manual) >= MANUAL_MAX:
            return memory, Reason(TOO_MANY, (("most", Decimal(MANUAL_MAX)),))
        size = Size(amount=quantity, unit=SizeUnit.NATIVE)
        want = want_exit(f"{REDUCED_SLOT}{command.number}", self._side.opposite, size)
        # What the exit holds of the balance must be free first: the plan is made anew without this part.
        memory = replace(memory, manual=(*memory.manual, want), plan=(), plan_opened=ZERO, steps_taken=taken)
        return memory, NO_REASON

    def keep(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> MartingaleMemory:
        """What of it is still to be done: nothing is added that may not, and no more closed than is left."""
        is_too_much = leaving(memory, wake) > sellable(deal, self._instrument)
        kept = tuple(want for want in memory.manual if (wake.may_enter if want.opens else not is_too_much))
        if len(kept) == len(memory.manual):
            return memory
        return replace(memory, manual=kept, plan_opened=ZERO)

    def _quantity(self, size: Size, held: Decimal, price: Decimal) -> Decimal:
        if size.unit is SizeUnit.PERCENT:
            return self._instrument.round_quantity_down(held * size.amount / HUNDRED)
        return whole_lots(self._instrument, size, price)
