"""Stops and take-profits attached to an order: they live from its first fill on, sized by its fills."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from fairlead.core.model.request import Side
from fairlead.simulator.account import PositionKey
from fairlead.simulator.orders import NewOrder, Order, OrderStatus, OrderType

if TYPE_CHECKING:
    from fairlead.simulator.account import Account
    from fairlead.simulator.trading import Trading
    from fairlead.simulator.triggers import Triggers
    from fairlead.simulator.world import World


class AttachedExits:
    """Makes and grows the orders that protect what a parent has filled."""

    def __init__(self, world: World, trading: Trading, triggers: Triggers) -> None:
        """Work on this world."""
        self._world = world
        self._trading = trading
        self._triggers = triggers

    def grow(self, account: Account, parent: Order) -> None:
        """Bring the exit of a parent to the size of its fills."""
        exits = parent.wish.exits
        if exits is None or parent.wish.order_type is OrderType.OCO:
            return
        quantity = self._filled(parent)
        if not quantity:
            return
        if parent.exits_id:
            child = account.pending.get(parent.exits_id)
            if child is not None and child.status is OrderStatus.WAITING:
                child.quantity = child.target_quantity = quantity
                child.wish = msgspec.structs.replace(child.wish, quantity=quantity)
            return
        key = PositionKey(parent.symbol, parent.wish.margin_mode, parent.wish.position_side)
        is_spot = self._world.markets[parent.symbol].instrument.is_spot
        if not is_spot and not account.is_closing(key, parent.side.opposite):
            return
        wish = NewOrder(
            client_order_id=exits.client_order_id or f"{parent.venue_order_id}x",
            symbol=parent.symbol,
            side=parent.side.opposite,
            order_type=OrderType.OCO,
            quantity=quantity,
            reduce_only=not is_spot,
            margin_mode=parent.wish.margin_mode,
            position_side=parent.wish.position_side,
            exits=exits,
        )
        child = self._trading.take_in(account, wish, parent_id=parent.venue_order_id)
        parent.exits_id = child.venue_order_id
        self._triggers.arm(child)
        self._trading.report_opened(child)

    def _filled(self, parent: Order) -> Decimal:
        instrument = self._world.markets[parent.symbol].instrument
        if instrument.is_spot and parent.side is Side.BUY:
            # The fee was taken from what was bought.
            return instrument.round_quantity_down(parent.filled_quantity - parent.fee)
        return parent.filled_quantity
