"""Orders over REST: placing, amending, canceling, one by one and in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fairlead.simulator.okx import trading
from fairlead.simulator.okx.codes import GatewayCode, OkxError, fault
from fairlead.simulator.okx.endpoint import Answer, Call, Endpoint, Handler, answer_items, answer_rows
from fairlead.simulator.okx.fields import Fields
from fairlead.simulator.okx.keys import Permission
from fairlead.simulator.okx.order_wishes import read_client_id
from fairlead.simulator.okx.rows.order import order_row
from fairlead.simulator.okx.windows import RateLimit, Scope
from fairlead.simulator.orders import Order
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
        return accounts.find_order(call.account_id, client_id)
    raise fault(GatewayCode.ID_REQUIRED)


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
)
