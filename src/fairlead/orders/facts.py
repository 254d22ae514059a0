"""How the facts of an account are filed: their stream, and the key that makes a repeat harmless."""

from __future__ import annotations

from fairlead.core.model import events as ev
from fairlead.core.model.money import format_amount
from fairlead.ports import Fact


def account_stream(account_id: str) -> str:
    """Name of the stream of one venue account; its desk is the only writer."""
    return f"account:{account_id}"


def account_fact(*, tenant: str, account_id: str, cause: str, at_ms: int, event: ev.AccountEvent) -> Fact:
    """File an account's event; at most one row per (kind, key) can ever be stored."""
    return Fact(
        tenant=tenant,
        stream=account_stream(account_id),
        cause=cause,
        at_ms=at_ms,
        event=event,
        key=_key(account_id, event),
    )


def _key(account_id: str, event: ev.AccountEvent) -> str | None:
    match event:
        case ev.OrderRequested():
            return event.request.request_id
        case ev.OrderApproved():
            return event.order.order_id
        case ev.CancelRequested():
            # One request may leave several exits behind, one after the other.
            return None if event.why else event.request_id
        case ev.RequestDenied() | ev.RequestSkipped() | ev.RequestExpired():
            return event.request_id
        case ev.OrderAccepted() | ev.OrderRejected() | ev.OrderCanceled() | ev.OrderExpired():
            return event.order_id
        case ev.OrderFilled():
            # Begins with the order's id, so that all fills of an order stand together in the index.
            return f"{event.fill.order_id}:{event.fill.trade_id}"
        case ev.VenueOrderBorn():
            # A protection is reported again when it has grown with what its order filled.
            return f"{event.report.order_id}:{format_amount(event.report.quantity)}"
        case ev.CashAdjusted():
            return f"{account_id}:{event.adjustment}"
        case ev.OrderUnknown() | ev.DriftSettled():
            return _key_of_one(event)
        case _:
            return None


def _key_of_one(event: ev.OrderUnknown | ev.DriftSettled) -> str:
    if isinstance(event, ev.OrderUnknown):
        return f"{event.order_id}:{event.at_ms}"
    # What was ignored may be adopted later.
    return f"{event.drift.drift_id}:{event.way}"
