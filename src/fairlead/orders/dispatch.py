"""Carries approved orders, cancels and settings to the venue, and brings each answer back as a fact."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, assert_never

from fairlead.core.model import events as ev
from fairlead.core.model.money import format_amount
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.reports import Accepted, PlaceOutcome, Rejected, Unknown
from fairlead.core.model.request import OrderRequest
from fairlead.core.rules.planning import LeverageChange, Nothing, Refusal
from fairlead.orders.desk_tools import DeskTools, RecordingDesk
from fairlead.orders.reconcile import settle_doubt
from fairlead.orders.refusals import denied_by_sizing, never_sent, skipped

LEVERAGE_REFUSED: Final = "leverage_refused"
PLACE_TIMES_MAX: Final = 3
SET_TIMES_MAX: Final = 3
CANCELS_AT_ONCE: Final = 20
"""Cancels that wait for the venue together: it may take them in one request."""


async def send_order(desk: RecordingDesk, tools: DeskTools, approved: ApprovedOrder) -> None:
    """Send one order whose approval is durable, and record the answer; a doubt is settled by asking."""
    order = approved.order
    why_not = _why_not(desk, tools, approved)
    if desk.halt_reason:
        return
    if why_not:
        desk.record([never_sent(order, why_not, tools.clock.now_ms())])
        return
    outcome = await _place(desk, tools, approved)
    desk.record([_event_of_outcome(order, outcome, tools.clock.now_ms())])
    if isinstance(outcome, Unknown):
        await settle_doubt(desk, tools, order)


def _why_not(desk: RecordingDesk, tools: DeskTools, approved: ApprovedOrder) -> str:
    """Say what stops an order that has not left yet: a latch set since the decision, or its deadline."""
    order = approved.order
    latches = tools.latches(desk.account, order)
    if latches and not approved.verdict.only_reduces:
        return f"stopped by {', '.join(latches)}"
    return "its deadline passed before it could be sent" if tools.clock.now_ms() >= order.deadline_ms else ""


async def _place(desk: RecordingDesk, tools: DeskTools, approved: ApprovedOrder) -> PlaceOutcome:
    """Place, and place again only after a refusal that says "not now" and certainly executed nothing."""
    outcome = await desk.venue.place_order(approved)
    for _ in range(PLACE_TIMES_MAX - 1):
        if not isinstance(outcome, Rejected) or not outcome.retry_after_ms:
            break
        if tools.clock.now_ms() + outcome.retry_after_ms >= approved.order.deadline_ms:
            break
        await tools.clock.sleep_ms(outcome.retry_after_ms)
        if desk.halt_reason or _why_not(desk, tools, approved):
            break
        outcome = await desk.venue.place_order(approved)
    return outcome


def _event_of_outcome(order: Order, outcome: PlaceOutcome, now_ms: int) -> ev.AccountEvent:
    match outcome:
        case Accepted():
            return ev.OrderAccepted(
                order_id=order.order_id,
                account_id=order.account_id,
                venue_order_id=outcome.venue_order_id,
                at_ms=outcome.at_ms,
            )
        case Rejected():
            return ev.OrderRejected(
                order_id=order.order_id,
                account_id=order.account_id,
                reason_code=outcome.code,
                message=outcome.message,
                at_ms=now_ms,
            )
        case Unknown():
            return ev.OrderUnknown(
                order_id=order.order_id,
                account_id=order.account_id,
                message=outcome.message,
                at_ms=now_ms,
            )
        case _:
            assert_never(outcome)


async def ask_cancels(desk: RecordingDesk, orders: Sequence[Order]) -> list[str]:
    """Ask the venue to cancel each order; their own reports say what became of them. Returns what it did not take."""
    refused = []
    for first in range(0, len(orders), CANCELS_AT_ONCE):
        some = orders[first : first + CANCELS_AT_ONCE]
        outcomes = await asyncio.gather(*(desk.venue.cancel_order(order) for order in some))
        for order, outcome in zip(some, outcomes, strict=True):
            if isinstance(outcome, Rejected | Unknown):
                refused.append(f"{order.order_id}: {outcome.message}")
    return refused


async def cancel_orders(desk: RecordingDesk, tools: DeskTools, request: OrderRequest, orders: Sequence[Order]) -> None:
    """Ask the venue to cancel each order, which is all that the request is about."""
    refused = await ask_cancels(desk, orders)
    done = len(orders) - len(refused)
    message = " ".join([f"asked the venue to cancel {len(orders)} order(s), it took {done}.", *refused])
    nothing = Nothing(reason_code="canceled", message=message)
    desk.record([skipped(request, nothing, tools.clock.now_ms())])


async def set_leverage(
    desk: RecordingDesk,
    tools: DeskTools,
    request: OrderRequest,
    changes: Sequence[LeverageChange],
) -> bool:
    """Set what differs; True when all is set, else the request ends as denied with the venue's words."""
    for change in changes:
        failure = await _set_one(desk, tools, request, change)
        now_ms = tools.clock.now_ms()
        if failure is not None:
            refusal = _leverage_refusal(desk, change, failure)
            desk.record([denied_by_sizing(request, refusal, now_ms)])
            return False
        event = ev.LeverageChanged(
            account_id=request.account_id,
            request_id=request.request_id,
            symbol=change.symbol,
            margin_mode=change.margin_mode,
            position_side=change.position_side,
            leverage=change.leverage,
            at_ms=now_ms,
        )
        desk.record([event])
    return True


async def _set_one(
    desk: RecordingDesk, tools: DeskTools, request: OrderRequest, change: LeverageChange
) -> Rejected | Unknown | None:
    """Set one leverage, and again while nobody tells whether it is set: doing it twice is doing it once."""
    failure: Rejected | Unknown | None = None
    for _ in range(SET_TIMES_MAX):
        failure = await desk.venue.set_leverage(
            change.symbol, change.margin_mode, change.position_side, change.leverage
        )
        if not isinstance(failure, Unknown) or desk.halt_reason or tools.clock.now_ms() >= request.valid_until_ms:
            break
    return failure


def _leverage_refusal(desk: RecordingDesk, change: LeverageChange, failure: Rejected | Unknown) -> Refusal:
    """The venue's words, and the open orders of that setting: a venue changes nothing while they rest (OKX API v5)."""
    message = f"the venue did not take leverage {format_amount(change.leverage)}: {failure.message}"
    resting = ", ".join(
        order.order_id
        for order in desk.book.orders.values()
        if order.symbol == change.symbol and order.margin_mode is change.margin_mode and not order.origin
    )
    if not resting or isinstance(failure, Unknown):
        return Refusal(reason_code=LEVERAGE_REFUSED, message=message)
    message += f"; these orders are open with the setting of before: {resting}"
    return Refusal(reason_code=LEVERAGE_REFUSED, message=message, numbers={"open_orders": resting})
