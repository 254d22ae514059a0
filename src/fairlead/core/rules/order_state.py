"""Life of an order: what each fact makes of it. A repeat changes nothing, and no order of arrival breaks it."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from fairlead.core.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Fill, Order, OrderStatus
from fairlead.core.rules.margin import average_entry

OrderEvent = OrderAccepted | OrderRejected | OrderUnknown | OrderFilled | OrderCanceled | OrderExpired

_DOUBTFUL = frozenset({OrderStatus.IN_FLIGHT, OrderStatus.UNKNOWN})


class InvariantBroken(Exception):  # noqa: N818  # named for what happened, like every fact here
    """Something that must never be true is: the account halts and is rebuilt from what is stored."""


def apply(order: Order, event: OrderEvent, instrument: Instrument) -> Order:
    """Make of an order what the event says; the very same object when it says nothing new.

    Raises:
        InvariantBroken: more was filled than ordered.
    """
    match event:
        case OrderFilled():
            return _fill(order, event.fill, instrument, is_last=event.is_last)
        case OrderAccepted():
            return _accept(order, event)
        case OrderRejected():
            return _reject(order, event)
        case OrderUnknown():
            return _doubt(order, event)
        case OrderCanceled():
            return order if order.is_terminal else _end(order, OrderStatus.CANCELED, event)
        case OrderExpired():
            # Only an order that nobody has confirmed can turn out to have never reached the venue.
            return _end(order, OrderStatus.EXPIRED, event) if order.status in _DOUBTFUL else order
        case _:
            assert_never(event)


def _accept(order: Order, event: OrderAccepted) -> Order:
    # An order taken for expired that the venue turns out to have is alive: the venue knows better.
    if order.status in _DOUBTFUL or order.status is OrderStatus.EXPIRED:
        return replace(
            order,
            status=OrderStatus.ACCEPTED,
            venue_order_id=event.venue_order_id,
            message="",
            updated_ms=max(order.updated_ms, event.at_ms),
        )
    if order.venue_order_id or not event.venue_order_id:
        return order
    # A fill or the end came first; the venue's id is news all the same.
    return replace(order, venue_order_id=event.venue_order_id)


def _reject(order: Order, event: OrderRejected) -> Order:
    if order.is_terminal:
        return order
    # What has traded was not refused: only the rest is gone.
    return _end(order, OrderStatus.CANCELED if order.filled_quantity else OrderStatus.REJECTED, event)


def _doubt(order: Order, event: OrderUnknown) -> Order:
    if order.status is not OrderStatus.IN_FLIGHT:
        return order
    return replace(
        order,
        status=OrderStatus.UNKNOWN,
        message=event.message,
        updated_ms=max(order.updated_ms, event.at_ms),
    )


def _end(order: Order, status: OrderStatus, event: OrderRejected | OrderCanceled | OrderExpired) -> Order:
    return replace(
        order,
        status=status,
        reason_code="" if isinstance(event, OrderExpired) else event.reason_code,
        message=event.message,
        updated_ms=max(order.updated_ms, event.at_ms),
    )


def _fill(order: Order, fill: Fill, instrument: Instrument, *, is_last: bool) -> Order:
    if fill.trade_id in order.trade_ids:
        return order
    filled = order.filled_quantity + fill.quantity
    notional = order.filled_notional + instrument.notional(fill.quantity, fill.price)
    done = notional if order.in_quote else filled
    if fill.quantity <= ZERO or done > order.quantity:
        raise InvariantBroken(
            f"order {order.order_id} of {order.quantity} would be filled {done} by trade {fill.trade_id}",
        )
    before = (order.filled_quantity, order.average_price)
    return replace(
        order,
        status=_status_after_fill(order, is_complete=is_last or done == order.quantity),
        filled_quantity=filled,
        filled_notional=notional,
        average_price=average_entry(instrument, before, (fill.quantity, fill.price)),
        # One order pays in one currency; a fee in another one (a rebate in a token) is in the balances only.
        fee=order.fee + fill.fee if order.fee_currency in {"", fill.fee_currency} else order.fee,
        fee_currency=order.fee_currency or fill.fee_currency,
        trade_ids=(*order.trade_ids, fill.trade_id),
        updated_ms=max(order.updated_ms, fill.at_ms),
    )


def _status_after_fill(order: Order, *, is_complete: bool) -> OrderStatus:
    if is_complete:
        return OrderStatus.FILLED
    if order.status is OrderStatus.EXPIRED or not order.is_terminal:
        return OrderStatus.PARTIALLY_FILLED
    # A late fill of an order that is done counts, but does not bring back its rest.
    return OrderStatus.CANCELED if order.status is OrderStatus.REJECTED else order.status
