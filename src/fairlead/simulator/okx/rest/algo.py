"""Algo orders: stops, take-profits, triggers and trailing stops that wait at the exchange (OKX API v5)."""

from __future__ import annotations

from typing import Any, Final

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import format_amount
from fairlead.simulator.okx.algo_wishes import ALGO_TYPES, CONDITIONAL, OCO, read_algo, read_amendment
from fairlead.simulator.okx.catalogue import INSTRUMENT_TYPES, type_of
from fairlead.simulator.okx.codes import OK, GatewayCode, OkxError, fault, refusal, wrong
from fairlead.simulator.okx.endpoint import Answer, Call, Endpoint, Handler, answer_items, answer_rows
from fairlead.simulator.okx.fields import Fields
from fairlead.simulator.okx.keys import Permission
from fairlead.simulator.okx.notes import OrderNote
from fairlead.simulator.okx.order_wishes import read_client_id, read_tag
from fairlead.simulator.okx.paging import Entry, cut
from fairlead.simulator.okx.rows.algo import CANCELED, EFFECTIVE, FAILED, LIVE, algo_row, algo_state, algo_type
from fairlead.simulator.okx.windows import RateLimit, Scope
from fairlead.simulator.okx.words import ALGO_TYPES as WAITING_TYPES
from fairlead.simulator.orders import Order, OrderStatus, Refused
from fairlead.simulator.refusals import Code, refuse

CANCELS_MAX: Final = 10
_JOINED: Final = frozenset({CONDITIONAL, OCO})


def _place(call: Call) -> Answer:
    fields = call.fields
    row: dict[str, Any] = {
        "algoId": "",
        "algoClOrdId": fields.text("algoClOrdId"),
        "clOrdId": "",
        "tag": fields.text("tag"),
    }
    try:
        instrument = call.venue.catalogue.wanted(fields)
        tag = read_tag(fields)
        wish = read_algo(call, instrument)
        placed = call.venue.exchange.place(call.account_id, wish, now_ms=call.now_ms)
        if isinstance(placed, Refused):
            raise refusal(placed)
    except OkxError as error:
        return answer_items([row | {"sCode": error.code, "sMsg": error.message}])
    leverage = ""
    if not instrument.is_spot:
        leverage = format_amount(
            call.venue.exchange.accounts.leverage(
                call.account_id, instrument.symbol, wish.margin_mode, wish.position_side
            )
        )
    note = OrderNote(tag=tag, order_type=fields.text("ordType"), leverage=leverage)
    call.venue.notes.keep(placed.venue_order_id, note)
    return answer_items([row | {"algoId": placed.venue_order_id, "sCode": OK, "sMsg": ""}])


def _cancel(call: Call) -> Answer:
    return answer_items([_cancel_one(call, item) for item in call.items])


def _cancel_one(call: Call, fields: Fields) -> dict[str, Any]:
    row = {"algoId": fields.text("algoId"), "algoClOrdId": fields.text("algoClOrdId"), "clOrdId": "", "tag": ""}
    try:
        order = _waiting(call, fields)
        canceled = call.venue.exchange.cancel(call.account_id, now_ms=call.now_ms, venue_order_id=order.venue_order_id)
        if isinstance(canceled, Refused):
            raise refusal(canceled)
    except OkxError as error:
        return row | {"sCode": error.code, "sMsg": error.message}
    return row | {"algoId": order.venue_order_id, "sCode": OK, "sMsg": ""}


def _amend(call: Call) -> Answer:
    fields = call.fields
    row = {
        "algoId": fields.text("algoId"),
        "algoClOrdId": fields.text("algoClOrdId"),
        "reqId": fields.text("reqId"),
    }
    try:
        order = _waiting(call, fields)
        change = read_amendment(fields, order)
        amended = call.venue.exchange.amend(
            call.account_id, change, now_ms=call.now_ms, venue_order_id=order.venue_order_id
        )
        if isinstance(amended, Refused):
            raise refusal(amended)
    except OkxError as error:
        return answer_items([row | {"sCode": error.code, "sMsg": error.message}])
    return answer_items([row | {"algoId": order.venue_order_id, "sCode": OK, "sMsg": ""}])


