"""Orders that sleep until a price: stops, take-profits, OCO pairs and trailing stops."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from fairlead.core.model.money import ONE
from fairlead.core.model.request import Side
from fairlead.simulator.account import PositionKey
from fairlead.simulator.events import OrderRejectedByEngine, TriggerFired
from fairlead.simulator.exit_checks import STOP_LOSS, fires_above, legs_of, price_of
from fairlead.simulator.orders import Order, OrderStatus, OrderType, TriggerSource
from fairlead.simulator.tripwires import Tripwires

if TYPE_CHECKING:
    from fairlead.simulator.gate import Gate
    from fairlead.simulator.market import Market
    from fairlead.simulator.trading import Trading
    from fairlead.simulator.world import World


class Triggers:
    """Wakes orders when a price they watch has been touched."""

    def __init__(self, world: World, gate: Gate, trading: Trading) -> None:
        """Work on this world."""
        self._world = world
        self._gate = gate
        self._trading = trading
        self._wires: dict[str, dict[TriggerSource, Tripwires[Order]]] = {
            symbol: {source: Tripwires() for source in TriggerSource} for symbol in world.markets
        }
        self._trailing: dict[str, dict[str, Order]] = {symbol: {} for symbol in world.markets}

    def arm(self, order: Order) -> None:
        """Let a waiting order sleep."""
        if order.wish.order_type is OrderType.TRAILING_STOP:
            self._trailing[order.symbol][order.venue_order_id] = order
            return
        for name, leg in legs_of(order.wish).items():
            wires = self._wires[order.symbol][leg.source]
            if fires_above(order.side, name):
                wires.arm_above(leg.trigger_price, order.number, order)
            else:
                wires.arm_below(leg.trigger_price, order.number, order)
            wires.sweep(_is_waiting)

    def check(self, market: Market) -> None:
        """Fire what the prices since the last check have touched."""
        wires = self._wires[market.symbol]
        low, high = market.take_last_range()
        woken = wires[TriggerSource.LAST].pop_touched(low, high)
        woken += wires[TriggerSource.MARK].pop_touched(market.mark, market.mark)
        woken += wires[TriggerSource.INDEX].pop_touched(market.index, market.index)
        for order in woken:
            name = _touched_leg(order, market, low, high)
            if name:
                leg = legs_of(order.wish)[name]
                self._fire(order, market, name, leg.trigger_price, leg.limit_price)
        if self._trailing[market.symbol]:
            self._follow(market)

    def _follow(self, market: Market) -> None:
        trailing = self._trailing[market.symbol]
        for order in list(trailing.values()):
            if order.status is not OrderStatus.WAITING:
                del trailing[order.venue_order_id]
                continue
            price = price_of(market, order.wish.trigger_source)
            trigger = trail(order, price)
            if trigger is not None and (price <= trigger if order.side is Side.SELL else price >= trigger):
                del trailing[order.venue_order_id]
                self._fire(order, market, STOP_LOSS, trigger, None)

    def _fire(
        self, order: Order, market: Market, name: str, trigger_price: Decimal, limit_price: Decimal | None
    ) -> None:
        world = self._world
        account = world.accounts[order.account_id]
        self._fit_to_position(order)
        wish = msgspec.structs.replace(order.wish, limit_price=limit_price, quantity=order.quantity)
        # Asked while it still waits: a live closing order would count against itself.
        refusal = self._gate.check_now(account, wish)
        order.status = OrderStatus.LIVE
        order.fired_leg = name
        order.limit_price = limit_price
        order.triggered_ms = order.updated_ms = world.now_ms
        world.events.append(
            TriggerFired(
                account_id=order.account_id,
                client_order_id=order.client_order_id,
                venue_order_id=order.venue_order_id,
                symbol=order.symbol,
                leg=name,
                trigger_price=trigger_price,
                at_ms=world.now_ms,
            ),
        )
        if refusal is None:
            self._trading.run(order)
            return
        self._trading.finish_rejected(order, refusal.code)
        world.events.append(
            OrderRejectedByEngine(
                account_id=order.account_id,
                client_order_id=order.client_order_id,
                venue_order_id=order.venue_order_id,
                symbol=market.symbol,
                code=refusal.code,
                message=refusal.message,
                at_ms=world.now_ms,
            ),
        )

    def _fit_to_position(self, order: Order) -> None:
        # A protective order placed for a larger position closes what is left of it.
        wish = order.wish
        key = PositionKey(wish.symbol, wish.margin_mode, wish.position_side)
        position = self._world.accounts[order.account_id].positions.get(key)
        if order.reduces and position is not None:
            order.quantity = order.target_quantity = min(order.quantity, abs(position.quantity))


def trail(order: Order, price: Decimal) -> Decimal | None:
    """Move a trailing stop along with a price; returns where it fires now, None before its activation."""
    rule = order.wish.trail
    assert rule is not None, order
    is_sell = order.side is Side.SELL
    if order.trail_best is None:
        activation = rule.activation_price
        if activation is not None and (price < activation if is_sell else price > activation):
            return None
        order.trail_best = price
    best = max(order.trail_best, price) if is_sell else min(order.trail_best, price)
    order.trail_best = best
    if rule.distance is not None:
        return best - rule.distance if is_sell else best + rule.distance
    ratio = rule.ratio
    assert ratio is not None, order
    return best * (ONE - ratio) if is_sell else best * (ONE + ratio)


def _is_waiting(order: Order) -> bool:
    return order.status is OrderStatus.WAITING


def _touched_leg(order: Order, market: Market, low: Decimal, high: Decimal) -> str:
    # A wire may be of a price that was amended since; only the legs as they are now count.
    if order.status is not OrderStatus.WAITING:
        return ""
    for name, leg in legs_of(order.wish).items():
        above = fires_above(order.side, name)
        reached = high if above else low
        if leg.source is not TriggerSource.LAST:
            reached = price_of(market, leg.source)
        if (reached >= leg.trigger_price) if above else (reached <= leg.trigger_price):
            return name
    return ""
