"""Orders over REST: placing, amending, canceling, one by one and in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.simulator.account import PositionKey
from fairlead.simulator.okx import trading, words
from fairlead.simulator.okx.codes import GatewayCode, OkxError, fault, refusal, wrong
from fairlead.simulator.okx.endpoint import Answer, Call, Endpoint, Handler, answer_items, answer_rows
from fairlead.simulator.okx.fields import Fields
from fairlead.simulator.okx.keys import Permission
from fairlead.simulator.okx.notes import OrderNote
from fairlead.simulator.okx.order_wishes import read_client_id, read_position_side, read_tag
from fairlead.simulator.okx.rows.order import order_row
from fairlead.simulator.okx.windows import RateLimit, Scope
from fairlead.simulator.orders import Order, Refused
from fairlead.simulator.refusals import Code, refuse

BATCH_MAX: Final = 20

_One = Callable[[Call, Fields], trading.Item]


def _each(one: _One, *, timed: bool = False) -> Handler:
    def answer(call: Call) -> Answer:
        if timed:
            trading.check_deadline(call)
        return answer_items([one(call, item) for item in call.items])

    return answer


def _order(call: Call) -> Answer:
    instrument = call.venue.catalogue.wanted(call.fields)
    order = _find(call, call.fields)
    if order is None or order.symbol != instrument.symbol:
        unknown = refuse(Code.ORDER_UNKNOWN)
        raise OkxError(unknown.code, unknown.message)
    return answer_rows([order_row(order, instrument, call.venue.notes.of(order.venue_order_id))])


def _find(call: Call, fields: Fields) -> Order | None:
    order_id, client_id = fields.text("ordId"), read_client_id(fields)
    accounts = call.venue.exchange.accounts
    if order_id:
        return accounts.find_venue_order(call.account_id, trading.own_id(order_id))
    if client_id:
        order = accounts.find_order(call.account_id, client_id)
        # The owner's id of an algo order is not that of the order which it sends.
        return None if order is not None and order.wish.order_type in words.ALGO_TYPES else order
    raise fault(GatewayCode.ID_REQUIRED)


def _close_position(call: Call) -> Answer:
    fields = call.fields
    instrument = call.venue.catalogue.wanted(fields)
    fields.required("mgnMode")
    mode = MarginMode(fields.choice("mgnMode", {"cross", "isolated"}))
    accounts = call.venue.exchange.accounts
    side = read_position_side(fields, instrument)
    if (side is PositionSide.NET) is not (accounts.position_mode(call.account_id) is PositionMode.NET):
        raise wrong("posSide")
    key = PositionKey(instrument.symbol, mode, side)
    client_id, tag = read_client_id(fields), read_tag(fields)
    closed = call.venue.exchange.close_position(
        call.account_id, key, now_ms=call.now_ms, auto_cancel=fields.flag("autoCxl"), client_order_id=client_id
    )
    if isinstance(closed, Refused):
        raise refusal(closed)
    call.venue.notes.keep(closed.venue_order_id, OrderNote(tag=tag, order_type="market"))
    return answer_rows([{"instId": instrument.symbol, "posSide": side.value, "clOrdId": client_id, "tag": tag}])


def _rate_limit(call: Call) -> Answer:
    row = {
        "accRateLimit": str(trading.ORDERS_PER_TWO_SECONDS),
        "fillRatio": "",
        "mainFillRatio": "",
        "nextAccRateLimit": str(trading.ORDERS_PER_TWO_SECONDS),
        "ts": str(call.now_ms),
    }
    return answer_rows([row])


def _single(path: str, one: _One, *, timed: bool = False) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/api/v5/trade/{path}",
        handler=_each(one, timed=timed),
        limit=RateLimit(f"trade/{path}", 60, Scope.USER_AND_INSTRUMENT),
        permission=Permission.TRADE,
        timed=True,
    )


def _batch(path: str, one: _One, single_path: str, *, timed: bool = False) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/api/v5/trade/{path}",
        handler=_each(one, timed=timed),
        limit=RateLimit(f"trade/{single_path}", 60, Scope.USER_AND_INSTRUMENT),
        batch_limit=RateLimit(f"trade/{path}", 300, Scope.USER_AND_INSTRUMENT),
        batch_max=BATCH_MAX,
        permission=Permission.TRADE,
        timed=True,
    )


ENDPOINTS: Final = (
    _single("order", trading.place, timed=True),
    _single("cancel-order", trading.cancel),
    _single("amend-order", trading.amend, timed=True),
    _batch("batch-orders", trading.place, "order", timed=True),
    _batch("cancel-batch-orders", trading.cancel, "cancel-order"),
    _batch("amend-batch-orders", trading.amend, "amend-order", timed=True),
    Endpoint(
        method="GET",
        path="/api/v5/trade/order",
        handler=_order,
        limit=RateLimit("trade/order GET", 60, Scope.USER_AND_INSTRUMENT),
        permission=Permission.READ,
    ),
    Endpoint(
        method="POST",
        path="/api/v5/trade/close-position",
        handler=_close_position,
        limit=RateLimit("trade/close-position", 20, Scope.USER_AND_INSTRUMENT),
        permission=Permission.TRADE,
    ),
    Endpoint(
        method="GET",
        path="/api/v5/trade/account-rate-limit",
        handler=_rate_limit,
        limit=RateLimit("trade/account-rate-limit", 1, Scope.USER, 1_000),
        permission=Permission.READ,
    ),
)
