"""Puts a settled cause, or an order that ended later, into words: content and order as docs/how-to/notifications.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from fairlead.core.model.account import MarginMode, VenueAccount
from fairlead.core.model.money import ONE, ZERO, format_amount
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.request import CancelOrders, Close, Enter, OrderRequest, SetTarget, TargetPosition
from fairlead.core.model.state import AlertState, RequestState, RequestStatus
from fairlead.notify.figures import describe_duration, describe_fills, describe_profit
from fairlead.notify.hints import choose_hint
from fairlead.notify.ledger import FillSum
from fairlead.notify.message import Detail, Failure, Message, mask_id
from fairlead.notify.modes import label_modes, mode_of
from fairlead.notify.tracker import OpenCause
from fairlead.ports import MarketView
from fairlead.store.queries.notifications import MessageKind

DONE: Final = frozenset({RequestStatus.FILLED, RequestStatus.ACCEPTED, RequestStatus.SKIPPED})
FAILED: Final = frozenset({RequestStatus.DENIED, RequestStatus.REJECTED, RequestStatus.EXPIRED})
REASON_LENGTH_MAX: Final = 300
PROTECTION: Final = "protection"
LIQUIDATION: Final = "liquidation"
_LABELS: Final[Mapping[MessageKind, str]] = {
    MessageKind.SUCCESS: "SUCCESS",
    MessageKind.PARTIAL_SUCCESS: "PARTIAL SUCCESS",
    MessageKind.CLOSE: "CLOSED",
    MessageKind.PARTIAL_CLOSE: "PARTIAL SUCCESS",
    MessageKind.ERROR: "FAILED",
}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored about one cause: its alert if it is one, its requests, their orders by id, and what fills made."""

    accounts: Mapping[str, VenueAccount]
    requests: Sequence[RequestState] = ()
    orders: Mapping[str, Order] = {}
    sums: Mapping[str, FillSum] = {}
    alert: AlertState | None = None
    source: str = ""


def is_settled(requests: Sequence[RequestState]) -> bool:
    """Whether all requests have an end, and one that is certain."""
    return not any(state.is_pending or state.status is RequestStatus.UNKNOWN for state in requests)


def compose_cause(cause: OpenCause, facts: Facts, market: MarketView) -> Message:
    """Tell what became of a cause on all its accounts."""
    requests = [state.request for state in facts.requests]
    kind = _choose_kind(facts.requests)
    failures, codes = _describe_failures(cause, facts)
    dry_run = any(request.dry_run for request in requests) or cause.verdict == "dry_run"
    modes = [mode_of(facts.accounts.get(one.account_id), dry_run=one.dry_run) for one in requests]
    return Message(
        kind=kind,
        title=f"Fairlead · {facts.source}" if facts.source else "Fairlead",
        mode=label_modes(modes) if modes else _mode_of_all(cause, facts),
        headline=f"{_name_action(requests)} {cause.symbol}".strip(),
        label=_choose_label(kind, facts.requests),
        at_ms=facts.alert.received_ms if facts.alert else cause.since_ms,
        counts=_count(facts.requests, dry_run=dry_run),
        details=tuple(_describe(cause, facts, market)),
        failures=failures,
        hint=choose_hint(codes),
        explain_id=cause.cause,
    )


def compose_order(order: Order, facts: Facts, market: MarketView) -> Message | None:
    """Tell what became of an order after its request was told; None when nobody needs to know."""
    kind, label = _judge_order(order)
    if kind is None:
        return None
    account = facts.accounts.get(order.account_id)
    instrument = market.instruments.get(order.symbol)
    sums = facts.sums.get(order.order_id, FillSum())
    failed = kind is MessageKind.ERROR
    return Message(
        kind=kind,
        title="Fairlead",
        mode=label_modes([mode_of(account)]),
        headline=f"{_name_order(order)} {order.symbol}",
        label=label,
        at_ms=order.updated_ms,
        details=(
            Detail(name="Account", value=_label(order.account_id, facts)),
            Detail(name="Order", value=mask_id(order.order_id)),
            *_describe_terms([order]),
            *describe_fills([order], instrument, market.quotes),
            *describe_profit([sums] if order.reduce_only or sums.realized else []),
        ),
        failures=(Failure(account=_label(order.account_id, facts), reason=_clip(order.message)),) if failed else (),
        hint=choose_hint([order.reason_code]) if failed else "",
        explain_id=order.order_id,
    )


def _choose_kind(requests: Sequence[RequestState]) -> MessageKind:
    done = sum(state.status in DONE for state in requests)
    closes = bool(requests) and all(_closes(state.request) for state in requests)
    if not done:
        return MessageKind.ERROR
    if done == len(requests):
        return MessageKind.CLOSE if closes else MessageKind.SUCCESS
    return MessageKind.PARTIAL_CLOSE if closes else MessageKind.PARTIAL_SUCCESS


def _choose_label(kind: MessageKind, requests: Sequence[RequestState]) -> str:
    open_ones = [state for state in requests if state.status not in DONE | FAILED]
    if kind is MessageKind.ERROR and open_ones:
        return "IN DOUBT" if any(state.status is RequestStatus.UNKNOWN for state in open_ones) else "STILL WORKING"
    return _LABELS[kind]


def _closes(request: OrderRequest) -> bool:
    match request.intent:
        case Close():
            return True
        case SetTarget(target=target):
            return target is TargetPosition.FLAT
        case Enter():
            return request.reduce_only
        case CancelOrders():
            return False


