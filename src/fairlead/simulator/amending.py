"""Changing an order that is still pending."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from fairlead.core.model.money import ZERO, is_multiple
from fairlead.simulator.events import OrderAmended
from fairlead.simulator.exit_checks import check_triggers
from fairlead.simulator.funds import read_pool
from fairlead.simulator.gate import check_band
from fairlead.simulator.holds import hold_for, opening_quantity
from fairlead.simulator.orders import Amended, Exits, NewOrder, Order, OrderStatus, Refused, Trail, reduces
from fairlead.simulator.refusals import Code, refuse
from fairlead.simulator.trading import Trading, is_solo

if TYPE_CHECKING:
    from fairlead.simulator.account import Account
    from fairlead.simulator.triggers import Triggers
    from fairlead.simulator.world import World


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """What to change; None leaves it. ``quantity`` is the total, what is filled included.

    Trigger price, exits and trail are for orders that wait; ``expires_at_ms`` is the request's deadline.
    """

    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    exits: Exits | None = None
    trail: Trail | None = None
    expires_at_ms: int | None = None


class Amending:
    """Amends orders: shrinking keeps the place in the queue, everything else goes to its end."""

    def __init__(self, world: World, trading: Trading, triggers: Triggers) -> None:
        """Work on this world."""
        self._world = world
        self._trading = trading
        self._triggers = triggers

    def amend(self, account: Account, order: Order, change: Amendment) -> Amended | Refused:
        """Change an order, or say why not."""
        if change.expires_at_ms is not None and self._world.now_ms > change.expires_at_ms:
            return refuse(Code.DEADLINE_PAST)
        wish = _amended_wish(order, change)
        refusal = self._check(order, wish)
        if refusal is not None:
            return refusal
        if order.status is OrderStatus.WAITING:
            self._amend_waiting(order, wish)
        elif wish.quantity <= order.filled_quantity:
            self._amend_to_filled(order, wish)
        else:
            refusal = self._amend_resting(account, order, wish)
            if refusal is not None:
                return refusal
        return Amended(venue_order_id=order.venue_order_id)

    def _check(self, order: Order, wish: NewOrder) -> Refused | None:
        market = self._world.markets[order.symbol]
        instrument = market.instrument
        if not market.is_live:
            return refuse(Code.SUSPENDED)
        if not is_multiple(wish.quantity, instrument.lot_size):
            return refuse(Code.QUANTITY_NOT_LOTS)
        if wish.quantity < instrument.quantity_min:
            return refuse(Code.QUANTITY_BELOW_MIN)
        if wish.quantity > instrument.limit_quantity_max:
            return refuse(Code.QUANTITY_ABOVE_MAX, limit=instrument.limit_quantity_max, unit=instrument.quantity_unit)
        if wish.limit_price is not None and not instrument.is_valid_price(wish.limit_price):
            return refuse(Code.PRICE_NOT_TICKS)
        if order.status is OrderStatus.WAITING:
            return check_triggers(market, wish)
        if wish.post_only and wish.limit_price is not None and market.book.crosses(wish.side, wish.limit_price):
            return refuse(Code.AMEND_TAKES)
        return check_band(market, wish.side, wish.limit_price)

    def _amend_waiting(self, order: Order, wish: NewOrder) -> None:
        order.trail_best = None if wish.trail != order.wish.trail else order.trail_best
        self._put(order, wish)
        self._triggers.arm(order)
        self._report(order)

    def _amend_to_filled(self, order: Order, wish: NewOrder) -> None:
        self._put(order, wish)
        self._report(order)
        self._trading.finish_shrunk(order)

    def _amend_resting(self, account: Account, order: Order, wish: NewOrder) -> Refused | None:
        world = self._world
        market = world.markets[order.symbol]
        before = msgspec.structs.replace(order)
        keeps_place = wish.limit_price == order.limit_price and wish.quantity <= order.quantity
        if (
            reduces(wish)
            and not keeps_place
            and wish.quantity - order.filled_quantity > self._position_left(account, wish)
        ):
            return refuse(Code.CLOSE_ABOVE_AVAILABLE)
        self._put(order, wish)
        order.opening_quantity = opening_quantity(account, wish, order.leaves_quantity)
        currency, needed = hold_for(world, account, order)
        if needed - before.reserved > max(ZERO, self._spendable(account, currency, order)):
            _restore(order, before)
            return refuse(Code.AMEND_BALANCE_SHORT, currency=currency)
        self._report(order)
        if keeps_place:
            market.book.reduce(order.venue_order_id, order.leaves_quantity)
            account.hold(order, currency, needed)
            resting = market.book.find(order.venue_order_id)
            assert resting is not None, order
            resting.solo = is_solo(order)
            return None
        market.book.cancel(order.venue_order_id)
        del world.resting[order.venue_order_id]
        account.release(order)
        self._trading.run(order)
        return None

    def _position_left(self, account: Account, wish: NewOrder) -> Decimal:
        held = (
            position.quantity
            for key, position in account.positions.items()
            if key == (wish.symbol, wish.margin_mode, wish.position_side)
        )
        return abs(next(held, ZERO))

    def _spendable(self, account: Account, currency: str, order: Order) -> Decimal:
        pool = read_pool(self._world, account, currency)
        return pool.available if self._world.markets[order.symbol].instrument.is_spot else pool.free_margin

    def _put(self, order: Order, wish: NewOrder) -> None:
        order.wish = wish
        order.quantity = order.target_quantity = wish.quantity
        if order.status is not OrderStatus.WAITING or wish.limit_price is not None:
            order.limit_price = wish.limit_price
        order.updated_ms = self._world.now_ms

    def _report(self, order: Order) -> None:
        self._world.events.append(
            OrderAmended(
                account_id=order.account_id,
                client_order_id=order.client_order_id,
                venue_order_id=order.venue_order_id,
                symbol=order.symbol,
                quantity=order.quantity,
                limit_price=order.limit_price,
                at_ms=self._world.now_ms,
            ),
        )


def _amended_wish(order: Order, change: Amendment) -> NewOrder:
    wish = order.wish
    return msgspec.structs.replace(
        wish,
        quantity=order.quantity if change.quantity is None else change.quantity,
        limit_price=order.limit_price if change.limit_price is None else change.limit_price,
        trigger_price=wish.trigger_price if change.trigger_price is None else change.trigger_price,
        exits=wish.exits if change.exits is None else change.exits,
        trail=wish.trail if change.trail is None else change.trail,
    )


def _restore(order: Order, before: Order) -> None:
    order.wish = before.wish
    order.quantity, order.target_quantity = before.quantity, before.target_quantity
    order.limit_price, order.opening_quantity = before.limit_price, before.opening_quantity
