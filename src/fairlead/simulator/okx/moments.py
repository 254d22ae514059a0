"""An order as it was right after one fact, although more has happened to it since."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.simulator.events import OrderAmended, OrderCanceled, OrderFilled, OrderOpened, TriggerFired
from fairlead.simulator.orders import Order, OrderFill, OrderStatus

Moment = OrderOpened | OrderFilled | OrderCanceled | OrderAmended | TriggerFired


def order_at(order: Order, moment: Moment, instrument: Instrument) -> Order:
    """The order at that moment: status, size and the fills it had by then."""
    match moment:
        case OrderOpened():
            return _with(order, [], instrument, status=moment.status, at_ms=moment.at_ms)
        case TriggerFired():
            return _with(order, [], instrument, status=OrderStatus.LIVE, at_ms=moment.at_ms)
        case OrderFilled():
            ids = [fill.trade_id for fill in order.fills]
            fills = order.fills[: ids.index(moment.trade_id) + 1] if moment.trade_id in ids else order.fills
            status = OrderStatus.FILLED if moment.is_last else OrderStatus.PARTIALLY_FILLED
            return _with(order, fills, instrument, status=status, at_ms=moment.at_ms)
        case OrderCanceled():
            return msgspec.structs.replace(order, status=OrderStatus.CANCELED, updated_ms=moment.at_ms)
        case OrderAmended():
            fills = [fill for fill in order.fills if fill.at_ms < moment.at_ms]
            status = OrderStatus.PARTIALLY_FILLED if fills else OrderStatus.LIVE
            now = _with(order, fills, instrument, status=status, at_ms=moment.at_ms)
            return msgspec.structs.replace(now, quantity=moment.quantity, limit_price=moment.limit_price)


def _with(
    order: Order, fills: Sequence[OrderFill], instrument: Instrument, *, status: OrderStatus, at_ms: int
) -> Order:
    return msgspec.structs.replace(
        order,
        status=status,
        cancel_reason=None,
        updated_ms=at_ms,
        fills=list(fills),
        filled_quantity=sum((fill.quantity for fill in fills), ZERO),
        average_price=_average(fills, instrument),
        fee=sum((fill.fee for fill in fills), ZERO),
        realized_pnl=sum((fill.realized_pnl for fill in fills), ZERO),
    )


def _average(fills: Sequence[OrderFill], instrument: Instrument) -> Decimal:
    # Inverse contracts average by what they are worth in the coin (OKX API v5).
    size = sum((fill.quantity for fill in fills), ZERO)
    if not size:
        return ZERO
    if instrument.is_inverse:
        return size / sum((fill.quantity / fill.price for fill in fills), ZERO)
    return sum((fill.quantity * fill.price for fill in fills), ZERO) / size
