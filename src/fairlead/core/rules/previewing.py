"""Adds up what the orders of a plan would be and cost, for a dry run: no order is made here, and none is sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fairlead.core.model.account import FeeRates, MarginMode, PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO, ceil_to_step, format_amount
from fairlead.core.model.order import Order
from fairlead.core.model.preview import Preview
from fairlead.core.model.request import OrderRequest, Side
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.closing import entries_against
from fairlead.core.rules.holds import opening_quantity
from fairlead.core.rules.margin import AMOUNT_STEP, initial_margin
from fairlead.core.rules.plan import Plan

# What a venue is told of an order, in this order; all but the first ones only where the order says something.
_ALWAYS: Final = ("symbol", "side", "order_type", "quantity")
_WHERE_SET: Final = (
    "time_in_force",
    "limit_price",
    "trigger_price",
    "stop_loss_price",
    "take_profit_price",
    "position_side",
    "margin_mode",
    "leverage",
    "reduce_only",
    "post_only",
    "deadline_ms",
)


def preview_of(request: OrderRequest, plan: Plan, view: AccountView) -> Preview:
    """Sums and bodies of a plan's orders at the prices that it was sized with."""
    instrument = view.instruments[request.symbol]
    quantity = notional = margin = fee = ZERO
    for number, order in enumerate(plan.legs):
        size, price = _size(order, instrument)
        quantity += size
        if not price:
            continue
        value = order.quantity if order.in_quote else instrument.notional_in_quote(size, price)
        notional += value
        held = _held(order, view) + sum((_signed(leg) for leg in plan.legs[:number] if _is_same(leg, order)), ZERO)
        margin += _margin(order, instrument, held, price)
        settled = value if instrument.is_spot else instrument.notional(size, price)
        fee += settled * _fee_rate(instrument, view.account.fee_rates)
    return Preview(
        quantity=quantity,
        quantity_unit=instrument.quantity_unit,
        notional=ceil_to_step(notional, AMOUNT_STEP),
        notional_currency=instrument.quote_currency,
        margin=margin,
        fee=ceil_to_step(fee, AMOUNT_STEP),
        settle_currency=instrument.settle_currency,
        bodies=tuple(order_body(order, instrument) for order in plan.legs),
        before=_before(request, plan, view, instrument),
    )


def order_body(order: Order, instrument: Instrument) -> dict[str, str]:
    """What a venue would be told of an order, as texts."""
    unit = instrument.quote_currency if order.in_quote else instrument.quantity_unit
    body = {"client_order_id": order.order_id}
    body |= {name: _text(getattr(order, name)) for name in _ALWAYS}
    body["quantity_unit"] = unit
    for name in _WHERE_SET:
        value = getattr(order, name)
        says_something = value not in {None, False, MarginMode.CASH, PositionSide.NET}
        if says_something and not (name == "leverage" and instrument.is_spot):
            body[name] = _text(value)
    return body


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return format_amount(value) if isinstance(value, Decimal) else str(value)


def _size(order: Order, instrument: Instrument) -> tuple[Decimal, Decimal]:
    """Quantity in the instrument's unit, about so where a quote amount is spent, and the price it is valued at."""
    price = order.reference_price if order.limit_price is None else order.limit_price
    if not order.in_quote:
        return order.quantity, price
    return (instrument.round_quantity_down(order.quantity / price) if price else ZERO), price


def _held(order: Order, view: AccountView) -> Decimal:
    position = view.book.positions.get((order.symbol, order.position_side))
    return ZERO if position is None else position.signed_quantity


def _signed(order: Order) -> Decimal:
    return order.quantity if order.side is Side.BUY else -order.quantity


def _is_same(order: Order, other: Order) -> bool:
    return order.position_side is other.position_side


def _margin(order: Order, instrument: Instrument, held: Decimal, price: Decimal) -> Decimal:
    if instrument.is_spot:
        return ZERO
    opening = opening_quantity(order, held)
    return initial_margin(instrument, opening, price, order.leverage or ONE)


def _fee_rate(instrument: Instrument, rates: FeeRates) -> Decimal:
    return rates.spot_taker if instrument.is_spot else rates.perpetual_taker


def _before(request: OrderRequest, plan: Plan, view: AccountView, instrument: Instrument) -> tuple[str, ...]:
    entries = entries_against(request, view, instrument)
    cancels = [f"cancel {order.order_id}" for order in entries]
    settings = [
        f"set leverage {format_amount(change.leverage)}x {change.margin_mode}" for change in plan.leverage_changes
    ]
    return (*cancels, *settings)
