"""Placing, amending and canceling one order: the same for single requests, batches and WebSocket."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import format_amount
from fairlead.simulator.amending import Amendment
from fairlead.simulator.okx.codes import OK, GatewayCode, OkxError, fault, refusal, wrong
from fairlead.simulator.okx.endpoint import Call
from fairlead.simulator.okx.fields import Fields
from fairlead.simulator.okx.notes import OrderNote
from fairlead.simulator.okx.order_wishes import clamp, read_client_id, read_tag, read_wish
from fairlead.simulator.okx.windows import RateLimit, Scope
from fairlead.simulator.okx.words import algo_id_of
from fairlead.simulator.orders import NewOrder, Refused

ORDERS_PER_TWO_SECONDS: Final = 1_000
"""New and amended orders of an account, each of a batch by itself, over REST and WebSocket; cancels do not count."""

_ACCOUNT_LIMIT: Final = RateLimit("orders of an account", ORDERS_PER_TWO_SECONDS, Scope.USER)

Item = dict[str, Any]
"""The answer to one item: accepted by the gateway if its ``sCode`` is 0, which does not mean that the order rests."""


def check_deadline(call: Call) -> None:
    """Refuse a request that comes after the deadline its sender gave.

    Raises:
        OkxError: 50036.
    """
    if call.expires_at_ms is not None and call.now_ms > call.expires_at_ms:
        message = "The expTime can't be earlier than the current system time. Please adjust the expTime and try again."
        raise OkxError("50036", message)


def place(call: Call, fields: Fields) -> Item:
    """Place one order."""
    row = {"clOrdId": fields.text("clOrdId"), "ordId": "", "tag": fields.text("tag"), "ts": str(call.now_ms)}
    try:
        _count_order(call)
        instrument = call.venue.catalogue.wanted(fields, is_strict=call.by_code)
        tag = read_tag(fields)
        limits = call.venue.exchange.markets.price_limits(instrument.symbol)
        wish = read_wish(fields, instrument, limits=limits, expires_at_ms=call.expires_at_ms)
        placed = call.venue.exchange.place(call.account_id, wish, now_ms=call.now_ms)
        if isinstance(placed, Refused):
            raise refusal(placed)
    except OkxError as error:
        return row | _failed(error) | {"subCode": error.sub_code}
    call.venue.notes.keep(placed.venue_order_id, _note(call, fields, wish, instrument, tag))
    return row | {"ordId": placed.venue_order_id, "sCode": OK, "sMsg": "Order placed", "subCode": ""}


def cancel(call: Call, fields: Fields) -> Item:
    """Cancel what is left of one order."""
    row = {"clOrdId": fields.text("clOrdId"), "ordId": fields.text("ordId"), "ts": str(call.now_ms)}
    try:
        call.venue.catalogue.wanted(fields, is_strict=call.by_code)
        order_id, client_id = _which(fields)
        canceled = call.venue.exchange.cancel(
            call.account_id, now_ms=call.now_ms, client_order_id=client_id, venue_order_id=order_id
        )
        if isinstance(canceled, Refused):
            raise refusal(canceled)
    except OkxError as error:
        return row | _failed(error)
    return row | {"ordId": canceled.venue_order_id, "sCode": OK, "sMsg": ""}


def amend(call: Call, fields: Fields) -> Item:
    """Change quantity or price of one order; ``newSz`` is its total, with what has filled."""
    row = {
        "clOrdId": fields.text("clOrdId"),
        "ordId": fields.text("ordId"),
        "ts": str(call.now_ms),
        "reqId": fields.text("reqId"),
    }
    try:
        _count_order(call)
        instrument = call.venue.catalogue.wanted(fields, is_strict=call.by_code)
        order_id, client_id = _which(fields)
        change = _read_amendment(call, fields, instrument)
        amended = call.venue.exchange.amend(
            call.account_id, change, now_ms=call.now_ms, client_order_id=client_id, venue_order_id=order_id
        )
        if isinstance(amended, Refused):
            raise refusal(amended)
    except OkxError as error:
        return row | _failed(error) | {"subCode": error.sub_code}
    note = call.venue.notes.of(amended.venue_order_id)
    call.venue.notes.keep(amended.venue_order_id, msgspec.structs.replace(note, request_id=fields.text("reqId")))
    return row | {"ordId": amended.venue_order_id, "sCode": OK, "sMsg": "", "subCode": ""}


def _count_order(call: Call) -> None:
    venue = call.venue
    if venue.options.has_rate_limits and not venue.windows.take(_ACCOUNT_LIMIT, call.account_id, call.now_ms):
        raise fault(GatewayCode.ACCOUNT_RATE_LIMIT)


def _read_amendment(call: Call, fields: Fields, instrument: Instrument) -> Amendment:
    read_client_id(fields, "reqId")
    size = fields.positive("newSz") if fields.text("newSz") else None
    price = fields.positive("newPx") if fields.text("newPx") else None
    if size is None and price is None:
        raise fault(GatewayCode.EITHER_REQUIRED, first="newSz", second="newPx")
    if price is not None and fields.text("pxAmendType") == "1":
        price = clamp(price, call.venue.exchange.markets.price_limits(instrument.symbol))
    return Amendment(quantity=size, limit_price=price)


def _which(fields: Fields) -> tuple[str, str]:
    order_id, client_id = fields.text("ordId"), read_client_id(fields)
    if not order_id and not client_id:
        raise fault(GatewayCode.ID_REQUIRED)
    return (own_id(order_id) if order_id else ""), client_id


def own_id(order_id: str) -> str:
    """The exchange's own number of an order: what an algo order has sent it knows by the algo order's number.

    Raises:
        OkxError: 51000, it is no number.
    """
    if not (order_id.isascii() and order_id.isdigit()):
        raise wrong("ordId")
    return algo_id_of(order_id) if order_id.startswith("2") else order_id


def _note(call: Call, fields: Fields, wish: NewOrder, instrument: Instrument, tag: str) -> OrderNote:
    leverage: Decimal | None = None
    if not instrument.is_spot:
        leverage = call.venue.exchange.accounts.leverage(
            call.account_id, wish.symbol, wish.margin_mode, wish.position_side
        )
    return OrderNote(
        tag=tag,
        order_type=fields.text("ordType"),
        target_currency=fields.text("tgtCcy") if instrument.is_spot and wish.limit_price is None else "",
        leverage="" if leverage is None else format_amount(leverage),
    )


def _failed(error: OkxError) -> Item:
    return {"ordId": "", "sCode": error.code, "sMsg": error.message}
