"""One algo order as OKX writes it."""

from __future__ import annotations

from typing import Any, Final

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import format_amount
from fairlead.simulator.okx import words
from fairlead.simulator.okx.catalogue import type_of
from fairlead.simulator.okx.notes import OrderNote
from fairlead.simulator.okx.rows.order import leg_fields
from fairlead.simulator.orders import Order, OrderStatus, OrderType

LIVE: Final = "live"
EFFECTIVE: Final = "effective"
CANCELED: Final = "canceled"
FAILED: Final = "order_failed"

_NOT_USED: Final = {
    "actualPx": "",
    "amendPxOnTriggerType": "0",
    "attachAlgoOrds": [],
    "ccy": "",
    "chaseType": "",
    "chaseVal": "",
    "failReason": "",
    "isTradeBorrowMode": "",
    "maxChaseType": "",
    "maxChaseVal": "",
    "pxLimit": "",
    "pxSpread": "",
    "pxVar": "",
    "quickMgnType": "",
    "szLimit": "",
    "timeInterval": "",
    "tradeQuoteCcy": "",
    "uly": "",
}


def algo_state(order: Order) -> str:
    """Return ``state``: what became of the waiting, whatever became of the order that it sent."""
    if order.status is OrderStatus.WAITING:
        return LIVE
    if order.status is OrderStatus.REJECTED:
        return FAILED
    return CANCELED if order.triggered_ms is None else EFFECTIVE


def algo_type(order: Order, note: OrderNote) -> str:
    """Return ``ordType``: the sender's word, or what the exchange made of it for an attached exit."""
    if note.order_type:
        return note.order_type
    exits = order.wish.exits
    is_one = exits is not None and (exits.take_profit is None or exits.stop_loss is None)
    return "conditional" if is_one else words.ALGO_TYPES[order.wish.order_type]


def algo_row(order: Order, instrument: Instrument, note: OrderNote) -> dict[str, Any]:
    """The row of ``GET /trade/order-algo``, of the lists and of the push."""
    wish, exits = order.wish, order.wish.exits
    child = words.child_id(order.venue_order_id) if order.triggered_ms is not None else ""
    trail = wish.trail
    is_trigger = exits is None and trail is None
    price = "" if not is_trigger else "-1" if wish.limit_price is None else format_amount(wish.limit_price)
    return {
        **_NOT_USED,
        **leg_fields(exits.take_profit if exits else None, "tp"),
        **leg_fields(exits.stop_loss if exits else None, "sl"),
        "instType": type_of(instrument),
        "instId": order.symbol,
        "algoId": order.venue_order_id,
        "algoClOrdId": order.client_order_id,
        "clOrdId": "",
        "ordId": child,
        "ordIdList": [child] if child else [],
        "tag": note.tag,
        "ordType": algo_type(order, note),
        "side": order.side.value,
        "posSide": "" if instrument.is_spot else wish.position_side.value,
        "tdMode": "cash" if instrument.is_spot else wish.margin_mode.value,
        "tgtCcy": "",
        "sz": format_amount(order.quantity),
        "closeFraction": "",
        "lever": note.leverage,
        "reduceOnly": "true" if wish.reduce_only else "false",
        "cxlOnClosePos": "false",
        "state": algo_state(order),
        "triggerPx": format_amount(wish.trigger_price) if wish.trigger_price is not None else "",
        "triggerPxType": wish.trigger_source.value if is_trigger else "",
        "ordPx": price,
        "actualSz": format_amount(order.filled_quantity) if child else "0",
        "actualSide": _fired(order),
        "triggerTime": "" if order.triggered_ms is None else str(order.triggered_ms),
        "failCode": order.reject_code,
        "last": "",
        "callbackRatio": "" if trail is None or trail.ratio is None else format_amount(trail.ratio),
        "callbackSpread": "" if trail is None or trail.distance is None else format_amount(trail.distance),
        "activePx": "" if trail is None or trail.activation_price is None else format_amount(trail.activation_price),
        "moveTriggerPx": "",
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
    }


def _fired(order: Order) -> str:
    if order.wish.order_type is not OrderType.OCO or not order.fired_leg:
        return ""
    return "tp" if order.fired_leg == "take_profit" else "sl"
