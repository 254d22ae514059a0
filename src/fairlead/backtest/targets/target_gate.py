"""Which orders of replayed targets surely pass: the bound of ``risk_bound.py`` where nothing else is pending."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fairlead.backtest.checks.risk_gate import RiskGate
from fairlead.backtest.checks.risk_room import Room
from fairlead.backtest.targets.target_run import Order
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE

ORDERS_MAX: Final = 4
"""One order is placed at a close: so many at most lie within the length of a candle, counted generously."""


class TargetGate:
    """Says yes where every check passes, and no where one may deny or nothing is known.

    It is asked of spot only: no check knows of a position that was closed, and none can be liquidated.
    """

    def __init__(self, gate: RiskGate | None, instrument: Instrument) -> None:
        """Judge for the only bot of an account; without a ``gate`` only its cash counts."""
        self._instrument = instrument
        self._room = None if gate is None else gate.room_of(0)
        self.is_open = gate is None or (self._room is not None and _is_open(self._room) and gate.losses.is_calm)

    def admits(self, order: Order, deal: Deal, cash: Decimal, price: Decimal) -> bool:
        """Whether an order at market passes at this price, with this held and this cash."""
        instrument, room = self._instrument, self._room
        value = instrument.notional(order.quantity, price)
        if not instrument.quantity_min <= order.quantity <= instrument.market_quantity_max:
            return False
        if value < instrument.notional_min or not self.is_open:
            return False
        if not order.is_buy:
            return True
        if room is None:
            return value <= cash
        held = instrument.notional(deal.quantity, price)
        equity = cash + held
        return (
            equity >= ONE
            and max(ONE, room.hold) * value + room.margin * held <= cash
            and held + value <= room.share * equity
            and value <= room.order_max
            and value <= room.order_share * equity
        )


def _is_open(room: Room) -> bool:
    """Whether an order at the present price passes whatever was ordered before, as far as its size allows."""
    return room.is_calm and room.floor <= ONE <= room.ceiling and room.orders_at_once >= ORDERS_MAX
