"""Whether trigger prices are on the side where they can still fire."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.simulator.orders import ExitLeg, NewOrder, OrderType, Refused, Trail, TriggerSource
from fairlead.simulator.refusals import Code, refuse

if TYPE_CHECKING:
    from fairlead.simulator.market import Market

STOP_LOSS = "stop_loss"
TAKE_PROFIT = "take_profit"
_STOPS: frozenset[OrderType] = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})


def legs_of(wish: NewOrder) -> dict[str, ExitLeg]:
    """What can fire, by name: one leg of a stop or take-profit, one or two of an OCO, none of a trailing stop."""
    if wish.order_type is OrderType.OCO:
        exits = wish.exits
        named = {} if exits is None else {STOP_LOSS: exits.stop_loss, TAKE_PROFIT: exits.take_profit}
        return {name: leg for name, leg in named.items() if leg is not None}
    if wish.trigger_price is None:
        return {}
    leg = ExitLeg(trigger_price=wish.trigger_price, limit_price=wish.limit_price, source=wish.trigger_source)
    if wish.order_type in _STOPS:
        return {STOP_LOSS: leg}
    return {TAKE_PROFIT: leg} if wish.order_type is OrderType.TAKE_PROFIT else {}


def fires_above(side: Side, leg_name: str) -> bool:
    """Whether a leg of an order of this side fires when the price rises."""
    return (side is Side.BUY) is (leg_name == STOP_LOSS)


def price_of(market: Market, source: TriggerSource) -> Decimal:
    """Read the price a trigger watches."""
    match source:
        case TriggerSource.LAST:
            return market.last
        case TriggerSource.MARK:
            return market.mark
        case TriggerSource.INDEX:
            return market.index


def check_triggers(market: Market, wish: NewOrder) -> Refused | None:
    """Check trigger orders against the price they watch, attached exits against the parent's price."""
    match wish.order_type:
        case OrderType.MARKET | OrderType.LIMIT:
            return _check_attached(market, wish)
        case OrderType.TRAILING_STOP:
            return _check_trail(wish.trail)
        case _:
            legs = legs_of(wish)
            if not legs:
                return refuse(Code.PARAMETER_WRONG, name="triggerPx")
            return _first_refusal(market, wish.side, legs)


def _first_refusal(market: Market, side: Side, legs: dict[str, ExitLeg]) -> Refused | None:
    for name, leg in legs.items():
        refusal = _check_form(market, leg) or _check_side(side, name, leg.trigger_price, price_of(market, leg.source))
        if refusal is not None:
            return refusal
    return None


def _check_attached(market: Market, wish: NewOrder) -> Refused | None:
    if wish.exits is None:
        return None
    price = wish.limit_price or market.touch(wish.side)
    for name, leg in ((STOP_LOSS, wish.exits.stop_loss), (TAKE_PROFIT, wish.exits.take_profit)):
        if leg is None:
            continue
        refusal = _check_form(market, leg) or _check_parent(wish.side, name, leg.trigger_price, price)
        if refusal is not None:
            return refusal
    return None


def _check_form(market: Market, leg: ExitLeg) -> Refused | None:
    for price in (leg.trigger_price, leg.limit_price):
        if price is not None and not market.instrument.is_valid_price(price):
            return refuse(Code.PRICE_NOT_TICKS)
    if market.instrument.is_spot and leg.source is not TriggerSource.LAST:
        return refuse(Code.PARAMETER_WRONG, name="triggerPxType")
    return None


def _check_side(side: Side, name: str, trigger: Decimal, price: Decimal) -> Refused | None:
    above = fires_above(side, name)
    if (trigger > price) if above else (trigger < price):
        return None
    if name == STOP_LOSS:
        return refuse(Code.STOP_BELOW_LAST if above else Code.STOP_ABOVE_LAST)
    return refuse(Code.TAKE_PROFIT_BELOW_LAST if above else Code.TAKE_PROFIT_ABOVE_LAST)


def _check_parent(parent_side: Side, name: str, trigger: Decimal, price: Decimal) -> Refused | None:
    above = fires_above(parent_side.opposite, name)
    if (trigger > price) if above else (trigger < price):
        return None
    if name == STOP_LOSS:
        return refuse(Code.STOP_BELOW_ORDER if above else Code.STOP_ABOVE_ORDER)
    return refuse(Code.TAKE_PROFIT_BELOW_ORDER if above else Code.TAKE_PROFIT_ABOVE_ORDER)


def _check_trail(trail: Trail | None) -> Refused | None:
    if trail is None or (trail.ratio is None) is (trail.distance is None):
        return refuse(Code.PARAMETERS_CONFLICT, first="callbackRatio", second="callbackSpread")
    if trail.ratio is not None and not ZERO < trail.ratio < 1:
        return refuse(Code.PARAMETER_WRONG, name="callbackRatio")
    if trail.distance is not None and trail.distance <= ZERO:
        return refuse(Code.PARAMETER_WRONG, name="callbackSpread")
    return None
