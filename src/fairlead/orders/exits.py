"""Takes back protection that has outlived its position, on record first, like every cancel of ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from fairlead.core.model import events as ev
from fairlead.core.model.order import Order
from fairlead.core.model.reports import Canceled, VenueOrder
from fairlead.core.model.state import State
from fairlead.core.rules.exits import outlived_exits
from fairlead.orders.desk_tools import DeskTools, RecordingDesk
from fairlead.orders.reports import events_of_reports

WHY: Final = "what they protected is no longer held"


class ExitKeeper:
    """Looks after each stored change of one account whether a stop or take-profit is left over."""

    def __init__(self, desk: RecordingDesk, tools: DeskTools) -> None:
        """Start with nothing asked for."""
        self._desk = desk
        self._tools = tools
        # Each is asked for once; a venue that does not take it back is asked again when the account changes next.
        self._asked: set[str] = set()

    def look(self, changed: Iterable[State] = ()) -> None:
        """Take back what is left over; ``changed`` names the order whose fill did it."""
        book = self._desk.book
        self._asked.intersection_update(book.orders)
        if not book.orders:
            return
        found = outlived_exits(book, self._tools.market.instruments)
        exits = [order for order in found if order.order_id not in self._asked]
        if not exits:
            return
        self._asked.update(order.order_id for order in exits)
        event = ev.CancelRequested(
            request_id=_request_behind(changed),
            account_id=self._desk.account.account_id,
            order_ids=tuple(order.order_id for order in exits),
            at_ms=self._tools.clock.now_ms(),
            why=WHY,
        )
        self._desk.record([event], then=partial(self._start, exits))

    def _start(self, exits: Sequence[Order]) -> None:
        self._tools.spawn(self._desk, self._cancel(exits))

    async def _cancel(self, exits: Sequence[Order]) -> None:
        for order in exits:
            if isinstance(await self._desk.venue.cancel_order(order), Canceled):
                continue
            # It may have acted just before: then its own story says so.
            found = await self._desk.venue.find_order(order)
            if isinstance(found, VenueOrder):
                self._desk.record(events_of_reports(order.account_id, found.reports))
            self._asked.discard(order.order_id)


def _request_behind(changed: Iterable[State]) -> str:
    orders = [state for state in changed if isinstance(state, Order) and state.trade_ids]
    return next((order.request_id for order in reversed(orders) if order.request_id), "")
