"""How the desk writes down that a request ends without an order, and why."""

from __future__ import annotations

import msgspec

from fairlead.core.model import events as ev
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.policy import PolicyVerdict
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.risk import RiskVerdict
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.modes import MODE_NOT_ALLOWED, ModeRefused
from fairlead.core.rules.planning import Nothing, Refusal
from fairlead.core.rules.policy import SUPERSEDED, Forbidden, Permitted, Postponed
from fairlead.core.rules.previewing import preview_of
from fairlead.core.rules.risk import Denied, explain_check

NEVER_SENT = "never_sent"
DRY_RUN = "dry_run"


def expired(request: OrderRequest, now_ms: int) -> ev.RequestExpired:
    """Too old to be sent safely."""
    return ev.RequestExpired(
        request_id=request.request_id,
        account_id=request.account_id,
        valid_until_ms=request.valid_until_ms,
        at_ms=now_ms,
    )


def warned(request: OrderRequest, warnings: tuple[str, ...], now_ms: int) -> ev.RequestWarned:
    """What the sender should know, whatever becomes of the request."""
    return ev.RequestWarned(
        request_id=request.request_id,
        account_id=request.account_id,
        warnings=warnings,
        at_ms=now_ms,
    )


def denied_by_sizing(request: OrderRequest, refusal: Refusal, now_ms: int) -> ev.RequestDenied:
    """No order of the wished size exists: the planner's words and numbers."""
    return _denied(request, refusal, now_ms)


def denied_by_risk(request: OrderRequest, permitted: Permitted, denied: Denied, now_ms: int) -> ev.RequestDenied:
    """Risk said no: every check is kept, the first denial names the reason."""
    denials = denied.verdict.denials
    refusal = Refusal(
        reason_code=denials[0].reason_code,
        message="; ".join(explain_check(check) for check in denials),
        lines=permitted.plan.sizing,
    )
    return _denied(request, refusal, now_ms, verdict=denied.verdict, policies=permitted.verdicts)


def ended_by_policy(request: OrderRequest, forbidden: Forbidden, now_ms: int) -> ev.RequestDenied | ev.RequestSkipped:
    """A policy said no, or left nothing to do: every policy that was asked is kept."""
    code, message, lines = forbidden.reason_code, forbidden.message, forbidden.plan.sizing
    if forbidden.is_needless:
        nothing = Nothing(reason_code=code, message=message, lines=lines)
        return _skipped(request, nothing, now_ms, policies=forbidden.verdicts)
    refusal = Refusal(reason_code=code, message=message, numbers=forbidden.numbers, lines=lines)
    return _denied(request, refusal, now_ms, policies=forbidden.verdicts)


def superseded(request: OrderRequest, now_ms: int) -> ev.RequestDenied:
    """It waited for a policy's delay, and a newer signal of its instrument came first."""
    message = f"a policy delayed it, and meanwhile a newer request for {request.symbol} came"
    return _denied(request, Refusal(reason_code=SUPERSEDED, message=message), now_ms)


def denied_by_mode(request: OrderRequest, refused: ModeRefused, now_ms: int) -> ev.RequestDenied:
    """The mode of the account, or of the installation, does not allow it."""
    return _denied(request, Refusal(reason_code=MODE_NOT_ALLOWED, message=refused.message), now_ms)


def skipped(request: OrderRequest, nothing: Nothing, now_ms: int) -> ev.RequestSkipped:
    """Nothing needs doing: a success with quantity zero."""
    return _skipped(request, nothing, now_ms)


def would_wait(request: OrderRequest, postponed: Postponed, view: AccountView) -> ev.RequestSkipped:
    """A dry run does not wait: what would have been sent later is kept."""
    return _rehearsed(request, postponed, f"{postponed.message}; then it would be decided anew", view)


def dry_run(
    request: OrderRequest,
    permitted: Permitted,
    approved: ApprovedOrder,
    view: AccountView,
) -> ev.RequestSkipped:
    """The path ends here on purpose: what would have been sent is kept, nothing is."""
    rehearsed = _rehearsed(request, permitted, f"{len(permitted.plan.legs)} order(s) would have been sent", view)
    return msgspec.structs.replace(rehearsed, verdict=approved.verdict, order=approved.order)


def never_sent(order: Order, why: str, now_ms: int) -> ev.OrderCanceled:
    """An approved order that certainly never left us."""
    return ev.OrderCanceled(
        order_id=order.order_id,
        account_id=order.account_id,
        reason_code=NEVER_SENT,
        message=f"not sent: {why}",
        at_ms=now_ms,
    )


def _denied(
    request: OrderRequest,
    refusal: Refusal,
    now_ms: int,
    *,
    verdict: RiskVerdict | None = None,
    policies: tuple[PolicyVerdict, ...] = (),
) -> ev.RequestDenied:
    return ev.RequestDenied(
        request_id=request.request_id,
        account_id=request.account_id,
        reason_code=refusal.reason_code,
        message=refusal.message,
        numbers=refusal.numbers,
        sizing=refusal.lines,
        verdict=verdict,
        at_ms=now_ms,
        policies=policies,
    )


def _skipped(
    request: OrderRequest,
    nothing: Nothing,
    now_ms: int,
    *,
    policies: tuple[PolicyVerdict, ...] = (),
) -> ev.RequestSkipped:
    return ev.RequestSkipped(
        request_id=request.request_id,
        account_id=request.account_id,
        reason_code=nothing.reason_code,
        message=nothing.message,
        sizing=nothing.lines,
        verdict=None,
        order=None,
        at_ms=now_ms,
        policies=policies,
    )


def _rehearsed(
    request: OrderRequest,
    judged: Permitted | Postponed,
    message: str,
    view: AccountView,
) -> ev.RequestSkipped:
    plan = judged.plan
    nothing = Nothing(reason_code=DRY_RUN, message=f"dry run: {message}", lines=plan.sizing)
    skipped = _skipped(request, nothing, view.now_ms, policies=judged.verdicts)
    return msgspec.structs.replace(skipped, order=plan.legs[0], preview=preview_of(request, plan, view))
