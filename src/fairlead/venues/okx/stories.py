"""Asks OKX what became of an order: the order, the algo order of that id, the history; and all of its executions."""

from __future__ import annotations

from typing import Final, TypeVar

from fairlead.core.model import reports as rp
from fairlead.core.model.ids import PROTECTION, child_order_id
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order, OrderStatus
from fairlead.venues.okx import reports
from fairlead.venues.okx.outcomes import ORDER_UNKNOWN, Answered, Failure, Lost, Refused, Reply, as_unknown
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.rows import AlgoRow, FillRow, OrderRow, read_amount
from fairlead.venues.okx.tracking import OrderTracker
from fairlead.venues.okx.wishes import TRIGGERED

FILLS_PAGE: Final = 100
FILL_PAGES_MAX: Final = 50
HISTORY_MARGIN_MS: Final = 60_000
ALGO_LATE_MS: Final = 60_000
"""No request to OKX is on its way for longer."""

_ALGO_WAITS: Final = frozenset({"live", "pause", "partially_effective"})

T = TypeVar("T")
Story = tuple[rp.ExecutionReport, ...]


class StoryTeller:
    """Tells whole stories of orders, from REST alone."""

    def __init__(self, rest: OkxRest, tracker: OrderTracker, *, is_delivered: bool = False) -> None:
        """Ask for one account; ``is_delivered``: what is told here is delivered as reports, and counts as told."""
        self._rest = rest
        self._tracker = tracker
        self._is_delivered = is_delivered

    async def find(self, order: Order) -> rp.FindOutcome:
        """What became of an order of ours, with its protection (OKX API v5: order, algo order, history)."""
        if order.origin == PROTECTION or order.order_type in TRIGGERED:
            story = await self._find_algo(order)
            return self._may_come_late(order) if story is None else _outcome(story)
        row = await self.find_row(order)
        if not isinstance(row, OrderRow):
            return rp.NoSuchOrder() if row is None else as_unknown(row)
        self._tracker.note_protection(order)
        story = await self.tell(order.order_id, row)
        if not isinstance(story, tuple):
            return as_unknown(story)
        exits: Story | Failure | None = ()
        if order.stop_loss_price is not None or order.take_profit_price is not None:
            exits = await self.tell_algo(child_order_id(order.order_id, PROTECTION))
        return _outcome(exits if exits is not None and not isinstance(exits, tuple) else (*story, *(exits or ())))

    def _may_come_late(self, order: Order) -> rp.NoSuchOrder | rp.Unknown:
        """OKX honours deadlines of orders, not of algo orders: one on its way may be taken for a while yet."""
        is_doubtful = order.status in {OrderStatus.IN_FLIGHT, OrderStatus.UNKNOWN}
        if is_doubtful and self._rest.clock.now_ms() < order.deadline_ms + ALGO_LATE_MS:
            return rp.Unknown(message="OKX does not have it yet, and may still take it")
        return rp.NoSuchOrder()

    async def find_row(self, order: Order) -> OrderRow | Failure | None:
        """The order itself, by our id, by OKX's, or in the history of finished ones; None: OKX does not know it."""
        found = await self._ask_order(order.symbol, {"clOrdId": order.order_id})
        if found is None and order.venue_order_id:
            found = await self._ask_order(order.symbol, {"ordId": order.venue_order_id})
        return await self._find_in_history(order) if found is None else found

    async def tell_number(self, symbol: str, venue_order_id: str) -> Story | Failure | None:
        """The story of an order by OKX's number."""
        row = await self._ask_order(symbol, {"ordId": venue_order_id})
        if not isinstance(row, OrderRow):
            return row
        return await self.tell(reports.order_id_of(self._rest.account_id, row), row)

    async def tell(self, order_id: str, row: OrderRow) -> Story | Failure:
        """The story of an order whose row is at hand."""
        fills = await self._fills(row)
        if isinstance(fills, list):
            tracked = self._tracker.follow(row.ord_id, order_id, row.inst_id)
            if self._is_delivered:
                tracked.told = max(tracked.told, read_amount(row.acc_fill_sz))
                tracked.is_over = tracked.is_over or row.state in reports.OVER
            return reports.whole_story(order_id, row, fills)
        return fills

    async def find_child(self, order: Order) -> str:
        """OKX's number of the order that an algo order of ours has sent, or nothing."""
        row = await self._ask_algo(order.order_id)
        return row.ord_id if isinstance(row, AlgoRow) else ""

    async def _find_algo(self, order: Order) -> Story | Failure | None:
        story = await self.tell_algo(order.order_id)
        if story is not None or not order.venue_order_id:
            return story
        # A stop made by OKX may have lost our id on its way; its own number stays.
        return await self.tell_number(order.symbol, order.venue_order_id)

    async def tell_algo(self, order_id: str) -> Story | Failure | None:
        """The story of an algo order by our id, with that of the order it has sent."""
        row = await self._ask_algo(order_id)
        if not isinstance(row, AlgoRow):
            return row
        first = self.open_algo(row)
        if row.state in _ALGO_WAITS and not row.ord_id:
            return (first,)
        end = reports.algo_ended(row)
        if end is not None or not row.ord_id:
            return (first, *(() if end is None else (end,)))
        child = await self._ask_order(row.inst_id, {"ordId": row.ord_id})
        if not isinstance(child, OrderRow):
            return (first,) if child is None else child
        story = await self.tell(order_id, child)
        # The order that it has sent is the same order to us, so it is accepted once.
        return (first, *story[1:]) if isinstance(story, tuple) else story

    def open_algo(self, row: AlgoRow) -> rp.ExecutionReport:
        """It waits at the exchange: an order of ours, or the protection of one."""
        parent = self._tracker.parent_of(row.algo_cl_ord_id)
        if parent:
            return reports.protection_born(row, parent)
        at_ms = int(row.c_time)
        return rp.ReportAccepted(order_id=row.algo_cl_ord_id, venue_order_id=row.algo_id, at_ms=at_ms)

    async def _ask_order(self, symbol: str, name: dict[str, str]) -> OrderRow | Failure | None:
        query = {"instId": symbol, **name}
        return _first(await self._rest.get("trade/order", OrderRow, subject=symbol, query=query))

    async def _ask_algo(self, order_id: str) -> AlgoRow | Failure | None:
        return _first(await self._rest.get("trade/order-algo", AlgoRow, query={"algoClOrdId": order_id}))

    async def _find_in_history(self, order: Order) -> OrderRow | Failure | None:
        query = {
            "instType": "SPOT" if order.margin_mode.value == "cash" else "SWAP",
            "instId": order.symbol,
            "begin": str(order.created_ms - HISTORY_MARGIN_MS),
            "end": str(order.deadline_ms + HISTORY_MARGIN_MS),
        }
        reply = await self._rest.get("trade/orders-history", OrderRow, query=query)
        if not isinstance(reply, Answered):
            return reply
        return next((row for row in reply.rows if row.cl_ord_id == order.order_id), None)

    async def _fills(self, row: OrderRow) -> list[FillRow] | Failure:
        """Every execution of an order, oldest first; an answer that lacks some is no answer."""
        wanted = read_amount(row.acc_fill_sz)
        if not wanted:
            return []
        for endpoint in ("trade/fills", "trade/fills-history"):
            fills = await self._list_fills(endpoint, row)
            if not isinstance(fills, list):
                return fills
            if sum((read_amount(fill.fill_sz) for fill in fills), ZERO) == wanted:
                return sorted(fills, key=lambda fill: (int(fill.ts), int(fill.bill_id)))
        return Lost(f"OKX does not list all executions of order {row.ord_id} yet")

    async def _list_fills(self, endpoint: str, row: OrderRow) -> list[FillRow] | Failure:
        fills: list[FillRow] = []
        for _ in range(FILL_PAGES_MAX):
            query = {"instType": row.inst_type, "instId": row.inst_id, "ordId": row.ord_id}
            after = {"after": fills[-1].bill_id} if fills else {}
            reply = await self._rest.get(endpoint, FillRow, query=query | after)
            if not isinstance(reply, Answered):
                return reply
            fills += reply.rows
            if len(reply.rows) < FILLS_PAGE:
                return fills
        return Lost(f"order {row.ord_id} has more executions than are read")


def _first(reply: Reply[T]) -> T | Failure | None:
    if isinstance(reply, Answered):
        return reply.rows[0] if reply.rows else None
    return None if isinstance(reply, Refused) and reply.code == ORDER_UNKNOWN else reply


def _outcome(story: Story | Failure | None) -> rp.FindOutcome:
    if story is None:
        return rp.NoSuchOrder()
    return rp.VenueOrder(reports=story) if isinstance(story, tuple) else as_unknown(story)