def _waiting(call: Call, fields: Fields) -> Order:
    order = _find(call, fields)
    if order is None or order.status is not OrderStatus.WAITING:
        raise refusal(refuse(Code.CANCEL_ORDER_GONE))
    return order


def _find(call: Call, fields: Fields) -> Order | None:
    algo_id, client_id = fields.text("algoId"), read_client_id(fields, "algoClOrdId")
    if not algo_id and not client_id:
        raise fault(GatewayCode.EITHER_REQUIRED, first="algoId", second="algoClOrdId")
    accounts = call.venue.exchange.accounts
    order = (
        accounts.find_venue_order(call.account_id, algo_id)
        if algo_id
        else accounts.find_order(call.account_id, client_id)
    )
    return order if order is not None and order.wish.order_type in WAITING_TYPES else None


def _one(call: Call) -> Answer:
    order = _find(call, call.fields)
    if order is None:
        raise refusal(refuse(Code.ORDER_UNKNOWN))
    return answer_rows([_row(call, order)])


def _pending(call: Call) -> Answer:
    orders = call.venue.exchange.accounts.open_orders(call.account_id)
    return _list(call, [order for order in orders if order.status is OrderStatus.WAITING])


def _history(call: Call) -> Answer:
    fields = call.fields
    state = fields.choice("state", {EFFECTIVE, CANCELED, FAILED})
    if not state and not fields.text("algoId"):
        raise fault(GatewayCode.EITHER_REQUIRED, first="state", second="algoId")
    accounts = call.venue.exchange.accounts
    # One that has fired is over, although the order that it sent may still be open.
    orders = [*accounts.finished_orders(call.account_id), *accounts.open_orders(call.account_id)]
    done = [order for order in orders if order.wish.order_type in WAITING_TYPES and algo_state(order) != LIVE]
    return _list(call, [order for order in done if state in {"", algo_state(order)}])


def _list(call: Call, orders: list[Order]) -> Answer:
    fields = call.fields
    fields.required("ordType")
    kinds = set(fields.names("ordType", len(_JOINED)))
    if not kinds <= ALGO_TYPES and not kinds <= {"iceberg", "twap", "chase", "smart_iceberg"}:
        raise wrong("ordType")
    if len(kinds) > 1 and not kinds <= _JOINED:
        raise wrong("ordType")
    kind = fields.choice("instType", INSTRUMENT_TYPES)
    entries = [
        Entry(number=int(order.venue_order_id), at_ms=order.created_ms, item=order)
        for order in orders
        if algo_type(order, call.venue.notes.of(order.venue_order_id)) in kinds
        and fields.text("algoId") in {"", order.venue_order_id}
        and fields.text("algoClOrdId") in {"", order.client_order_id}
        and fields.text("instId") in {"", order.symbol}
        and kind in {"", type_of(_instrument(call, order))}
    ]
    return answer_rows([_row(call, order) for order in cut(entries, fields)])


def _row(call: Call, order: Order) -> dict[str, Any]:
    return algo_row(order, _instrument(call, order), call.venue.notes.of(order.venue_order_id))


def _instrument(call: Call, order: Order) -> Instrument:
    instrument = call.venue.catalogue.find(order.symbol)
    assert instrument is not None
    return instrument


def _post(path: str, handler: Handler, *, batch_max: int = 1) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/api/v5/trade/{path}",
        handler=handler,
        limit=RateLimit(f"trade/{path}", 20, Scope.USER_AND_INSTRUMENT),
        batch_max=batch_max,
        permission=Permission.TRADE,
    )


def _get(path: str, handler: Handler) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/api/v5/trade/{path}",
        handler=handler,
        limit=RateLimit(f"trade/{path} GET", 20, Scope.USER),
        permission=Permission.READ,
    )


ENDPOINTS: Final = (
    _post("order-algo", _place),
    _post("cancel-algos", _cancel, batch_max=CANCELS_MAX),
    _post("cancel-advance-algos", _cancel, batch_max=CANCELS_MAX),
    _post("amend-algos", _amend),
    _get("order-algo", _one),
    _get("orders-algo-pending", _pending),
    _get("orders-algo-history", _history),
)
