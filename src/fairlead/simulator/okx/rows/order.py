"""One order as OKX writes it, in REST answers and in pushes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO, format_amount
from fairlead.core.model.request import TimeInForce
from fairlead.simulator.okx import words
from fairlead.simulator.okx.catalogue import type_of
from fairlead.simulator.okx.notes import OrderNote
from fairlead.simulator.orders import ExitLeg, Exits, Order, OrderFill, OrderType, QuantityUnit

# Fields of kinds of trading that this exchange does not have.
_UNUSED: Final = {
    "pxType": "",
    "pxUsd": "",
    "pxVol": "",
    "quickMgnType": "",
    "stpId": "",
    "tpOrdPx": "",
    "tpTriggerPx": "",
    "tpTriggerPxType": "",
    "slOrdPx": "",
    "slTriggerPx": "",
    "slTriggerPxType": "",
    "attachAlgoClOrdId": "",
    "isTpLimit": "false",
    "tradeQuoteCcy": "",
}
_FORCED: Final = {TimeInForce.FOK: "fok", TimeInForce.IOC: "ioc"}


def order_row(order: Order, instrument: Instrument, note: OrderNote) -> dict[str, Any]:
    """The row of ``GET /trade/order``, of the lists, and the body of a push, with the fields of its last fill."""
    wish = order.wish
    is_algo_child = wish.order_type in words.ALGO_TYPES
    return {
        **_UNUSED,
        **_fill_fields(order),
        "instType": type_of(instrument),
        "instId": order.symbol,
        "ordId": words.child_id(order.venue_order_id) if is_algo_child else order.venue_order_id,
        "clOrdId": "" if is_algo_child else order.client_order_id,
        "algoId": order.venue_order_id if is_algo_child else "",
        "algoClOrdId": order.client_order_id if is_algo_child else "",
        "tag": note.tag,
        "side": order.side.value,
        "posSide": "" if instrument.is_spot else wish.position_side.value,
        "tdMode": "cash" if instrument.is_spot else wish.margin_mode.value,
        "ordType": type_name(order) if is_algo_child else note.order_type or type_name(order),
        "sz": format_amount(order.quantity),
        "px": _price(order.limit_price),
        "tgtCcy": note.target_currency or _target(order, instrument),
        "ccy": "",
        "state": words.STATES[order.status],
        "accFillSz": format_amount(order.filled_quantity),
        "avgPx": _price(order.average_price or None),
        "fee": _negated(order.fee),
        "feeCcy": order.fee_currency,
        "rebate": "0",
        "rebateCcy": order.fee_currency,
        "pnl": format_amount(order.realized_pnl),
        "lever": note.leverage,
        "reduceOnly": "true" if wish.reduce_only else "false",
        "source": source_of(order),
        "category": words.CATEGORIES[order.category],
        "cancelSource": _cancel_source(order, note),
        "cancelSourceReason": _cancel_text(order, note),
        "stpMode": wish.self_trade_prevention.value,
        "attachAlgoOrds": [] if is_algo_child or wish.exits is None else [attached_row(wish.exits)],
        "linkedAlgoOrd": {"algoId": order.exits_id},
        "cTime": str(order.created_ms),
        "uTime": str(order.updated_ms),
    }


def type_name(order: Order) -> str:
    """Return ``ordType`` of an order whose sender's own word is not known."""
    wish = order.wish
    if wish.post_only:
        return "post_only"
    if wish.time_in_force in _FORCED:
        return _FORCED[wish.time_in_force]
    return "market" if order.limit_price is None and wish.order_type is not OrderType.LIMIT else "limit"


def source_of(order: Order) -> str:
    """Return ``source``: which kind of algo order sent it."""
    if order.wish.order_type not in words.ALGO_TYPES:
        return ""
    is_trailing = order.wish.order_type is OrderType.TRAILING_STOP
    return words.TRAILING_SOURCE if is_trailing else words.PROTECTION_SOURCE


def attached_row(exits: Exits) -> dict[str, Any]:
    """One element of ``attachAlgoOrds``."""
    return {
        "attachAlgoId": "",
        "attachAlgoClOrdId": exits.client_order_id,
        "tpOrdKind": "condition",
        "sz": "",
        "amendPxOnTriggerType": "0",
        "failCode": "",
        "failReason": "",
        "callbackRatio": "",
        "callbackSpread": "",
        "activePx": "",
        **leg_fields(exits.take_profit, "tp"),
        **leg_fields(exits.stop_loss, "sl"),
    }


def leg_fields(leg: ExitLeg | None, prefix: str) -> dict[str, str]:
    """Trigger price, order price (-1: at market) and the watched price of one way out; empty without one."""
    if leg is None:
        return {f"{prefix}TriggerPx": "", f"{prefix}OrdPx": "", f"{prefix}TriggerPxType": ""}
    return {
        f"{prefix}TriggerPx": format_amount(leg.trigger_price),
        f"{prefix}OrdPx": "-1" if leg.limit_price is None else format_amount(leg.limit_price),
        f"{prefix}TriggerPxType": leg.source.value,
    }


# Whoever canceled it in its owner's place has a source of their own, and no words.
def _cancel_text(order: Order, note: OrderNote) -> str:
    return "" if order.cancel_reason is None or note.cancel_source else order.cancel_reason.value.replace("_", " ")


def _cancel_source(order: Order, note: OrderNote) -> str:
    return "" if order.cancel_reason is None else note.cancel_source or words.CANCEL_SOURCES[order.cancel_reason]


def _fill_fields(order: Order) -> dict[str, str]:
    fill: OrderFill | None = order.fills[-1] if order.fills else None
    if fill is None:
        return {"fillPx": "", "fillSz": "0", "fillTime": "", "tradeId": ""}
    return {
        "fillPx": format_amount(fill.price),
        "fillSz": format_amount(fill.quantity),
        "fillTime": str(fill.at_ms),
        "tradeId": fill.trade_id,
    }


def _target(order: Order, instrument: Instrument) -> str:
    if not instrument.is_spot or order.wish.order_type is not OrderType.MARKET:
        return ""
    return "quote_ccy" if order.wish.quantity_unit is QuantityUnit.QUOTE else "base_ccy"


def _price(price: Decimal | None) -> str:
    return "" if price is None else format_amount(price)


def _negated(fee: Decimal) -> str:
    # OKX writes what was paid as negative.
    return format_amount(-fee if fee else ZERO)
