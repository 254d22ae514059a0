"""Makes what rests equal to what a rule wants: places what is missing, cancels what is not wanted.

An order is replaced in three steps, never side by side: cancel, wait until it is over, place for what is held then.
So an exit that fills while it is being replaced sells nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from fairlead.core.model.bots.bot import BotOrder, BotState, Carried, Trouble
from fairlead.core.model.bots.decision import SlotEnded, Want
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.ladder import whole_lots
from fairlead.core.rules.bots.ledger import sellable

TRIES_MAX: Final = 8
"""Entries that came to nothing so often in a row are given up until somebody resumes the bot; exits never are."""

RETRY_FIRST_MS: Final = 1_000
RETRY_LONGEST_MS: Final = 600_000
RETRY_EXIT_LONGEST_MS: Final = 60_000
"""What protects is tried more often than what adds."""

CANCEL_AGAIN_MS: Final = 10_000
ALONE_WAIT_MS: Final = 30_000
"""A close waits so long for other orders to be canceled, then goes ahead: the desk never sells more than is held."""

PLACED_AT_ONCE_MAX: Final = 50
_RETRY_FACTOR: Final = 4


class Keeping(msgspec.Struct, frozen=True):
    """What to do: orders to place (as they are kept from now on) and to cancel, and when to look again (0: no need).

    ``settled`` are slots of which nothing is left to order.
    """

    placed: tuple[BotOrder, ...] = ()
    canceled: tuple[BotOrder, ...] = ()
    settled: tuple[SlotEnded, ...] = ()
    again_ms: int = 0


class OrderKeeper:
    """One look at one bot."""

    def __init__(self, state: BotState, instrument: Instrument, *, price: Decimal, now_ms: int) -> None:
        """Look at a state at a moment; ``price`` is the last one."""
        self._state = state
        self._instrument = instrument
        self._price = price
        self._now_ms = now_ms
        self._live = {order.want.slot: order for order in state.orders}
        self._troubles = {trouble.slot: trouble for trouble in state.troubles}
        self._again_ms = 0
        self._free = sellable(state.deal, instrument) - sum(
            (_leaves(order, instrument) for order in state.orders if not order.want.opens), ZERO
        )

    def keep(self, wants: Sequence[Want], *, may_add: bool = True) -> Keeping:
        """Compare, and say what to do; without ``may_add`` no entry is placed, and those that rest stay."""
        wanted = {want.slot: want for want in wants}
        canceled = tuple(order for order in self._state.orders if self._is_unwanted(order, wanted))
        placed: list[BotOrder] = []
        settled: list[SlotEnded] = []
        for want in wants:
            if want.slot in self._live or len(placed) == PLACED_AT_ONCE_MAX or not self._may_place(want):
                continue
            if want.opens and not may_add:
                continue
            size, carried = self._rest_of(want)
            if size is not None and not makes_order(size, self._instrument, want.price or self._price):
                settled.append(_settled(want, carried))
            elif self._takes_share(want, size):
                placed.append(self._new(want, carried, self._state.serial + len(placed) + 1))
        return Keeping(tuple(placed), canceled, tuple(settled), self._again_ms)

    def _is_unwanted(self, order: BotOrder, wanted: dict[str, Want]) -> bool:
        """Whether to ask for it to be canceled now (again, when the last time came to nothing)."""
        if wanted.get(order.want.slot) == order.want:
            return False
        if not order.order_ids:
            # Nothing of it is known to rest yet; its news will bring us back here.
            return False
        # Each time is waited for longer: at some places a doubt about an order may last.
        due_ms = order.canceling_ms + CANCEL_AGAIN_MS * order.cancels * (order.cancels + 1) // 2
        if order.canceling_ms and self._now_ms < due_ms:
            self._look_again(due_ms)
            return False
        self._look_again(self._now_ms + CANCEL_AGAIN_MS)
        return True

    def _may_place(self, want: Want) -> bool:
        trouble = self._troubles.get(want.slot)
        if trouble is not None:
            if trouble.is_given_up:
                return False
            if self._now_ms < trouble.again_ms:
                self._look_again(trouble.again_ms)
                return False
        if not want.alone or not self._live:
            return True
        since_ms = min(self._waited_since(order) for order in self._live.values())
        self._look_again(since_ms + ALONE_WAIT_MS)
        return self._now_ms >= since_ms + ALONE_WAIT_MS

    def _waited_since(self, order: BotOrder) -> int:
        """Since when an order is on its way out; one that nobody has answered about, since it was placed."""
        return order.canceling_ms or (self._now_ms if order.order_ids else order.placed_ms)

    def _rest_of(self, want: Want) -> tuple[Size | None, Carried | None]:
        """What is still to be ordered of a want, and what was filled of it before."""
        carried = next((one for one in self._state.carried if one.slot == want.slot and one.size == want.size), None)
        return rest_of(want.size, carried), carried

    def _takes_share(self, want: Want, size: Size | None) -> bool:
        """Whether an exit fits what is held and not on its way out already."""
        if want.opens or size is None or size.unit is SizeUnit.PERCENT:
            return True
        quantity = whole_lots(self._instrument, size, want.price or self._price)
        if quantity > self._free:
            return False
        self._free -= quantity
        return True

    def _new(self, want: Want, carried: Carried | None, serial: int) -> BotOrder:
        order = BotOrder(want=want, serial=serial, request_id="", placed_ms=self._now_ms)
        if carried is None:
            return order
        return replace(
            order,
            before_quantity=carried.quantity,
            before_quote=carried.quote,
            before_base=carried.base,
            before_fee_base=carried.fee_base,
        )

    def _look_again(self, at_ms: int) -> None:
        self._again_ms = min(self._again_ms or at_ms, at_ms)


def _settled(want: Want, carried: Carried | None) -> SlotEnded:
    """The end of a want that nothing can be ordered for: done, when something of it was filled before."""
    if carried is None:
        return SlotEnded(want.slot, complete=False, reason="below_min_size")
    return SlotEnded(
        want.slot, complete=True, reason="below_min_size", quantity=carried.quantity, fee_base=carried.fee_base
    )


def makes_order(size: Size, instrument: Instrument, price: Decimal) -> bool:
    """Whether a size is enough for an order at a price; what a share comes to is known when it is ordered."""
    if size.unit is SizeUnit.PERCENT or size.amount <= ZERO:
        return size.amount > ZERO
    quantity = whole_lots(instrument, size, price)
    if not quantity or quantity < instrument.quantity_min:
        return False
    return instrument.notional_in_quote(quantity, price) >= instrument.notional_min


def rest_of(size: Size | None, carried: Carried | None) -> Size | None:
    """A size without what was filled of it before, in its own unit."""
    if size is None or carried is None:
        return size
    return replace(size, amount=size.amount - _in_unit_of(size, carried))


def _in_unit_of(size: Size, carried: Carried) -> Decimal:
    match size.unit:
        case SizeUnit.QUOTE:
            return carried.quote
        case SizeUnit.BASE:
            return carried.base
        case SizeUnit.NATIVE | SizeUnit.CONTRACTS:
            return carried.quantity
        case SizeUnit.PERCENT:
            # A share of something that has changed since cannot be completed: it counts as done.
            return size.amount


def add_trouble(
    troubles: Sequence[Trouble], want: Want, *, reason: str, message: str, now_ms: int
) -> tuple[Trouble, ...]:
    """Count an order that came to nothing; each time in a row is waited for longer."""
    before = next((one for one in troubles if one.slot == want.slot), None)
    times = 1 if before is None else before.times + 1
    longest_ms = RETRY_LONGEST_MS if want.opens else RETRY_EXIT_LONGEST_MS
    pause_ms = min(RETRY_FIRST_MS * _RETRY_FACTOR ** (times - 1), longest_ms)
    is_given_up = want.opens and times >= TRIES_MAX
    trouble = Trouble(want.slot, times, reason, message, now_ms + pause_ms, is_given_up=is_given_up)
    return (*(one for one in troubles if one.slot != want.slot), trouble)


def _leaves(order: BotOrder, instrument: Instrument) -> Decimal:
    """How much an exit may still take."""
    size = order.want.size
    if size is None or size.unit is SizeUnit.PERCENT:
        return ZERO
    price = order.want.price or ZERO
    native = size.amount if size.unit in {SizeUnit.NATIVE, SizeUnit.CONTRACTS} else whole_lots(instrument, size, price)
    return max(ZERO, native - order.filled_quantity)
