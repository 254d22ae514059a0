"""What a sender is told (docs/alerts.md): one line per account, each account counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO, format_amount
from fairlead.core.model.order import Order
from fairlead.core.model.preview import Preview
from fairlead.core.model.state import RequestState, RequestStatus

SUCCESSFUL: Final = frozenset({"filled", "accepted", "skipped"})
FAILED: Final = frozenset({"denied", "rejected", "expired"})


class PreviewResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a dry run would have sent and what it would have cost, as exact texts; ``orders`` are the orders' bodies."""

    notional: str
    notional_currency: str
    margin: str
    fee: str
    settle_currency: str
    before: tuple[str, ...]
    orders: tuple[dict[str, str], ...]


class AccountResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an alert on one account; amounts are exact texts in ``quantity_unit``.

    ``mode`` marks what is not live.
    """

    account: str
    status: str
    mode: str = ""
    quantity: str = "0"
    quantity_unit: str = ""
    client_order_id: str = ""
    venue_order_id: str = ""
    reason_code: str = ""
    message: str = ""
    warnings: tuple[str, ...] = ()
    preview: PreviewResult | None = None


class AlertAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an answer about a stored alert; the old names are camelCase, the new ones are not."""

    status: str
    message: str
    request_id: str = msgspec.field(name="requestId")
    successful: int = 0
    failed: int = 0
    pending: int = 0
    dry_run: bool = msgspec.field(name="dryRun", default=False)
    warnings: tuple[str, ...] = ()
    results: tuple[AccountResult, ...] = ()
    status_url: str = ""
    duplicate_of: str | None = None


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer is about, besides its results."""

    request_id: str
    alert_id: str
    is_dry_run: bool = False
    warnings: tuple[str, ...] = ()
    verdict: str = ""
    detail: str = ""


def describe_request(
    state: RequestState,
    label: str,
    instrument: Instrument | None,
    orders: Mapping[str, Order],
    mode: str = "",
) -> AccountResult:
    """Say how one request stands; the first order names the ids, ``mode`` what is not live."""
    own = [orders[order_id] for order_id in state.order_ids if order_id in orders]
    quantity = state.filled_quantity
    if state.status is RequestStatus.ACCEPTED and not any(order.in_quote for order in own):
        # It rests: what it asks for says more than what it has.
        quantity = sum((order.quantity for order in own), ZERO)
    if state.preview is not None:
        quantity = state.preview.quantity
    return AccountResult(
        account=label,
        status=state.status,
        mode=mode,
        quantity=format_amount(quantity),
        quantity_unit=instrument.quantity_unit if instrument is not None else "",
        client_order_id=state.order_ids[0] if state.order_ids else "",
        venue_order_id=own[0].venue_order_id if own else "",
        reason_code=state.reason_code,
        message=state.message,
        warnings=state.warnings,
        preview=None if state.preview is None else _describe_preview(state.preview),
    )


def _describe_preview(preview: Preview) -> PreviewResult:
    return PreviewResult(
        notional=format_amount(preview.notional),
        notional_currency=preview.notional_currency,
        margin=format_amount(preview.margin),
        fee=format_amount(preview.fee),
        settle_currency=preview.settle_currency,
        before=preview.before,
        orders=preview.bodies,
    )


def make_answer(subject: Subject, results: Sequence[AccountResult]) -> AlertAnswer:
    """Count the results and name the whole."""
    successful = sum(result.status in SUCCESSFUL for result in results)
    failed = sum(result.status in FAILED for result in results)
    pending = len(results) - successful - failed
    noun = "account" if len(results) == 1 else "accounts"
    message = f"{len(results)} {noun}: {successful} successful, {failed} failed, {pending} pending"
    if subject.detail:
        message = f"{subject.detail}; {message}"
    return AlertAnswer(
        status=subject.verdict or _name_status(results, successful=successful, pending=pending),
        message=f"{message} (DRY RUN)" if subject.is_dry_run else message,
        request_id=subject.request_id,
        successful=successful,
        failed=failed,
        pending=pending,
        dry_run=subject.is_dry_run,
        warnings=subject.warnings,
        results=tuple(results),
        status_url=f"/requests/{subject.alert_id}",
    )


def _name_status(results: Sequence[AccountResult], *, successful: int, pending: int) -> str:
    if pending:
        return "accepted"
    if successful == len(results):
        return "done"
    if successful:
        return "partial"
    return "denied" if all(result.status == "denied" for result in results) else "failed"


def choose_status_code(answer: AlertAnswer, *, strict_status: bool) -> int:
    """The HTTP status of an answer; the strict ones are for callers that read nothing else."""
    match answer.status:
        case "accepted":
            return HTTPStatus.ACCEPTED
        case "partial" if strict_status:
            return HTTPStatus.MULTI_STATUS
        case "failed" | "denied" if strict_status:
            return HTTPStatus.UNPROCESSABLE_ENTITY
        case _:
            return HTTPStatus.OK
