"""Build an explanation from what the journal and its tables hold: pure, so that any past moment can be explained."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from fairlead.core.model import events as ev
from fairlead.core.model.account import Balance, Position, VenueAccount
from fairlead.core.model.bots.events import BotDecided
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import OrderRequest, SourceKind
from fairlead.core.model.state import RequestState, RequestStatus
from fairlead.core.rules.modes import mode_label
from fairlead.ports import JournalRow
from fairlead.reporting.explain_bot import describe_bot
from fairlead.reporting.explain_holdings import HeldNow, describe_balances, describe_positions
from fairlead.reporting.explain_order import OrderFacts, describe_order, quantity_unit
from fairlead.reporting.explanation import (
    AccountPart,
    AlertPart,
    Explanation,
    OrderPart,
    RefusedCallPart,
    RepeatPart,
    SubjectKind,
    Totals,
    VenueMessage,
)
from fairlead.reporting.timing import describe_timing
from fairlead.reporting.wish import describe_wish

SUCCESSFUL = frozenset({RequestStatus.FILLED, RequestStatus.ACCEPTED, RequestStatus.SKIPPED})
FAILED = frozenset({RequestStatus.DENIED, RequestStatus.REJECTED, RequestStatus.EXPIRED})

Ending = ev.RequestDenied | ev.RequestSkipped | ev.RequestExpired


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about an id: journal rows (more than needed does no harm), table rows, and names.

    ``requests`` and ``orders`` are by id, ``accounts`` by account id, ``hook_labels`` and ``bot_names`` by their ids.
    """

    rows: tuple[JournalRow, ...] = ()
    requests: Mapping[str, RequestState] = {}
    orders: Mapping[str, Order] = {}
    positions: tuple[Position, ...] = ()
    balances: tuple[Balance, ...] = ()
    accounts: Mapping[str, VenueAccount] = {}
    hook_labels: Mapping[str, str] = {}
    bot_names: Mapping[str, str] = {}
    instruments: Mapping[str, Instrument] = {}
    refused_call: RefusedCallPart | None = None

    @property
    def holdings(self) -> HeldNow:
        """What the accounts hold now."""
        return HeldNow(self.positions, self.balances, self.instruments)


def explain(subject: str, evidence: Evidence) -> Explanation | None:
    """Explain the alert, request or order with this id; None when the evidence does not hold it."""
    if evidence.refused_call is not None and evidence.refused_call.call_id == subject:
        return Explanation(subject=subject, kind=SubjectKind.REFUSED_CALL, refused_call=evidence.refused_call)
    facts = _sort_facts(evidence.rows)
    found = _find_subject(subject, facts)
    if found is None:
        return _explain_uninvited(subject, facts, evidence)
    kind, alert_id, requests = found
    alert = _describe_alert(alert_id, facts, evidence)
    accounts = tuple(_describe_account(request, alert, facts, evidence) for request in requests)
    return Explanation(
        subject=subject,
        kind=kind,
        alert=alert,
        accounts=accounts,
        totals=_add_up(accounts),
    )


def _explain_uninvited(order_id: str, facts: _Facts, evidence: Evidence) -> Explanation | None:
    """Explain an order that the venue made and nobody asked for."""
    found = facts.orders.get(order_id)
    if found is None or found.born is None:
        return None
    event = found.born[1]
    account = evidence.accounts.get(event.account_id)
    instrument = evidence.instruments.get(event.report.symbol)
    order = describe_order(found, evidence.orders.get(order_id), instrument)
    part = AccountPart(
        account_id=event.account_id,
        label=account.label if account else event.account_id,
        exchange=account.exchange if account else "",
        kind=account.kind if account else "",
        position_mode=account.position_mode if account else None,
        request=None,
        wish=f"nothing: the venue made this order ({order.origin})",
        status=order.status,
        filled_quantity=order.filled_quantity,
        unit=order.filled_unit,
        orders=(order,),
        positions=describe_positions(event.account_id, event.report.symbol, evidence.holdings),
        balances=describe_balances(event.account_id, event.report.symbol, evidence.holdings),
    )
    return Explanation(subject=order_id, kind=SubjectKind.ORDER, accounts=(part,), totals=_add_up((part,)))


