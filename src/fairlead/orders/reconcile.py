"""Settles doubts by asking the venue."""

from __future__ import annotations

from typing import Final, assert_never

from fairlead.core.model import events as ev
from fairlead.core.model.order import Order
from fairlead.core.model.reports import FindOutcome, NoSuchOrder, Unknown, VenueOrder
from fairlead.orders.desk_tools import DeskTools, RecordingDesk
from fairlead.orders.reports import events_of_reports
from fairlead.ports import VenueCapabilities

# After the deadline a venue refuses the request; the margin covers the difference between its clock and ours.
DEADLINE_MARGIN_MS: Final = 2_000
ASK_FIRST_MS: Final = 250
ASK_BACKOFF_MAX_MS: Final = 30_000
ASK_TIMES_MAX: Final = 200


async def settle_doubt(desk: RecordingDesk, tools: DeskTools, order: Order) -> None:
    """Ask about an order until the venue's answer settles it; never resend.

    "No such order" proves something only once the deadline and a margin have passed, and only on a venue that honours
    deadlines (OKX API v5). Otherwise the order stays unknown, nobody waits for it any longer, and a person is asked.
    """
    pause_ms = ASK_FIRST_MS
    for _ in range(ASK_TIMES_MAX):
        if desk.halt_reason or order.order_id not in desk.book.orders:
            return
        asked_ms = tools.clock.now_ms()
        found = await desk.venue.find_order(order)
        desk.record(_events_of_answer(order, found, asked_ms, desk.venue.capabilities))
        if isinstance(found, VenueOrder):
            return
        if asked_ms > order.deadline_ms + DEADLINE_MARGIN_MS:
            desk.stop_waiting(order)
        await tools.clock.sleep_ms(pause_ms)
        pause_ms = min(2 * pause_ms, ASK_BACKOFF_MAX_MS)


def _events_of_answer(
    order: Order,
    found: FindOutcome,
    asked_ms: int,
    capabilities: VenueCapabilities,
) -> list[ev.AccountEvent]:
    match found:
        case VenueOrder():
            return events_of_reports(order.account_id, found.reports)
        case NoSuchOrder():
            if not _is_proof(order, asked_ms, capabilities):
                return []
            return [
                ev.OrderExpired(
                    order_id=order.order_id,
                    account_id=order.account_id,
                    message="the venue does not know it, and it can no longer arrive there: it was never placed",
                    at_ms=asked_ms,
                ),
            ]
        case Unknown():
            return []
        case _:
            assert_never(found)


def _is_proof(order: Order, asked_ms: int, capabilities: VenueCapabilities) -> bool:
    """Whether "no such order" proves that it was never placed, and never will be."""
    if not capabilities.late_arrivals:
        return True
    # Ids that last for ever prove nothing: what is planned anew has an id of its own, and both would be taken.
    return capabilities.deadlines and asked_ms > order.deadline_ms + DEADLINE_MARGIN_MS
