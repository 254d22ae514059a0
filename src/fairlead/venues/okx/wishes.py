"""From our orders to the fields that OKX takes."""

from __future__ import annotations

from typing import Any, Final

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.ids import PROTECTION, child_order_id
from fairlead.core.model.money import format_amount
from fairlead.core.model.order import Order
from fairlead.core.model.request import OrderType, TimeInForce

TAG: Final = "fairlead"
"""On orders that rest in the book: the dead man's switch of Fairlead cancels those and nothing else."""

TRIGGERED: Final = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT})
"""What waits at the exchange as an algo order."""

AT_MARKET: Final = "-1"
_FORCED: Final = {TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok", TimeInForce.GTC: "limit"}

Fields = dict[str, Any]


def order_fields(order: Order) -> Fields:
    """An order that goes into the book, without the name of its instrument (``POST /trade/order``)."""
    fields = _shared_fields(order) | {"ordType": _order_type(order), "clOrdId": order.order_id, "tag": TAG}
    if order.order_type is OrderType.LIMIT and order.limit_price is not None:
        fields["px"] = format_amount(order.limit_price)
    if order.margin_mode is MarginMode.CASH and order.order_type is OrderType.MARKET:
        # Shrunk to what the balance allows it would not be the order that was approved.
        fields |= {"tgtCcy": "quote_ccy" if order.in_quote else "base_ccy", "banAmend": True}
    attached = attached_fields(order)
    return fields | {"attachAlgoOrds": [attached]} if attached else fields


def attached_fields(order: Order) -> Fields:
    """The stop and take-profit that begin when the order fills; empty when it has none."""
    fields: Fields = {}
    if order.take_profit_price is not None:
        fields |= {"tpTriggerPx": format_amount(order.take_profit_price), "tpOrdPx": AT_MARKET}
    if order.stop_loss_price is not None:
        fields |= {"slTriggerPx": format_amount(order.stop_loss_price), "slOrdPx": AT_MARKET}
    return fields | {"attachAlgoClOrdId": child_order_id(order.order_id, PROTECTION)} if fields else fields


def algo_fields(order: Order) -> Fields:
    """An order that waits for a price (``POST /trade/order-algo``): OKX's stop and take-profit, in either direction."""
    assert order.trigger_price is not None, order
    prefix = "tp" if order.order_type is OrderType.TAKE_PROFIT else "sl"
    price = AT_MARKET if order.limit_price is None else format_amount(order.limit_price)
    return _shared_fields(order) | {
        "instId": order.symbol,
        "ordType": "conditional",
        "algoClOrdId": order.order_id,
        f"{prefix}TriggerPx": format_amount(order.trigger_price),
        f"{prefix}OrdPx": price,
    }


def _shared_fields(order: Order) -> Fields:
    fields: Fields = {
        "tdMode": order.margin_mode.value,
        "side": order.side.value,
        "sz": format_amount(order.quantity),
    }
    if order.position_side is not PositionSide.NET:
        fields["posSide"] = order.position_side.value
    elif order.reduce_only and order.margin_mode is not MarginMode.CASH:
        # In long/short mode what closes is reduce-only by nature.
        fields["reduceOnly"] = True
    return fields


def _order_type(order: Order) -> str:
    if order.order_type is OrderType.MARKET:
        return "market"
    return "post_only" if order.post_only else _FORCED[order.time_in_force]
