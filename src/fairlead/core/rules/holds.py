"""What an open order keeps from being spent twice."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fairlead.core.model.account import FeeRates, PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO, ceil_to_decimals
from fairlead.core.model.order import OUTSIDE, Order
from fairlead.core.model.request import Side
from fairlead.core.rules.margin import AMOUNT_STEP

# The fold knows the journal only, so the fee in a hold is the regular taker rate, whatever an account's own may be.
HOLD_FEE_RATE: Final = FeeRates().perpetual_taker


def only_reduces(order: Order) -> bool:
    """Whether a perpetual order cannot open anything: reduce-only, or the closing side of a long or short."""
    match order.position_side:
        case PositionSide.LONG:
            return order.side is Side.SELL
        case PositionSide.SHORT:
            return order.side is Side.BUY
        case PositionSide.NET:
            return order.reduce_only


def may_add(order: Order, instrument: Instrument) -> bool:
    """Whether an open order can still add to a holding: an entry, not what a venue made to protect or end one."""
    if order.origin and order.origin != OUTSIDE:
        return False
    return order.side is Side.BUY if instrument.is_spot else not only_reduces(order)


def opening_quantity(order: Order, held: Decimal) -> Decimal:
    """Part of a perpetual order that would open or add, when ``held`` (signed) is what it meets."""
    if only_reduces(order):
        return ZERO
    opposes = held < ZERO if order.side is Side.BUY else held > ZERO
    if order.position_side is not PositionSide.NET or not opposes:
        return order.quantity
    return max(ZERO, order.quantity - abs(held))


def hold_of(order: Order, instrument: Instrument) -> tuple[str, Decimal]:
    """Currency and amount that an order holds for what may still fill, rounded up.

    Spot holds what would be paid, perpetuals the initial margin and the fee of the part that opens. Orders that the
    venue made (protection, liquidation) hold nothing (OKX API v5).
    """
    leaves = order.leaves_quantity
    is_buy = order.side is Side.BUY
    if instrument.is_spot:
        currency = instrument.quote_currency if is_buy else instrument.base_currency
    else:
        currency = instrument.settle_currency
    if not leaves or order.origin:
        return currency, ZERO
    price = order.reference_price if order.limit_price is None else order.limit_price
    if instrument.is_spot:
        return currency, leaves * price if is_buy and not order.in_quote else leaves
    contracts = leaves if order.opening_quantity is None else min(leaves, order.opening_quantity)
    if not contracts or not price:
        return currency, ZERO
    notional = instrument.notional(contracts, price)
    return currency, ceil_to_decimals(notional / order.leverage + notional * HOLD_FEE_RATE, AMOUNT_STEP)
