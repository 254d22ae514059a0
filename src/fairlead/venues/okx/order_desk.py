"""Sends orders and cancels: over the private socket when it is up, else over REST; never over both."""

from __future__ import annotations

from typing import Any, Final

from fairlead.core.model.order import Order
from fairlead.venues.okx import wishes
from fairlead.venues.okx.governor import Ask, Priority
from fairlead.venues.okx.order_socket import OrderSocket
from fairlead.venues.okx.outcomes import Ack, Failure, NotSent, Reply, read_ack
from fairlead.venues.okx.rest import TOO_LATE, OkxRest, wait_max_ms

PLACE: Final = "trade/order"
CANCEL: Final = "trade/cancel-order"


class OrderDesk:
    """One account's way for orders into the book."""

    def __init__(self, rest: OkxRest, socket: OrderSocket) -> None:
        """Prefer the socket: its answers come sooner, and limits are shared anyway."""
        self._rest = rest
        self._socket = socket

    async def place(self, order: Order, priority: Priority) -> Ack | Failure:
        """Send one order with its deadline."""
        fields = wishes.order_fields(order)
        return await self._send(PLACE, order.symbol, fields, priority=priority, deadline_ms=order.deadline_ms)

    async def cancel(self, order: Order) -> Ack | Failure:
        """Cancel by OKX's number where it is known: it names one order for ever, an id of ours may be used again."""
        fields = {"ordId": order.venue_order_id} if order.venue_order_id else {"clOrdId": order.order_id}
        return await self._send(CANCEL, order.symbol, fields, priority=Priority.CANCEL)

    async def cancel_number(self, symbol: str, venue_order_id: str) -> Ack | Failure:
        """Cancel an order that has no id of ours."""
        return await self._send(CANCEL, symbol, {"ordId": venue_order_id}, priority=Priority.CANCEL)

    async def _send(
        self,
        endpoint: str,
        symbol: str,
        fields: dict[str, Any],
        *,
        priority: Priority,
        deadline_ms: int | None = None,
    ) -> Ack | Failure:
        ask = self._rest.ask(endpoint, symbol, priority)
        code = self._rest.connection.codes.get(symbol)
        if code is None or not self._socket.is_up:
            return read_ack(await self._rest.post(ask, {"instId": symbol, **fields}, Ack, deadline_ms=deadline_ms))
        admission = await self._rest.governor.admit(ask, wait_max_ms=wait_max_ms(self._rest.clock, deadline_ms))
        if admission is None:
            return NotSent(TOO_LATE)
        try:
            sent = await self._ask_socket(ask, {"instIdCode": code, **fields}, deadline_ms)
        finally:
            admission.done()
        if not isinstance(sent, NotSent):
            return read_ack(sent)
        # Not one byte has left over the socket, so this is the first sending.
        return read_ack(await self._rest.post(ask, {"instId": symbol, **fields}, Ack, deadline_ms=deadline_ms))

    async def _ask_socket(self, ask: Ask, fields: dict[str, Any], deadline_ms: int | None) -> Reply[Ack]:
        _, _, operation = ask.endpoint.rpartition("/")
        offset_ms = self._rest.connection.clock_offset_ms
        reply = await self._socket.ask(
            operation, fields, deadline_ms=None if deadline_ms is None else deadline_ms + offset_ms
        )
        if not isinstance(reply, NotSent) and (code := getattr(reply, "code", "")):
            self._rest.note_refusal(ask, code)
        return reply