class _Facts(msgspec.Struct, kw_only=True):
    """The journal's rows, filed by what they are about."""

    received: dict[str, ev.AlertReceived] = {}
    handled: dict[str, ev.AlertHandled] = {}
    repeats: dict[str, ev.AlertDuplicated] = {}
    requested: dict[str, tuple[int, OrderRequest]] = {}
    endings: dict[str, tuple[int, Ending]] = {}
    warnings: dict[str, tuple[str, ...]] = {}
    orders: defaultdict[str, OrderFacts] = msgspec.field(default_factory=lambda: defaultdict(OrderFacts))
    account_rows: list[JournalRow] = []
    decided: dict[str, BotDecided] = {}


def _sort_facts(rows: Iterable[JournalRow]) -> _Facts:
    facts = _Facts()
    for row in sorted(rows, key=lambda row: row.seq):
        match row.event:
            case ev.AlertReceived() as event:
                facts.received[event.alert_id] = event
            case ev.AlertHandled() as event:
                facts.handled[event.alert_id] = event
            case ev.AlertDuplicated() as event:
                facts.repeats[event.alert_id] = event
            case ev.OrderRequested() as event:
                facts.requested[event.request.request_id] = (row.seq, event.request)
            case ev.RequestDenied() | ev.RequestSkipped() | ev.RequestExpired() as event:
                facts.endings[event.request_id] = (row.seq, event)
            case ev.RequestWarned() as event:
                facts.warnings[event.request_id] = (*facts.warnings.get(event.request_id, ()), *event.warnings)
            case ev.LeverageChanged() | ev.CancelRequested() | ev.DeskRebuilt():
                facts.account_rows.append(row)
            case BotDecided() as event:
                facts.decided[row.cause] = event
            case _:
                _sort_order_fact(row, facts.orders)
    return facts


def _sort_order_fact(row: JournalRow, orders: defaultdict[str, OrderFacts]) -> None:
    match row.event:
        case ev.OrderApproved() as event:
            orders[event.order.order_id].approved = (row, event)
        case ev.VenueOrderBorn() as event:
            orders[event.report.order_id].born = (row, event)
        case ev.OrderFilled() as event:
            orders[event.fill.order_id].rows.append(row)
        case (
            ev.OrderAccepted()
            | ev.OrderRejected()
            | ev.OrderUnknown()
            | ev.OrderCanceled()
            | ev.OrderExpired() as event
        ):
            orders[event.order_id].rows.append(row)
        case _:
            pass


def _find_subject(subject: str, facts: _Facts) -> tuple[SubjectKind, str, list[OrderRequest]] | None:
    repeat = facts.repeats.get(subject)
    alert_id = repeat.duplicate_of if repeat else subject
    if repeat is not None or alert_id in facts.received:
        made = [request for _, request in facts.requested.values() if request.cause == alert_id]
        return SubjectKind.ALERT, alert_id, made
    if subject in facts.requested:
        request = facts.requested[subject][1]
        return SubjectKind.REQUEST, request.cause, [request]
    request_id = _find_request_of_order(subject, facts.orders)
    if request_id in facts.requested:
        request = facts.requested[request_id][1]
        return SubjectKind.ORDER, request.cause, [request]
    made = [request for _, request in facts.requested.values() if request.cause == subject]
    if not made:
        return None
    is_bots = made[0].source_kind is SourceKind.BOT
    return SubjectKind.BOT_DECISION if is_bots else SubjectKind.KILL_SWITCH, subject, made


