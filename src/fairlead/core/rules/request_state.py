"""How far requests have come, derived from their own orders: what a sender is told, and what it may still change to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.events import RequestDenied, RequestExpired, RequestSkipped, RequestWarned
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.request import Enter, OrderRequest, OrderType, SetTarget, TimeInForce
from fairlead.core.model.state import RequestState, RequestStatus

# Late news of an order may still change the result of a request that ended; of older ones it does not.
ENDED_REQUESTS_KEPT_MAX: Final = 256

EXPIRED: Final = "expired"

# Orders of one request that never reached the venue, after which it is not tried again.
NEVER_PLACED_MAX: Final = 5

RequestEnd = RequestDenied | RequestSkipped | RequestExpired

_EXPIRED: Final = OrderStatus.EXPIRED
# What we decided about a request stands, whatever its orders do later.
_DECIDED: Final = frozenset({RequestStatus.DENIED, RequestStatus.SKIPPED})


class RequestLedger:
    """Requests that are pending or have live orders, and a bounded memory of ended ones.

    Orders that the venue makes for one of ours (protection) belong to no request: they do not keep it pending.
    """

    __slots__ = ("ended", "legs", "open")

    def __init__(self) -> None:
        """Start without requests."""
        self.open: dict[str, RequestState] = {}
        self.ended: dict[str, RequestState] = {}
        self.legs: dict[str, dict[str, Order]] = {}

    def queue(self, request: OrderRequest) -> list[RequestState]:
        """Take a new request."""
        request_id = request.request_id
        if request_id in self.open or request_id in self.ended:
            return []
        self.open[request_id] = state = RequestState(request=request, updated_ms=request.cause_at_ms)
        return [state]

    def begin(self, request_id: str, at_ms: int) -> list[RequestState]:
        """Note that a request is being worked on without orders of its own (it cancels others)."""
        state = self.open.get(request_id)
        if state is None or state.status is not RequestStatus.QUEUED:
            return []
        self.open[request_id] = state = replace(state, status=RequestStatus.WORKING, updated_ms=at_ms)
        return [state]

    def warn(self, event: RequestWarned) -> list[RequestState]:
        """Note what a sender should know, each thing once."""
        state = self.open.get(event.request_id)
        new = () if state is None else tuple(text for text in event.warnings if text not in state.warnings)
        if state is None or not new:
            return []
        self.open[event.request_id] = state = replace(state, warnings=(*state.warnings, *new))
        return [state]

    def add_order(self, order: Order, *, more: bool) -> list[RequestState]:
        """Give a request an order that was approved for it."""
        state = self.open.get(order.request_id)
        if state is None:
            return []
        order_ids = (*state.order_ids, order.order_id)
        self.open[order.request_id] = replace(state, order_ids=order_ids, more=more)
        return self.follow(order, order.created_ms)

    def follow(self, order: Order, at_ms: int) -> list[RequestState]:
        """Let a request know what became of one of its orders."""
        if order.origin:
            return []
        request_id = order.request_id
        state = self.open.get(request_id) or self.ended.get(request_id)
        if state is None:
            return []
        legs = self.legs.setdefault(request_id, {})
        is_new = order.order_id not in legs
        legs[order.order_id] = order
        changed = derive_state(state, legs.values(), at_ms)
        self._put(changed)
        # That an order ended is news for a request that will plan further ones, though nothing of it shows yet.
        is_news = is_new or changed is not state or (changed.more and order.is_terminal)
        return [changed] if is_news else []

    def remember_leg(self, order: Order) -> None:
        """Take an order of a request back from where it is stored."""
        if order.request_id in self.open and not order.origin:
            self.legs.setdefault(order.request_id, {})[order.order_id] = order

    def end(self, event: RequestEnd) -> list[RequestState]:
        """Close a request that we refuse, need not serve, or cannot serve in time."""
        state = self.open.get(event.request_id)
        if state is None:
            return []
        if isinstance(event, RequestExpired):
            status, reason_code = RequestStatus.EXPIRED, EXPIRED
            message = f"not decided before its time ran out, {event.at_ms - event.valid_until_ms} ms ago"
        else:
            status, reason_code, message = RequestStatus.DENIED, event.reason_code, event.message
        if isinstance(event, RequestSkipped):
            # When a later step finds nothing to do, what was filled before is the result.
            status = RequestStatus.FILLED if state.filled_quantity else RequestStatus.SKIPPED
        ended = replace(
            state,
            status=status,
            more=False,
            reason_code=reason_code,
            message=message,
            updated_ms=event.at_ms,
            preview=event.preview if isinstance(event, RequestSkipped) else None,
        )
        self._put(ended)
        return [ended]

    def _put(self, state: RequestState) -> None:
        request_id = state.request.request_id
        legs = self.legs.get(request_id, {})
        if state.is_pending or any(not order.is_terminal for order in legs.values()):
            self.ended.pop(request_id, None)
            self.open[request_id] = state
            return
        self.open.pop(request_id, None)
        self.ended[request_id] = state
        if len(self.ended) > ENDED_REQUESTS_KEPT_MAX:
            oldest = next(iter(self.ended))
            del self.ended[oldest]
            self.legs.pop(oldest, None)


def derive_state(state: RequestState, legs: Collection[Order], at_ms: int) -> RequestState:
    """Result of a request from its orders; the very same object when nothing about it changed."""
    filled = sum([order.filled_quantity for order in legs], ZERO)
    # Only a target has steps; that anything else wants more was about an order which may turn out to be alive.
    has_steps = state.more and isinstance(state.request.intent, SetTarget)
    more = (has_steps and not _is_stuck(legs)) or _may_try_again(state, legs)
    if state.status in _DECIDED:
        status, reason_code, message = state.status, state.reason_code, state.message
    else:
        status, reason_code, message = _result(legs, more=more)
    if (status, more, filled, reason_code, message) == (
        state.status,
        state.more,
        state.filled_quantity,
        state.reason_code,
        state.message,
    ):
        return state
    return replace(
        state,
        status=status,
        more=more,
        filled_quantity=filled,
        reason_code=reason_code,
        message=message,
        updated_ms=max(at_ms, state.updated_ms),
    )


def _is_stuck(legs: Collection[Order]) -> bool:
    """Whether all is over and an order achieved nothing: planning further legs would repeat it.

    One that never reached the venue and was followed by another says nothing.
    """
    if any(not order.is_terminal for order in legs):
        return False
    newest = max(legs, key=lambda order: order.leg)
    sent = [order for order in legs if order.status is not OrderStatus.EXPIRED]
    return newest.status is OrderStatus.EXPIRED or any(not order.filled_quantity for order in sent)


def _may_try_again(state: RequestState, legs: Collection[Order]) -> bool:
    """Whether the last order certainly never reached the venue, so that planning anew can double nothing.

    A close or a target reads the position again; an entry would be sized anew in full, so none of it may have filled.
    """
    expired = [order.status for order in legs].count(_EXPIRED)
    if not 0 < expired <= NEVER_PLACED_MAX or state.status in _DECIDED or not all(order.is_terminal for order in legs):
        return False
    newest = max(legs, key=lambda order: order.leg)
    rereads = not isinstance(state.request.intent, Enter)
    return newest.status is _EXPIRED and (rereads or expired == len(legs))


def _result(legs: Collection[Order], *, more: bool) -> tuple[RequestStatus, str, str]:
    live = [order for order in legs if not order.is_terminal]
    if any(_is_worth_waiting_for(order) for order in live):
        return RequestStatus.WORKING, "", ""
    doubtful = next((order for order in live if order.status is OrderStatus.UNKNOWN), None)
    # While what comes first rests at its limit, nobody waits for what comes next.
    if more and (doubtful is not None or not live):
        return RequestStatus.WORKING, "", ""
    if doubtful is not None:
        return RequestStatus.UNKNOWN, doubtful.reason_code, doubtful.message
    if live:
        return RequestStatus.ACCEPTED, "", ""
    # What never reached the venue and was tried again says nothing about the result.
    sent = [order for order in legs if order.status is not OrderStatus.EXPIRED] or legs
    failed = next((order for order in sent if order.status is not OrderStatus.FILLED), None)
    if failed is None:
        return RequestStatus.FILLED, "", ""
    if any(order.filled_quantity for order in legs):
        status = RequestStatus.FILLED
    elif all(order.status is OrderStatus.EXPIRED for order in legs):
        status = RequestStatus.EXPIRED
    else:
        status = RequestStatus.REJECTED
    return status, failed.reason_code, failed.message


def _is_worth_waiting_for(order: Order) -> bool:
    """Whether the outcome is a matter of moments: no answer yet, or an order that does not rest."""
    if order.status is OrderStatus.IN_FLIGHT:
        return True
    at_once = order.order_type is OrderType.MARKET or order.time_in_force is not TimeInForce.GTC
    return at_once and order.status is not OrderStatus.UNKNOWN
