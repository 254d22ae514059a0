"""Say in one line what a request asked for."""

from __future__ import annotations

from typing import assert_never

from fairlead.core.model.money import format_amount
from fairlead.core.model.request import (
    CancelOrders,
    Close,
    CloseScope,
    Enter,
    OrderRequest,
    OrderType,
    SetTarget,
    Size,
    SizeUnit,
    TargetPosition,
)


def describe_wish(request: OrderRequest) -> str:
    """For example: `buy 10% of BTC-USDT-SWAP, market, 5x, cross`."""
    prices = (
        ("limit", request.limit_price),
        ("stop-loss", request.stop_loss_price),
        ("take-profit", request.take_profit_price),
    )
    terms = [
        _describe_intent(request),
        "" if isinstance(request.intent, CancelOrders) else str(request.order_type).replace("_", "-"),
        *(f"{name} {format_amount(price)}" for name, price in prices if price is not None),
        f"{format_amount(request.leverage)}x" if request.leverage is not None else "",
        str(request.margin_mode or ""),
        "post-only" if request.post_only else "",
        "reduce-only" if request.reduce_only else "",
        "dry run" if request.dry_run else "",
    ]
    if request.limit_price is not None and request.order_type is OrderType.LIMIT:
        terms[1] = ""
    return ", ".join(term for term in terms if term)


def _describe_intent(request: OrderRequest) -> str:
    intent = request.intent
    match intent:
        case Enter():
            return f"{intent.side} {_describe_size(intent.size)} of {request.symbol}"
        case Close():
            what = _describe_size(intent.size) if intent.size else "everything"
            side = f" {intent.position_side}" if intent.position_side else ""
            if intent.order_side and not intent.position_side:
                side = f" that a {intent.order_side} closes"
            scope = "" if intent.scope is CloseScope.ACCOUNT else f" held by this {intent.scope}"
            return f"close {what} of {request.symbol}{side}{scope}"
        case SetTarget():
            if intent.target is TargetPosition.FLAT:
                return f"be flat in {request.symbol}"
            size = f" with {_describe_size(intent.size)}" if intent.size else ""
            return f"be {intent.target} {request.symbol}{size}"
        case CancelOrders():
            return f"cancel {', '.join(intent.order_ids) or 'all open orders'} of {request.symbol}"
        case _:
            assert_never(intent)


def _describe_size(size: Size) -> str:
    amount = format_amount(size.amount)
    if size.unit is SizeUnit.PERCENT:
        return f"{amount}%"
    return amount if size.unit is SizeUnit.NATIVE else f"{amount} ({size.unit})"