def _find_request_of_order(order_id: str, orders: Mapping[str, OrderFacts]) -> str:
    facts = orders.get(order_id)
    if facts is None:
        return ""
    if facts.approved is not None:
        return facts.approved[1].order.request_id
    parent = facts.born[1].report.parent_id if facts.born else ""
    return _find_request_of_order(parent, orders) if parent != order_id else ""


def _describe_alert(alert_id: str, facts: _Facts, evidence: Evidence) -> AlertPart | None:
    received = facts.received.get(alert_id)
    if received is None:
        return None
    part = AlertPart(
        alert_id=alert_id,
        hook_id=received.hook_id,
        hook_label=evidence.hook_labels.get(received.hook_id, received.hook_id),
        received_ms=received.received_ms,
        source_address=received.source_address,
        content_type=received.content_type,
        body=received.body.decode(errors="backslashreplace"),
        body_bytes=len(received.body),
        duplicate_key=received.duplicate_key,
        explicit_key=received.explicit_key,
        repeats=tuple(
            RepeatPart(
                alert_id=repeat.alert_id,
                source_address=repeat.source_address,
                received_ms=repeat.received_ms,
            )
            for repeat in facts.repeats.values()
            if repeat.duplicate_of == alert_id
        ),
    )
    handled = facts.handled.get(alert_id)
    if handled is None:
        return part
    return msgspec.structs.replace(
        part,
        verdict=handled.verdict,
        reason_code=handled.reason_code,
        detail=handled.detail,
        mapping=handled.mapping,
        warnings=handled.warnings,
        handled_ms=handled.at_ms,
    )


def _describe_account(request: OrderRequest, alert: AlertPart | None, facts: _Facts, evidence: Evidence) -> AccountPart:
    account = evidence.accounts.get(request.account_id)
    instrument = evidence.instruments.get(request.symbol)
    orders = _describe_orders(request, facts, evidence, instrument)
    status, reason_code, message = _judge(request, orders, facts, evidence)
    ending = facts.endings.get(request.request_id, (0, None))[1]
    own = [order for order in orders if not order.origin]
    return AccountPart(
        account_id=request.account_id,
        label=account.label if account else request.account_id,
        exchange=account.exchange if account else "",
        kind=account.kind if account else "",
        position_mode=account.position_mode if account else None,
        request=request,
        mode=mode_label(account, dry_run=request.dry_run or _is_dry(ending)),
        wish=describe_wish(request),
        status=status,
        reason_code=reason_code,
        message=message,
        numbers=ending.numbers if isinstance(ending, ev.RequestDenied) else {},
        warnings=facts.warnings.get(request.request_id, ()),
        preview=ending.preview if isinstance(ending, ev.RequestSkipped) else None,
        sizing=() if isinstance(ending, ev.RequestExpired | None) else ending.sizing,
        verdict=None if isinstance(ending, ev.RequestExpired | None) else ending.verdict,
        policies=() if isinstance(ending, ev.RequestExpired | None) else ending.policies,
        filled_quantity=sum((order.filled_quantity for order in own), ZERO),
        unit=own[0].filled_unit if own else quantity_unit(request.symbol, request.margin_mode, instrument),
        orders=orders,
        settings=_describe_settings(request, facts),
        timing=describe_timing(
            alert,
            [facts.orders[order.order_id] for order in own],
            ending.at_ms if ending is not None else None,
        ),
        positions=describe_positions(request.account_id, request.symbol, evidence.holdings),
        balances=describe_balances(request.account_id, request.symbol, evidence.holdings),
        bot=describe_bot(request, facts.decided.get(request.cause), evidence.bot_names),
    )


def _is_dry(ending: Ending | None) -> bool:
    return isinstance(ending, ev.RequestSkipped) and ending.preview is not None


def _describe_orders(
    request: OrderRequest,
    facts: _Facts,
    evidence: Evidence,
    instrument: Instrument | None,
) -> tuple[OrderPart, ...]:
    return tuple(
        describe_order(found, evidence.orders.get(order_id), instrument)
        for order_id, found in facts.orders.items()
        if _find_request_of_order(order_id, facts.orders) == request.request_id
    )


