"""How much an order may trade and what it must hold for that."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from fairlead.core.model.account import PositionSide
from fairlead.core.model.instrument import InstrumentKind
from fairlead.core.model.money import ZERO, ceil_to_step
from fairlead.core.model.request import Side
from fairlead.simulator.account import PositionKey
from fairlead.simulator.funds import leverage_of, margin_rate, read_pool
from fairlead.simulator.margin import AMOUNT_STEP
from fairlead.simulator.orders import reduces

if TYPE_CHECKING:
    from fairlead.core.model.instrument import Instrument
    from fairlead.core.rules.matching import Taker
    from fairlead.simulator.account import Account
    from fairlead.simulator.market import Market
    from fairlead.simulator.orders import NewOrder, Order
    from fairlead.simulator.world import World


def opening_quantity(account: Account, wish: NewOrder, quantity: Decimal) -> Decimal:
    """Part of a perpetual order's quantity that would open or add, and so needs margin."""
    if reduces(wish):
        return ZERO
    key = PositionKey(wish.symbol, wish.margin_mode, wish.position_side)
    if wish.position_side is PositionSide.NET and account.is_closing(key, wish.side):
        return max(ZERO, quantity - abs(account.positions[key].quantity))
    return quantity


def hold_for(world: World, account: Account, order: Order) -> tuple[str, Decimal]:
    """Currency and amount that a resting order holds."""
    instrument = world.markets[order.symbol].instrument
    price = order.limit_price
    leaves = order.leaves_quantity
    assert price is not None, order
    if instrument.is_spot:
        if order.side is Side.BUY:
            return instrument.quote_currency, leaves * price
        return instrument.base_currency, leaves
    opening = min(leaves, order.opening_quantity)
    return instrument.settle_currency, margin_needed(world, account, order.wish, opening, price)


def margin_needed(world: World, account: Account, wish: NewOrder, opening: Decimal, price: Decimal) -> Decimal:
    """Initial margin and fee of the part of an order that opens."""
    if not opening:
        return ZERO
    instrument = world.markets[wish.symbol].instrument
    leverage = leverage_of(world, account, wish.symbol, wish.margin_mode, wish.position_side)
    return ceil_to_step(instrument.notional(opening, price) * margin_rate(world, leverage), AMOUNT_STEP)


def worst_sweep_price(market: Market, taker: Taker) -> Decimal:
    """Price at which a taker would trade with the dearest margin: its last price, or its first where that is dearer."""
    first = market.touch(taker.side)
    last, left = first, taker.quantity
    for price, quantity in market.book.walk(taker):
        last = price
        left -= quantity
        if left <= ZERO:
            break
    is_dear_when_low = market.instrument.kind is InstrumentKind.INVERSE_PERPETUAL
    return min(first, last) if is_dear_when_low else max(first, last)


def affordable(market: Market, taker: Taker, budget: Decimal) -> tuple[Decimal, bool]:
    """Base quantity that a budget of quote currency trades for, and whether the book ended before the budget."""
    instrument = market.instrument
    total, left = ZERO, budget
    for price, quantity in market.book.walk(taker):
        cost = price * quantity
        if cost >= left:
            return instrument.round_quantity_down(total + left / price), False
        total += quantity
        left -= cost
    return instrument.round_quantity_down(total), True


def quote_target(order: Order, market: Market, taker: Taker, have: Decimal) -> Decimal:
    """Base quantity of a spot market order sized in quote currency; ``have`` is what may be spent."""
    instrument = market.instrument
    quantity, ended = affordable(market, taker, order.quantity)
    if ended:
        # One lot more than there is, so that the order ends as canceled with a rest, not as filled.
        quantity += instrument.lot_size
    return min(quantity, instrument.round_quantity_down(have)) if order.side is Side.SELL else quantity


def base_target(order: Order, market: Market, taker: Taker, have: Decimal) -> Decimal:
    """Base quantity of a spot market buy sized in base: what the balance covers of it (OKX API v5)."""
    if order.quantity * market.worst_price(Side.BUY) <= have:
        return order.quantity
    quantity, ended = affordable(market, taker, have)
    return order.quantity if ended else min(order.quantity, quantity)


def available(world: World, account: Account, currency: str) -> Decimal:
    """Cash that may be spent on spot."""
    return read_pool(world, account, currency).available


def lots_below(instrument: Instrument, quantity: Decimal) -> Decimal:
    """Whole lots of a quantity, nothing when it is below the minimum."""
    rounded = instrument.round_quantity_down(max(ZERO, quantity))
    return rounded if rounded >= instrument.quantity_min else ZERO
