"""Is this one order sound: its size, its value, its price, its stops, and what it would trade with."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from fairlead.core.model.instrument import Instrument, InstrumentState
from fairlead.core.model.money import HUNDRED, ONE, ZERO, format_amount, is_multiple
from fairlead.core.model.order import Order
from fairlead.core.model.request import OrderType, Side
from fairlead.core.model.risk import CheckCode, ReasonCode, RiskCheck
from fairlead.core.rules.risk_checks.facts import (
    NO_LIMIT,
    Facts,
    Numbers,
    at_least,
    at_most,
    denied,
    measured,
    passed,
    price_unit,
    skipped,
)

_AT_MARKET: Final = frozenset({OrderType.MARKET, OrderType.STOP_MARKET, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP})
_STOPS: Final = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})
_TRIGGERED: Final = _STOPS | {OrderType.TAKE_PROFIT}


def check_size(facts: Facts) -> RiskCheck:
    """Whole lots and ticks, neither too small nor too large, of what trades now; a reduction needs a holding."""
    order, instrument = facts.order, facts.instrument
    if instrument is None:
        return denied(CheckCode.SIZE, ReasonCode.INSTRUMENT_UNKNOWN, order.symbol)
    if instrument.state is not InstrumentState.LIVE:
        return denied(CheckCode.SIZE, ReasonCode.INSTRUMENT_SUSPENDED, order.symbol)
    if order.reduce_only and not facts.effect.reduces:
        numbers = Numbers(order.quantity, abs(facts.effect.held), instrument.quantity_unit, "held the other way")
        return measured(CheckCode.SIZE, ReasonCode.NOTHING_TO_REDUCE, numbers, is_denied=True)
    return _check_price(order, instrument) or _check_quantity(facts, instrument) or _check_notional(facts, instrument)


def check_order_notional(facts: Facts) -> RiskCheck:
    """Value of this order alone: an absolute cap and a share of equity, whichever is less."""
    cap, share = facts.limits.order_notional_max_usd, facts.limits.order_equity_share_max
    if cap is None and share is None:
        return skipped(CheckCode.MAX_ORDER, NO_LIMIT)
    if facts.order_usd is None:
        return denied(CheckCode.MAX_ORDER, ReasonCode.PRICE_UNKNOWN, facts.order.symbol)
    numbers = None if cap is None else Numbers(facts.order_usd, cap, "USD")
    if share is not None:
        if facts.equity_usd is None:
            return denied(CheckCode.MAX_ORDER, ReasonCode.EQUITY_UNKNOWN)
        allowed = share * facts.equity_usd
        if cap is None or allowed < cap:
            numbers = Numbers(facts.order_usd, allowed, "USD", f"{percent(share)} of equity")
    assert numbers is not None
    return at_most(CheckCode.MAX_ORDER, ReasonCode.ORDER_NOTIONAL_LIMIT, numbers)


def check_collar(facts: Facts) -> RiskCheck:
    """A price far from the reference is a mistake; a market order is judged by the touch against the mark price."""
    order, harmful, passive = facts.order, facts.limits.price_collar, facts.limits.price_collar_passive
    if harmful is None and passive is None:
        return skipped(CheckCode.COLLAR, NO_LIMIT)
    if order.limit_price is None and order.trigger_price is not None:
        return skipped(CheckCode.COLLAR, "the price is known when it triggers")
    is_market = order.limit_price is None
    price = facts.touch if is_market else order.limit_price
    reference = _mark(facts) if is_market else order.trigger_price or facts.reference
    if reference is None or price is None:
        return denied(CheckCode.COLLAR, ReasonCode.PRICE_UNKNOWN, order.symbol)
    is_above = price > reference
    # To buy above the reference does harm, and to sell below it.
    collar = harmful if is_above is (order.side is Side.BUY) else passive
    if collar is None:
        return skipped(CheckCode.COLLAR, NO_LIMIT)
    detail = f"{percent(collar)} {'above' if is_above else 'below'} {format_amount(reference)}"
    bound = reference * (ONE + collar if is_above else ONE - collar)
    numbers = Numbers(price, bound, price_unit(facts), detail)
    return (at_most if is_above else at_least)(CheckCode.COLLAR, ReasonCode.PRICE_OUTSIDE_COLLAR, numbers)


def check_stop_side(facts: Facts) -> RiskCheck:
    """A stop below and a take-profit above what is bought, the other way round for a sale; no trigger reached yet."""
    order = facts.order
    is_buy = order.side is Side.BUY
    if order.trigger_price is not None and order.order_type in _TRIGGERED and (last := _last(facts)) is not None:
        # A stop buys when the price rises to it, a take-profit buys when it falls to it.
        is_above_due = is_buy is (order.order_type in _STOPS)
        if order.trigger_price == last or (order.trigger_price > last) is not is_above_due:
            return _wrong_side(facts, ReasonCode.TRIGGER_SIDE, order.trigger_price, last)
    if order.stop_loss_price is None and order.take_profit_price is None:
        return passed(CheckCode.STOP_SIDE)
    entry = order.limit_price or order.trigger_price or facts.touch
    if entry is None:
        return denied(CheckCode.STOP_SIDE, ReasonCode.PRICE_UNKNOWN, order.symbol)
    for price, is_above_due, reason_code in (
        (order.stop_loss_price, not is_buy, ReasonCode.STOP_LOSS_SIDE),
        (order.take_profit_price, is_buy, ReasonCode.TAKE_PROFIT_SIDE),
    ):
        if price is not None and (price == entry or (price > entry) is not is_above_due):
            return _wrong_side(facts, reason_code, price, entry)
    return passed(CheckCode.STOP_SIDE)


def check_self_match(facts: Facts) -> RiskCheck:
    """The order would trade with a resting order of the same account."""
    order = facts.order
    if order.post_only or order.trigger_price is not None:
        return skipped(CheckCode.SELF_MATCH, "the order cannot take")
    reach = order.limit_price or facts.touch
    if reach is None:
        return denied(CheckCode.SELF_MATCH, ReasonCode.PRICE_UNKNOWN, order.symbol)
    is_buy = order.side is Side.BUY
    own = [
        (other.limit_price, other.order_id)
        for other in facts.pending.orders()
        if other.symbol == order.symbol
        and other.side is not order.side
        and other.order_type is OrderType.LIMIT
        and other.limit_price is not None
    ]
    if not own:
        return passed(CheckCode.SELF_MATCH)
    # The nearest one, whatever the order in which the book lists them.
    price, order_id = min(own) if is_buy else max(own)
    numbers = Numbers(reach, price, price_unit(facts), f"own order {order_id}")
    meets = price <= reach if is_buy else price >= reach
    return measured(CheckCode.SELF_MATCH, ReasonCode.SELF_MATCH, numbers, is_denied=meets)


@lru_cache(maxsize=256)
def percent(share: Decimal) -> str:
    """Write a fraction for people: 0.1 as ``10 %``."""
    return f"{format_amount(share * HUNDRED)} %"


def _check_price(order: Order, instrument: Instrument) -> RiskCheck | None:
    prices = (order.limit_price, order.trigger_price, order.stop_loss_price, order.take_profit_price)
    for price in prices:
        if price is not None and not instrument.is_valid_price(price):
            numbers = Numbers(price, instrument.tick_size, instrument.quote_currency, "price and tick")
            return measured(CheckCode.SIZE, ReasonCode.OFF_TICK, numbers, is_denied=True)
    return None


def _check_quantity(facts: Facts, instrument: Instrument) -> RiskCheck | None:
    order = facts.order
    quantity, unit = order.quantity, instrument.quantity_unit
    if order.in_quote:
        # What a quote amount buys is known only roughly, and the venue does the rounding.
        price = facts.touch or facts.reference
        if price is None:
            return denied(CheckCode.SIZE, ReasonCode.PRICE_UNKNOWN, order.symbol)
        unit = instrument.quote_currency
        least = Numbers(quantity, instrument.quantity_min * price, unit, "price of the least size")
        greatest = Numbers(quantity, instrument.market_quantity_max * price, unit, "price of the greatest size")
        return _first_denial(
            at_least(CheckCode.SIZE, ReasonCode.BELOW_MIN_SIZE, least),
            at_most(CheckCode.SIZE, ReasonCode.ABOVE_MAX_SIZE, greatest),
        )
    if quantity < instrument.quantity_min or quantity <= ZERO:
        numbers = Numbers(quantity, instrument.quantity_min, unit)
        return measured(CheckCode.SIZE, ReasonCode.BELOW_MIN_SIZE, numbers, is_denied=True)
    if not is_multiple(quantity, instrument.lot_size):
        numbers = Numbers(quantity, instrument.lot_size, unit, "quantity and lot")
        return measured(CheckCode.SIZE, ReasonCode.OFF_LOT, numbers, is_denied=True)
    at_market = order.order_type in _AT_MARKET
    most = instrument.market_quantity_max if at_market else instrument.limit_quantity_max
    return _first_denial(at_most(CheckCode.SIZE, ReasonCode.ABOVE_MAX_SIZE, Numbers(quantity, most, unit)))


def _check_notional(facts: Facts, instrument: Instrument) -> RiskCheck:
    order, least = facts.order, instrument.notional_min
    price = order.limit_price or order.trigger_price or facts.reference
    if least > ZERO and price is not None:
        value = order.quantity if order.in_quote else instrument.notional_in_quote(order.quantity, price)
        numbers = Numbers(value, least, instrument.quote_currency)
        return at_least(CheckCode.SIZE, ReasonCode.BELOW_MIN_NOTIONAL, numbers)
    return passed(CheckCode.SIZE)


def _first_denial(*checks: RiskCheck) -> RiskCheck | None:
    return next((check for check in checks if check.reason_code), None)


def _mark(facts: Facts) -> Decimal | None:
    if facts.quote is None:
        return None
    price = facts.quote.mark if facts.quote.mark > ZERO else facts.quote.last
    return price if price > ZERO else None


def _last(facts: Facts) -> Decimal | None:
    if facts.quote is None:
        return None
    return facts.quote.last if facts.quote.last > ZERO else facts.reference


def _wrong_side(facts: Facts, reason_code: ReasonCode, price: Decimal, reference: Decimal) -> RiskCheck:
    numbers = Numbers(price, reference, price_unit(facts), f"{facts.order.side.value} order")
    return measured(CheckCode.STOP_SIDE, reason_code, numbers, is_denied=True)
