"""What would become of a request: the same planning, policies and risk checks as at the desk, with nothing written."""

from __future__ import annotations

from typing import assert_never

import msgspec

from fairlead.core.model.events import RequestDenied, RequestSkipped
from fairlead.core.model.order import ApprovedOrder
from fairlead.core.model.policy import Policing
from fairlead.core.model.request import OrderRequest
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.plan import CancelPlan, Nothing, Plan, Refusal
from fairlead.core.rules.planning import plan_request
from fairlead.core.rules.policy import Forbidden, Permitted, Postponed, apply_policies
from fairlead.core.rules.risk import Denied, check_orders
from fairlead.orders import refusals
from fairlead.orders.account_desk import SEND_DEADLINE_MS

WOULD_CANCEL = "would_cancel"


def rehearse(request: OrderRequest, view: AccountView, policing: Policing) -> RequestDenied | RequestSkipped:
    """Decide a request as its desk would now, as a dry run."""
    request = msgspec.structs.replace(request, dry_run=True)
    now_ms = view.now_ms
    deadline_ms = min(request.valid_until_ms, now_ms + SEND_DEADLINE_MS)
    plan = plan_request(request, view, first_leg=0, deadline_ms=deadline_ms)
    match plan:
        case Refusal():
            return refusals.denied_by_sizing(request, plan, now_ms)
        case Nothing():
            return refusals.skipped(request, plan, now_ms)
        case CancelPlan():
            message = f"{len(plan.orders)} order(s) would be canceled"
            return refusals.skipped(request, Nothing(reason_code=WOULD_CANCEL, message=message), now_ms)
        case Plan():
            return _judge(request, plan, view, policing)
        case other:
            assert_never(other)


def _judge(request: OrderRequest, plan: Plan, view: AccountView, policing: Policing) -> RequestDenied | RequestSkipped:
    decision = apply_policies(request, plan, view, policing)
    match decision:
        case Forbidden():
            return refusals.ended_by_policy(request, decision, view.now_ms)
        case Postponed():
            return refusals.would_wait(request, decision, view)
        case Permitted():
            verdicts = check_orders(decision.plan.legs, request, view)
            denied = next((one for one in verdicts if isinstance(one, Denied)), None)
            if denied is not None:
                return refusals.denied_by_risk(request, decision, denied, view.now_ms)
            approved = next(one for one in verdicts if isinstance(one, ApprovedOrder))
            return refusals.dry_run(request, decision, approved, view)
        case other:
            assert_never(other)