def _judge(
    request: OrderRequest,
    orders: Sequence[OrderPart],
    facts: _Facts,
    evidence: Evidence,
) -> tuple[str, str, str]:
    """Say how a request stands: the table's word for it, else what its facts add up to."""
    ending = facts.endings.get(request.request_id, (0, None))[1]
    match ending:
        case ev.RequestDenied():
            return RequestStatus.DENIED, ending.reason_code, ending.message
        case ev.RequestSkipped():
            return RequestStatus.SKIPPED, ending.reason_code, ending.message
        case ev.RequestExpired():
            return RequestStatus.EXPIRED, "expired", "it was too old to be sent safely"
        case None:
            pass
    state = evidence.requests.get(request.request_id)
    if state is not None:
        return state.status, state.reason_code, state.message
    return _judge_orders([order for order in orders if not order.origin])


def _judge_orders(orders: Sequence[OrderPart]) -> tuple[str, str, str]:
    if not orders:
        return RequestStatus.QUEUED, "", ""
    statuses = {order.status for order in orders}
    for open_status, status in (("unknown", RequestStatus.UNKNOWN), ("in_flight", RequestStatus.WORKING)):
        if open_status in statuses:
            return status, "", ""
    if statuses & {"accepted", "partially_filled"}:
        return RequestStatus.ACCEPTED, "", ""
    if any(order.filled_quantity for order in orders):
        return RequestStatus.FILLED, "", ""
    last = orders[-1]
    status = RequestStatus.REJECTED if last.status == "rejected" else RequestStatus.EXPIRED
    return status, last.reason_code, last.message


def _describe_settings(request: OrderRequest, facts: _Facts) -> tuple[VenueMessage, ...]:
    """What was done on the account for this request besides its orders."""
    first, last = facts.requested[request.request_id][0], _decided_at(request, facts)
    messages = []
    for row in facts.account_rows:
        match row.event:
            case ev.LeverageChanged(request_id=request_id, leverage=leverage) if request_id == request.request_id:
                messages.append(VenueMessage(at_ms=row.at_ms, what="leverage set", text=f"{leverage}x"))
            case ev.CancelRequested() as event if event.request_id == request.request_id:
                text = ", ".join(event.order_ids) + (f": {event.why}" if event.why else "")
                messages.append(VenueMessage(at_ms=row.at_ms, what="cancel sent", text=text))
            case ev.DeskRebuilt(account_id=account_id, reason=reason) if (
                account_id == request.account_id and first < row.seq <= last
            ):
                messages.append(VenueMessage(at_ms=row.at_ms, what="account rebuilt", text=reason))
            case _:
                pass
    return tuple(messages)


def _decided_at(request: OrderRequest, facts: _Facts) -> float:
    """Journal row at which the request was decided; infinity while it is not."""
    if request.request_id in facts.endings:
        return facts.endings[request.request_id][0]
    approved = (found.approved for found in facts.orders.values())
    return min(
        (row.seq for row, event in filter(None, approved) if event.order.request_id == request.request_id),
        default=math.inf,
    )


def _add_up(accounts: Sequence[AccountPart]) -> Totals:
    statuses = Counter(str(account.status) for account in accounts)
    filled: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    fees: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for account in accounts:
        if account.filled_quantity:
            filled[account.unit] += account.filled_quantity
        for order in account.orders:
            for currency, fee in order.fees.items():
                fees[currency] += fee
    successful = sum(statuses[status] for status in SUCCESSFUL)
    failed = sum(statuses[status] for status in FAILED)
    return Totals(
        accounts=len(accounts),
        successful=successful,
        failed=failed,
        pending=len(accounts) - successful - failed,
        by_status=dict(statuses),
        filled=dict(filled),
        fees=dict(fees),
    )
