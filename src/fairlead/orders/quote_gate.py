"""Lets a request wait, for a moment, for first prices: of its instrument, and of what the account holds."""

from __future__ import annotations

from collections.abc import Awaitable

from fairlead.core.model.request import CancelOrders, OrderRequest, SourceKind
from fairlead.core.rules.valuation import valued_by
from fairlead.orders.desk_inbox import DeskInbox
from fairlead.orders.desk_tools import DeskTools, RecordingDesk


class QuoteGate:
    """The gate of one desk. Whatever has waited once goes on, and the risk checks say what is missing."""

    def __init__(self, desk: RecordingDesk, tools: DeskTools, inbox: DeskInbox) -> None:
        """Put what has waited back into an inbox."""
        self._desk = desk
        self._tools = tools
        self._inbox = inbox
        self._waited: set[str] = set()

    def holds_back(self, request: OrderRequest) -> bool:
        """Whether a request waits for a price now."""
        if request.request_id in self._waited:
            self._waited.discard(request.request_id)
            return False
        # A cancel has no price, and a kill switch waits for nothing.
        if isinstance(request.intent, CancelOrders) or request.source_kind is SourceKind.SYSTEM:
            return False
        needed = valued_by(self._desk.book, self._desk.market.instruments)
        quotes = self._tools.want_quotes(self._desk.account, (request.symbol, *needed))
        if quotes is None:
            return False
        self._waited.add(request.request_id)
        self._inbox.begin(request)
        self._tools.spawn(self._desk, self._wait(request, quotes))
        return True

    async def _wait(self, request: OrderRequest, quotes: Awaitable[None]) -> None:
        await quotes
        self._inbox.settle(request.symbol, request.request_id)
        self._inbox.push(request)
        self._desk.wake()
