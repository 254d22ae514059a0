"""Sends orders and cancels: over the private socket when it is up, else over REST; never over both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from fairlead.core.model.order import Order
from fairlead.venues.okx import wishes
from fairlead.venues.okx.batches import Batches
from fairlead.venues.okx.governor import Ask, Priority
from fairlead.venues.okx.order_socket import OrderSocket
from fairlead.venues.okx.outcomes import (
    BATCH_FAILED,
    Ack,
    Answered,
    Failure,
    Lost,
    NotSent,
    Refused,
    Reply,
    read_ack,
    read_acks,
)
from fairlead.venues.okx.rest import TOO_LATE, OkxRest, wait_max_ms

PLACE: Final = "trade/order"
PLACE_BATCH: Final = "trade/batch-orders"
CANCEL: Final = "trade/cancel-order"
CANCEL_BATCH: Final = "trade/cancel-batch-orders"
# The socket has its own names for what REST does.
_OPERATIONS: Final = {
    PLACE: "order",
    PLACE_BATCH: "batch-orders",
    CANCEL: "cancel-order",
    CANCEL_BATCH: "batch-cancel-orders",
}

GATHER_MS: Final = 50
"""How long orders wait for company where the limit of single ones is used up."""

DEADLINES_APART_MS: Final = 250
"""Orders of one request have one deadline, the earliest of theirs: no order may lose much of its time so."""


class _Placing(NamedTuple):
    """What orders of one request share."""

    symbol: str
    priority: Priority
    deadline_span: int


class _Wish(NamedTuple):
    fields: Mapping[str, Any]
    deadline_ms: int


class OrderDesk:
    """One account's way for orders into the book."""

    def __init__(self, rest: OkxRest, socket: OrderSocket) -> None:
        """Prefer the socket: its answers come sooner, and limits are shared anyway."""
        self._rest = rest
        self._socket = socket
        self._places = Batches(self._place_one, self._place_many, self._gather)
        self._cancels = Batches(self._cancel_one, self._cancel_many)

    async def place(self, order: Order, priority: Priority) -> Ack | Failure:
        """Send one order with its deadline.

        Orders of one instrument that come at the same moment, as the levels of a ladder do, share a request and its
        deadline: OKX takes 150 orders a second in batches, and 30 one by one.
        """
        placing = _Placing(order.symbol, priority, order.deadline_ms // DEADLINES_APART_MS)
        wish = _Wish(wishes.order_fields(order), order.deadline_ms)
        outcome = await self._places.send(placing, wish)
        if isinstance(outcome, Refused) and outcome.code == BATCH_FAILED:
            # Nothing of it was done, because of another order: alone this one may pass.
            return await self._place_one(placing, wish)
        return outcome

    async def cancel(self, order: Order) -> Ack | Failure:
        """Cancel by OKX's number where it is known: it names one order for ever, an id of ours may be used again.

        Cancels of one instrument that come at the same moment share a request, as orders do.
        """
        fields = {"ordId": order.venue_order_id} if order.venue_order_id else {"clOrdId": order.order_id}
        return await self._cancels.send(order.symbol, fields)

    async def cancel_number(self, symbol: str, venue_order_id: str) -> Ack | Failure:
        """Cancel an order that has no id of ours."""
        return await self._cancels.send(symbol, {"ordId": venue_order_id})

    async def _gather(self, placing: _Placing) -> None:
        """Where one order more would have to wait for the limit, others may come meanwhile: a batch has its own."""
        if self._rest.governor.is_full(self._rest.ask(PLACE, placing.symbol, placing.priority)):
            await self._rest.clock.sleep_ms(GATHER_MS)

    async def _place_one(self, placing: _Placing, wish: _Wish) -> Ack | Failure:
        ask = self._rest.ask(PLACE, placing.symbol, placing.priority)
        return read_ack(await self._send(PLACE, ask, [wish.fields], deadline_ms=wish.deadline_ms))

    async def _place_many(self, placing: _Placing, several: Sequence[_Wish]) -> Sequence[Ack | Failure]:
        items, deadline_ms = [wish.fields for wish in several], min(wish.deadline_ms for wish in several)
        ask = self._rest.ask(PLACE_BATCH, placing.symbol, placing.priority)
        ask = msgspec.structs.replace(ask, items=len(items))
        reply = await self._send(PLACE_BATCH, ask, items, deadline_ms=deadline_ms)
        if isinstance(reply, Answered) and not all(map(_is_about, reply.rows, items)):
            return [Lost("OKX answered about other orders than it was sent")] * len(items)
        return read_acks(reply, len(items))

    async def _cancel_one(self, symbol: str, fields: Mapping[str, str]) -> Ack | Failure:
        return read_ack(await self._send(CANCEL, self._rest.ask(CANCEL, symbol, Priority.CANCEL), [fields]))

    async def _cancel_many(self, symbol: str, items: Sequence[Mapping[str, str]]) -> Sequence[Ack | Failure]:
        ask = msgspec.structs.replace(self._rest.ask(CANCEL_BATCH, symbol, Priority.CANCEL), items=len(items))
        return read_acks(await self._send(CANCEL_BATCH, ask, items), len(items))

    async def _send(
        self, endpoint: str, ask: Ask, items: Sequence[Mapping[str, Any]], *, deadline_ms: int | None = None
    ) -> Reply[Ack]:
        named = [{"instId": ask.subject, **fields} for fields in items]
        body = named if len(items) > 1 else named[0]
        code = self._rest.connection.codes.get(ask.subject)
        if code is None or not self._socket.is_up:
            return await self._rest.post(ask, body, Ack, deadline_ms=deadline_ms)
        admission = await self._rest.governor.admit(ask, wait_max_ms=wait_max_ms(self._rest.clock, deadline_ms))
        if admission is None:
            return NotSent(TOO_LATE)
        coded = [{"instIdCode": code, **fields} for fields in items]
        try:
            sent = await self._ask_socket(_OPERATIONS[endpoint], ask, coded, deadline_ms)
        finally:
            admission.done()
        if not isinstance(sent, NotSent):
            return sent
        # Not one byte has left over the socket, so this is the first sending.
        return await self._rest.post(ask, body, Ack, deadline_ms=deadline_ms)

    async def _ask_socket(
        self, operation: str, ask: Ask, items: Sequence[Mapping[str, Any]], deadline_ms: int | None
    ) -> Reply[Ack]:
        offset_ms = self._rest.connection.clock_offset_ms
        reply = await self._socket.ask(
            operation, items, deadline_ms=None if deadline_ms is None else deadline_ms + offset_ms
        )
        if not isinstance(reply, NotSent) and (code := getattr(reply, "code", "")):
            self._rest.note_refusal(ask, code)
        return reply


def _is_about(ack: Ack, fields: Mapping[str, Any]) -> bool:
    return ack.cl_ord_id in {"", fields["clOrdId"]}
