"""What a bot hears of a request: sums over its orders, as the account's own book has them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fairlead.core.model.bots.bot import OrderNews
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.state import RequestState, RequestStatus

# Nothing more can become of a request that ended so without any order.
_ENDED_WITHOUT: Final = frozenset(
    {RequestStatus.DENIED, RequestStatus.REJECTED, RequestStatus.SKIPPED, RequestStatus.EXPIRED}
)


def news_of(state: RequestState, orders: Collection[Order], instrument: Instrument) -> OrderNews:
    """Add up how a request stands. Fees in a third currency are left out: they are no part of this ledger."""
    quantity = value = quote = fee_base = fee_settle = ZERO
    for order in orders:
        quantity += order.filled_quantity
        value += order.filled_notional
        quote += instrument.notional_in_quote(order.filled_quantity, order.average_price)
        if instrument.is_spot and order.fee_currency == instrument.base_currency:
            fee_base += order.fee
        elif order.fee_currency == instrument.settle_currency:
            fee_settle += order.fee
    live = tuple(order.order_id for order in orders if not order.is_terminal)
    is_over = not live and not state.is_pending and not state.more and _has_ended(state, orders)
    is_complete = bool(orders) and all(order.status is OrderStatus.FILLED for order in orders)
    return OrderNews(
        request_id=state.request.request_id,
        is_over=is_over,
        is_complete=is_over and is_complete,
        order_ids=live,
        filled_quantity=quantity,
        value=value,
        quote=quote,
        fee_base=fee_base,
        fee_settle=fee_settle,
        reason=state.reason_code,
        message=state.message,
    )


def _has_ended(state: RequestState, orders: Collection[Order]) -> bool:
    # Orders that are known but not given here would be missing from the sums.
    if len(orders) < len(state.order_ids):
        return False
    return bool(orders) or state.status in _ENDED_WITHOUT
