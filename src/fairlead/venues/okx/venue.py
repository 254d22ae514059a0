"""One OKX account behind the Venue port."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from decimal import Decimal
from typing import Final, TypeVar

import structlog

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide, VenueAccount
from fairlead.core.model.ids import PROTECTION
from fairlead.core.model.money import format_amount
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.request import OrderType
from fairlead.ports import DeliverReports, VenueCapabilities
from fairlead.venues.account_findings import Finding
from fairlead.venues.okx import account_reading, wishes
from fairlead.venues.okx.account_check import check_account
from fairlead.venues.okx.governor import Priority
from fairlead.venues.okx.order_desk import OrderDesk
from fairlead.venues.okx.outcomes import (
    CLIENT_ID_EXISTS,
    NOTHING_TO_CANCEL,
    Ack,
    Answered,
    Failure,
    Refused,
    as_rejected,
    as_unknown,
    read_ack,
)
from fairlead.venues.okx.private_stream import PrivateStream
from fairlead.venues.okx.protection import DeadManSwitch
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.rows import ConfigRow, LeverageRow, read_moment
from fairlead.venues.okx.stories import StoryTeller
from fairlead.venues.okx.tracking import OrderTracker

LONG_SHORT: Final = "long_short_mode"
UNSUPPORTED: Final = "unsupported"

T = TypeVar("T")
_log = structlog.get_logger("fairlead.venues.okx")


class OkxVenue:
    """Places orders once, tells doubts from refusals, and reports what the private sockets tell."""

    def __init__(
        self,
        account: VenueAccount,
        rest: OkxRest,
        stream: PrivateStream,
        tracker: OrderTracker,
        *,
        may_withdraw: bool = False,
    ) -> None:
        """Put together by ``opening.open_okx``."""
        self.dead_man_switch = DeadManSwitch(rest)
        """Off until somebody keeps it armed."""
        self._account = account
        self._may_withdraw = may_withdraw
        self._rest = rest
        self._stream = stream
        self._tracker = tracker
        self._stories = StoryTeller(rest, tracker)
        self._orders = OrderDesk(rest, stream.orders)
        self._position_mode = account.position_mode

    @property
    def capabilities(self) -> VenueCapabilities:
        """OKX refuses after ``expTime``; it forgets a client order id when the order is over."""
        return VenueCapabilities(
            deadlines=True,
            client_ids_lasting=False,
            late_arrivals=True,
            long_short_mode=True,
            attached_protection=True,
        )

    @property
    def position_mode(self) -> PositionMode:
        """As the account has it at OKX, once ``start`` has asked; before, as it is configured here."""
        return self._position_mode

    @property
    def is_listening(self) -> bool:
        """Whether the private sockets are up and everything that was missed has been read."""
        return self._stream.is_up

    def listen(self, deliver: DeliverReports) -> None:
        """Hand later reports to ``deliver``."""
        self._stream.deliver_to(deliver)

    async def start(self) -> Sequence[Finding] | rp.Unknown:
        """Ask for the account's settings before its desk opens; returns what will not work, worst first."""
        await self._rest.measure_clock()
        reply = await self._rest.get("account/config", ConfigRow)
        if not isinstance(reply, Answered) or not reply.rows:
            return rp.Unknown(message="OKX told no settings") if isinstance(reply, Answered) else as_unknown(reply)
        config = reply.rows[0]
        self._position_mode = PositionMode.LONG_SHORT if config.pos_mode == LONG_SHORT else PositionMode.NET
        unread = await self._stream.begin_bills()
        if unread is not None:
            return as_unknown(unread)
        offset_ms = self._rest.connection.clock_offset_ms
        return check_account(self._account, config, clock_offset_ms=offset_ms, may_withdraw=self._may_withdraw)

    async def run(self) -> None:
        """Listen for ever: connect, read what was missed, follow, and connect again when a socket ends."""
        await self._stream.run()

    async def place_order(self, approved: ApprovedOrder) -> rp.PlaceOutcome:
        """Send one order, once; its deadline goes along."""
        return await self._as_value(self._place(approved))

    async def cancel_order(self, order: Order) -> rp.CancelOutcome:
        """Cancel what is left of an order; one that is over is told of once more, in case its end was missed."""
        return await self._as_value(self._cancel(order))

    async def set_leverage(
        self,
        symbol: str,
        margin_mode: MarginMode,
        position_side: PositionSide,
        leverage: Decimal,
    ) -> rp.Rejected | rp.Unknown | None:
        """Set the leverage of an instrument; None is success."""
        body = {"instId": symbol, "lever": format_amount(leverage), "mgnMode": margin_mode.value}
        # One setting a side only for isolated margin in long/short mode (OKX API v5).
        if margin_mode is MarginMode.ISOLATED and self._position_mode is PositionMode.LONG_SHORT:
            body["posSide"] = position_side.value
        ask = self._rest.ask("account/set-leverage", "", Priority.ENTRY)
        reply = await self._rest.post(ask, body, LeverageRow)
        return None if isinstance(reply, Answered) else as_rejected(reply)

    async def find_order(self, order: Order) -> rp.FindOutcome:
        """Ask what became of an order, by its client order id; also what became of its stop and take-profit."""
        return await self._as_value(self._stories.find(order))

    async def read_account(self) -> rp.AccountReport | rp.Unknown:
        """Balances, positions and open orders now."""
        return await self._as_value(account_reading.read_account(self._rest, self._rest.clock.now_ms()))

    async def _as_value(self, work: Awaitable[T]) -> T | rp.Unknown:
        """Whatever OKX sends, the order path is told a value: what could not be read leaves us in doubt."""
        try:
            return await work
        except Exception as error:
            _log.exception("okx_answer_not_understood", account=self._account.account_id)
            return rp.Unknown(message=f"OKX's answer was not understood: {type(error).__name__}")

    async def _place(self, approved: ApprovedOrder) -> rp.PlaceOutcome:
        order = approved.order
        if order.order_type is OrderType.TRAILING_STOP:
            return rp.Rejected(code=UNSUPPORTED, message="trailing stops are not sent to OKX")
        self._tracker.note_protection(order)
        priority = Priority.CLOSE if approved.verdict.only_reduces else Priority.ENTRY
        if order.order_type in wishes.TRIGGERED:
            ack = await self._place_algo(order, priority)
        else:
            ack = await self._orders.place(order, priority)
        if isinstance(ack, Ack):
            number = ack.ord_id or ack.algo_id
            if ack.ord_id:
                self._tracker.follow(number, order.order_id, order.symbol)
            return rp.Accepted(venue_order_id=number, at_ms=read_moment(ack.ts) or self._rest.clock.now_ms())
        if isinstance(ack, Refused) and ack.code in CLIENT_ID_EXISTS:
            # An order of this id is there: the first sending of it has arrived after all.
            return rp.Unknown(message=f"OKX has an order of this id already: {ack.message}")
        return as_rejected(ack)

    async def _cancel(self, order: Order) -> rp.CancelOutcome:
        is_algo = order.origin == PROTECTION or order.order_type in wishes.TRIGGERED
        ack = await self._cancel_algo(order) if is_algo else await self._orders.cancel(order)
        if isinstance(ack, Ack):
            return rp.Canceled()
        if isinstance(ack, Refused) and ack.code in NOTHING_TO_CANCEL:
            found = await self.find_order(order)
            if isinstance(found, rp.VenueOrder):
                self._stream.deliver(found.reports)
        return as_rejected(ack)

    async def _place_algo(self, order: Order, priority: Priority) -> Ack | Failure:
        ask = self._rest.ask("trade/order-algo", order.symbol, priority)
        return read_ack(
            await self._rest.post(ask, wishes.algo_fields(order), Ack, deadline_ms=order.deadline_ms),
        )

    async def _cancel_algo(self, order: Order) -> Ack | Failure:
        name = {"algoId": order.venue_order_id} if order.venue_order_id else {"algoClOrdId": order.order_id}
        ask = self._rest.ask("trade/cancel-algos", order.symbol, Priority.CANCEL)
        ack = read_ack(await self._rest.post(ask, [{"instId": order.symbol, **name}], Ack))
        if not (isinstance(ack, Refused) and ack.code in NOTHING_TO_CANCEL):
            return ack
        child = await self._stories.find_child(order)
        return await self._orders.cancel_number(order.symbol, child) if child else ack
