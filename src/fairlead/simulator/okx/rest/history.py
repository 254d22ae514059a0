"""Lists: open orders, finished orders, executions, movements of cash, closed positions (OKX API v5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fairlead.core.model.money import ZERO
from fairlead.simulator.okx import words
from fairlead.simulator.okx.catalogue import INSTRUMENT_TYPES, family_of, type_of
from fairlead.simulator.okx.endpoint import Answer, Call, Endpoint, Handler, answer_rows
from fairlead.simulator.okx.fields import Fields
from fairlead.simulator.okx.keys import Permission
from fairlead.simulator.okx.paging import FILLS, LIST, POSITIONS, Entry, cut
from fairlead.simulator.okx.rows.history import bill_row, closed_position_row, fill_row
from fairlead.simulator.okx.rows.order import order_row, type_name
from fairlead.simulator.okx.trading import own_id
from fairlead.simulator.okx.windows import RateLimit, Scope
from fairlead.simulator.orders import Order, OrderStatus

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS
QUARTER_MS: Final = 90 * DAY_MS
UNFILLED_KEPT_MS: Final = 2 * HOUR_MS
"""An order that was canceled without a fill is told of no longer than this."""
PENDING_STATES: Final = frozenset({"live", "partially_filled"})
DONE_STATES: Final = frozenset({"canceled", "filled", "mmp_canceled"})


def _pending(call: Call) -> Answer:
    call.fields.choice("state", PENDING_STATES)
    orders = call.venue.exchange.accounts.open_orders(call.account_id)
    return _orders(call, [order for order in orders if not _is_asleep(order)])


def _finished(kept_ms: int) -> Handler:
    def answer(call: Call) -> Answer:
        call.fields.required("instType")
        call.fields.choice("state", DONE_STATES)
        orders = call.venue.exchange.accounts.finished_orders(call.account_id)
        return _orders(call, [order for order in orders if _is_kept(order, call.now_ms, kept_ms)])

    return answer


def _orders(call: Call, orders: list[Order]) -> Answer:
    entries = [
        Entry(number=int(order.venue_order_id), at_ms=order.created_ms, item=order)
        for order in orders
        if _matches(call, order)
    ]
    rows = []
    for order in cut(entries, call.fields, LIST):
        instrument = call.venue.catalogue.find(order.symbol)
        assert instrument is not None
        rows.append(order_row(order, instrument, call.venue.notes.of(order.venue_order_id)))
    return answer_rows(rows)


def _is_asleep(order: Order) -> bool:
    return order.status is OrderStatus.WAITING


def _is_kept(order: Order, now_ms: int, kept_ms: int) -> bool:
    # An algo order that never fired is in the history of algo orders, not here.
    if order.wish.order_type in words.ALGO_TYPES and order.triggered_ms is None:
        return False
    kept = kept_ms if order.filled_quantity > ZERO else UNFILLED_KEPT_MS
    return order.updated_ms > now_ms - kept


def _matches(call: Call, order: Order) -> bool:
    fields = call.fields
    note = call.venue.notes.of(order.venue_order_id)
    return (
        _is_wanted(call, fields, order.symbol)
        and fields.text("ordType", note.order_type or type_name(order)) == (note.order_type or type_name(order))
        and fields.text("state", words.STATES[order.status]) == words.STATES[order.status]
        and fields.text("category", words.CATEGORIES[order.category]) == words.CATEGORIES[order.category]
    )


def _is_wanted(call: Call, fields: Fields, symbol: str) -> bool:
    instrument = call.venue.catalogue.find(symbol)
    if instrument is None:
        return False
    kind = fields.choice("instType", INSTRUMENT_TYPES)
    family = fields.text("instFamily") or fields.text("uly")
    return (
        kind in {"", type_of(instrument)}
        and family in {"", family_of(instrument)}
        and fields.text("instId") in {"", symbol}
    )


def _fills(kept_ms: int, *, needs_type: bool) -> Handler:
    def answer(call: Call) -> Answer:
        fields = call.fields
        if needs_type:
            fields.required("instType")
        order_id = fields.text("ordId")
        wanted = own_id(order_id) if order_id else ""
        entries = [
            entry
            for entry in call.venue.chronicle.fills(call.account_id)
            if entry.at_ms > call.now_ms - kept_ms
            and wanted in {"", entry.item.fill.venue_order_id}
            and _is_wanted(call, fields, entry.item.fill.symbol)
        ]
        rows = [fill_row(call.venue, note) for note in cut(entries, fields, FILLS)]
        kind = fields.text("subType")
        return answer_rows([row for row in rows if kind in {"", row["subType"]}])

    return answer


def _bills(kept_ms: int) -> Handler:
    def answer(call: Call) -> Answer:
        fields = call.fields
        entries = [
            Entry(number=entry.number, at_ms=entry.at_ms, item=bill_row(call.venue, entry.item))
            for entry in call.venue.chronicle.bills(call.account_id)
            if entry.at_ms > call.now_ms - kept_ms
        ]
        names = ("instType", "instId", "ccy", "type", "subType")
        wanted = {name: fields.text(name) for name in names if fields.text(name)}
        found = [entry for entry in entries if all(entry.item[name] == value for name, value in wanted.items())]
        page = cut(found, fields, LIST)
        return answer_rows(page)

    return answer


def _closed(call: Call) -> Answer:
    entries = [
        Entry(
            number=entry.number,
            at_ms=entry.at_ms,
            item=closed_position_row(call.venue, entry.number, entry.item),
        )
        for entry in call.venue.chronicle.closed_positions(call.account_id)
        if entry.at_ms > call.now_ms - QUARTER_MS and _is_wanted(call, call.fields, entry.item.position.symbol)
    ]
    page = cut(entries, call.fields, POSITIONS)
    return answer_rows(page)


def _list(path: str, handler: Callable[[Call], Answer], count: int, window_ms: int = 2_000) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/api/v5/{path}",
        handler=handler,
        limit=RateLimit(path, count, Scope.USER, window_ms),
        permission=Permission.READ,
    )


ENDPOINTS: Final = (
    _list("trade/orders-pending", _pending, 60),
    _list("trade/orders-history", _finished(WEEK_MS), 40),
    _list("trade/orders-history-archive", _finished(QUARTER_MS), 20),
    _list("trade/fills", _fills(3 * DAY_MS, needs_type=False), 60),
    _list("trade/fills-history", _fills(QUARTER_MS, needs_type=True), 10),
    _list("account/bills", _bills(WEEK_MS), 5, 1_000),
    _list("account/bills-archive", _bills(QUARTER_MS), 5),
    _list("account/positions-history", _closed, 10),
)
