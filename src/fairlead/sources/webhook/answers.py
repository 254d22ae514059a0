"""Tells how an alert stands: from memory while it is young, else from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fairlead.core.model.order import Order
from fairlead.core.model.state import AlertState, RequestState
from fairlead.core.rules.modes import mode_label
from fairlead.sources.webhook.handle import ACCEPTED, DENIED, DRY_RUN, STALE, AlertHandler, HandledAlert, judge
from fairlead.sources.webhook.inbox import KeptAlert
from fairlead.sources.webhook.results import (
    AccountResult,
    AlertAnswer,
    Subject,
    describe_request,
    make_answer,
)
from fairlead.sources.webhook.seams import WebhookTools

RECEIVED: Final = "received"


class AlertAnswers:
    """Makes the bodies of answers."""

    def __init__(self, tools: WebhookTools, handler: AlertHandler) -> None:
        """``handler`` knows the young alerts."""
        self._tools = tools
        self._handler = handler

    async def describe(self, tenant: str, alert_id: str, *, hook_id: str = "") -> AlertAnswer | None:
        """Tell how an alert of a tenant (and, if named, of a hook) stands; None when there is none."""
        kept = self._handler.find_young(alert_id)
        if kept is not None:
            return self.describe_running(kept, alert_id) if _is_own(kept.state, tenant, hook_id) else None
        handled = self._handler.find_handled(alert_id)
        state = handled.state if handled is not None else await self._tools.reader.find_alert(tenant, alert_id)
        if state is None or not _is_own(state, tenant, hook_id):
            return None
        if state.verdict == RECEIVED:
            return make_answer(Subject(request_id=alert_id, alert_id=alert_id, verdict=ACCEPTED), ())
        handled = handled or await self._recall(state)
        if state.verdict in {STALE, DENIED}:
            return self._describe_refused(state, handled)
        return await self._describe_requests(state, handled)

    async def _recall(self, state: AlertState) -> HandledAlert | None:
        """What was handled too long ago, or by another process: as its verdict was stored."""
        event = await self._tools.reader.find_verdict(state.tenant, state.alert_id)
        return HandledAlert.of(state, event) if event is not None else None

    def describe_running(self, kept: KeptAlert, request_id: str) -> AlertAnswer:
        """Tell what is known as soon as an alert is stored."""
        prepared, state = kept.prepared, kept.state
        verdict = judge(prepared, state.received_ms)
        subject = Subject(
            request_id=request_id,
            alert_id=state.alert_id,
            is_dry_run=prepared.alert.dry_run,
            warnings=prepared.warnings,
            verdict=STALE if verdict.verdict == STALE else ACCEPTED,
            detail=verdict.detail,
        )
        status = "denied" if verdict.verdict == STALE else "queued"
        results = [
            AccountResult(
                account=account.label,
                status=status,
                mode=mode_label(account, dry_run=prepared.alert.dry_run),
                reason_code=verdict.reason_code,
            )
            for account in prepared.accounts
        ]
        return make_answer(subject, results)

    async def _describe_requests(self, state: AlertState, handled: HandledAlert | None) -> AlertAnswer:
        requests = await self._find_requests(state)
        orders = await self._find_orders(state.tenant, requests)
        results = [self._describe_request(request, orders) for request in requests]
        subject = Subject(
            request_id=state.alert_id,
            alert_id=state.alert_id,
            is_dry_run=state.verdict == DRY_RUN,
            warnings=handled.warnings if handled is not None else (),
        )
        return make_answer(subject, results)

    async def _find_requests(self, state: AlertState) -> list[RequestState]:
        """In the order of the alert's accounts: recent ones from memory, others from the store."""
        known = {request_id: self._tools.door.find_state(request_id) for request_id in state.request_ids}
        missing = [request_id for request_id, request in known.items() if request is None]
        if missing:
            for request in await self._tools.reader.find_requests(state.tenant, missing):
                known[request.request.request_id] = request
        return [request for request in known.values() if request is not None]

    async def _find_orders(self, tenant: str, requests: Sequence[RequestState]) -> Mapping[str, Order]:
        """Recent ones from their desks, others from the store."""
        asked = [(request.request.account_id, order_id) for request in requests for order_id in request.order_ids]
        known = {order_id: self._tools.door.find_order(account_id, order_id) for account_id, order_id in asked}
        missing = [order_id for order_id, order in known.items() if order is None]
        if missing:
            known |= {order.order_id: order for order in await self._tools.reader.find_orders(tenant, missing)}
        return {order_id: order for order_id, order in known.items() if order is not None}

    def _describe_request(self, state: RequestState, orders: Mapping[str, Order]) -> AccountResult:
        request = state.request
        account = self._tools.directory.current.find_account(request.tenant, request.account_id)
        mode = mode_label(account, dry_run=request.dry_run or state.preview is not None)
        if account is None:
            return describe_request(state, request.account_id, None, orders, mode)
        master = self._tools.symbols.get(account.exchange)
        instrument = None if master is None else master.get(request.symbol)
        return describe_request(state, account.label, instrument, orders, mode)

    def _describe_refused(self, state: AlertState, handled: HandledAlert | None) -> AlertAnswer:
        labels = handled.accounts if handled is not None else ()
        subject = Subject(
            request_id=state.alert_id,
            alert_id=state.alert_id,
            is_dry_run=handled.is_dry_run if handled is not None else False,
            warnings=handled.warnings if handled is not None else (),
            verdict=state.verdict,
            detail=handled.detail if handled is not None else "",
        )
        accounts = {account.label: account for account in self._tools.directory.current.list_accounts(state.tenant)}
        results = [
            AccountResult(
                account=label,
                status="denied",
                mode=mode_label(accounts.get(label), dry_run=subject.is_dry_run),
                reason_code=state.reason_code,
            )
            for label in labels
        ]
        return make_answer(subject, results)


def _is_own(state: AlertState, tenant: str, hook_id: str) -> bool:
    return state.tenant == tenant and hook_id in {"", state.hook_id}