def _name_action(requests: Sequence[OrderRequest]) -> str:
    names = sorted({_name_intent(request) for request in requests})
    return " / ".join(names) if names else "ALERT"


def _name_intent(request: OrderRequest) -> str:
    match request.intent:
        case Enter(side=side):
            return side.value.upper()
        case Close():
            return "CLOSE"
        case SetTarget(target=TargetPosition.FLAT):
            return "CLOSE"
        case SetTarget(target=target):
            return f"TARGET {target.value.upper()}"
        case CancelOrders():
            return "CANCEL ORDERS"


def _count(requests: Sequence[RequestState], *, dry_run: bool) -> tuple[str, ...]:
    total = len(requests)
    if not total:
        return ()
    done = sum(state.status in DONE for state in requests)
    failed = sum(state.status in FAILED for state in requests)
    doubtful = sum(state.status is RequestStatus.UNKNOWN for state in requests)
    pending = total - done - failed - doubtful
    verb = "orders checked, nothing sent" if dry_run else "orders executed"
    counts = [f"{done}/{total} {verb}"]
    for number, word in ((failed, "failed"), (doubtful, "in doubt"), (pending, "pending")):
        if number:
            counts.append(f"{number}/{total} {word}")
    return tuple(counts)


def _describe(cause: OpenCause, facts: Facts, market: MarketView) -> Iterable[Detail]:
    own = [order for order in facts.orders.values() if not order.origin]
    filled = [order for order in own if order.filled_quantity]
    instrument = market.instruments.get(cause.symbol)
    resting = sum(state.status is RequestStatus.ACCEPTED for state in facts.requests)
    yield Detail(name="Request", value=mask_id(cause.cause))
    yield from _describe_terms(own or [state.request for state in facts.requests])
    yield from describe_fills(own, instrument, market.quotes)
    if resting:
        yield Detail(name="Resting", value=f"{resting} at the venue, not filled yet")
    if filled and facts.alert is not None:
        yield describe_duration(facts.alert.received_ms, max(order.updated_ms for order in filled))
    sums = [facts.sums[order.order_id] for order in own if order.order_id in facts.sums]
    closing = any(_closes(state.request) for state in facts.requests)
    yield from describe_profit(one for one in sums if closing or one.realized)


def _describe_terms(terms: Sequence[Order] | Sequence[OrderRequest]) -> Iterable[Detail]:
    leverages = {one.leverage for one in terms if one.leverage is not None and one.leverage > ONE}
    if leverages:
        shown = " / ".join(f"{format_amount(leverage)}x" for leverage in sorted(leverages))
        yield Detail(name="Leverage", value=shown)
    modes = {_name_margin(one.margin_mode) for one in terms if one.margin_mode is not None}
    if modes:
        yield Detail(name="Margin", value=" / ".join(sorted(modes)))


def _name_margin(mode: MarginMode) -> str:
    return mode.value.capitalize()


def _describe_failures(cause: OpenCause, facts: Facts) -> tuple[tuple[Failure, ...], list[str]]:
    failed = [state for state in facts.requests if state.status in FAILED or state.status is RequestStatus.UNKNOWN]
    lines = [
        Failure(account=_label(state.request.account_id, facts), reason=_clip(f"{state.status}: {_why(state)}"))
        for state in failed
    ]
    codes = [state.reason_code for state in failed if state.status in FAILED]
    if not facts.requests:
        lines.append(
            Failure(account="all accounts", reason=_clip(f"{cause.verdict}: {cause.detail or cause.reason_code}"))
        )
        codes.append(cause.reason_code)
    return tuple(lines), codes


def _why(state: RequestState) -> str:
    return state.message or state.reason_code or "no reason was given"


def _mode_of_all(cause: OpenCause, facts: Facts) -> str:
    # Nothing was asked of any account; while none is live, it cannot have been meant to be.
    modes = {mode_of(account) for account in facts.accounts.values() if account.tenant == cause.tenant}
    return label_modes(modes) if len(modes) == 1 else ""


def _judge_order(order: Order) -> tuple[MessageKind | None, str]:
    if order.origin == LIQUIDATION:
        return MessageKind.LIQUIDATION, "LIQUIDATED"
    if order.filled_quantity > ZERO:
        whole = order.status is OrderStatus.FILLED
        closes = order.reduce_only or order.origin == PROTECTION
        kinds = (
            (MessageKind.CLOSE, MessageKind.PARTIAL_CLOSE)
            if closes
            else (
                MessageKind.SUCCESS,
                MessageKind.PARTIAL_SUCCESS,
            )
        )
        return (kinds[0], "CLOSED" if closes else "FILLED") if whole else (kinds[1], "PARTLY FILLED")
    if order.origin:
        return None, ""
    if order.status is OrderStatus.CANCELED:
        return MessageKind.CANCELED, "CANCELED"
    return MessageKind.ERROR, order.status.value.upper()


def _name_order(order: Order) -> str:
    if order.origin == PROTECTION:
        return "PROTECTION"
    return "LIQUIDATION" if order.origin == LIQUIDATION else order.side.value.upper()


def _label(account_id: str, facts: Facts) -> str:
    account = facts.accounts.get(account_id)
    return account.label if account is not None else mask_id(account_id)


def _clip(text: str) -> str:
    return text if len(text) <= REASON_LENGTH_MAX else f"{text[: REASON_LENGTH_MAX - 1]}…"
