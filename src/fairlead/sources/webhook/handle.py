"""Handles kept alerts: a verdict, and one order request per account, in one append; also after a crash in between."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import msgspec

from fairlead.core.model.events import AlertHandled
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.state import AlertState
from fairlead.core.rules.alert_state import finish
from fairlead.ports import Fact, NotStored
from fairlead.sources.webhook.inbox import KeptAlert, hook_stream
from fairlead.sources.webhook.prepare import PreparedAlert, make_requests
from fairlead.sources.webhook.seams import WebhookTools

ACCEPTED: Final = "accepted"
DRY_RUN: Final = "dry_run"
STALE: Final = "stale"
DENIED: Final = "denied"
SOURCE_DISABLED: Final = "source_disabled"

HANDLED_REMEMBERED_MAX: Final = 10_000
RETRY_FIRST_MS: Final = 100
RETRY_LONGEST_MS: Final = 5_000


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an alert at the edge, and why."""

    verdict: str
    reason_code: str = ""
    detail: str = ""


class HandledAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert with its verdict; ``accounts`` are the labels it was for, in the order of its requests."""

    state: AlertState
    detail: str
    accounts: tuple[str, ...]
    warnings: tuple[str, ...]
    is_dry_run: bool

    @classmethod
    def of(cls, state: AlertState, event: AlertHandled) -> HandledAlert:
        """An alert as its verdict was written down."""
        return cls(
            state=state,
            detail=event.detail,
            accounts=event.account_labels,
            warnings=event.warnings,
            is_dry_run=event.is_dry_run,
        )


def judge(prepared: PreparedAlert, received_ms: int, *, is_source_enabled: bool = True) -> Verdict:
    """Decide whether an alert makes requests."""
    if not is_source_enabled:
        detail = "the hook was disabled before the alert was handled"
        return Verdict(verdict=DENIED, reason_code=SOURCE_DISABLED, detail=detail)
    told_ms = prepared.alert.alert_time_ms
    if told_ms is not None and received_ms - told_ms > prepared.age_max_ms:
        age = f"{received_ms - told_ms} ms old, at most {prepared.age_max_ms} ms allowed"
        if not (prepared.closes and prepared.hook.stale_close_passes):
            return Verdict(verdict=STALE, reason_code=STALE, detail=age)
    return Verdict(verdict=DRY_RUN if prepared.alert.dry_run else ACCEPTED)


class AlertHandler:
    """Runs one task per kept alert, in the order of the journal, and remembers the newest verdicts."""

    def __init__(self, tools: WebhookTools) -> None:
        """Start without alerts."""
        self._tools = tools
        self._running: dict[str, tuple[KeptAlert, asyncio.Task[None]]] = {}
        self._handled: OrderedDict[str, HandledAlert] = OrderedDict()

    @property
    def unfinished(self) -> int:
        """Alerts that are kept and not yet handled."""
        return len(self._running)

    def start(self, kept: KeptAlert) -> None:
        """Handle an alert in a task of its own, which outlives the call that brought it."""
        alert_id = kept.state.alert_id
        task = asyncio.get_running_loop().create_task(self.handle_alert(kept), name=f"alert {alert_id}")
        self._running[alert_id] = (kept, task)
        task.add_done_callback(lambda done: self._end(alert_id, done))

    def find_running(self, alert_id: str) -> KeptAlert | None:
        """An alert that is being handled."""
        running = self._running.get(alert_id)
        return running[0] if running is not None else None

    def find_handled(self, alert_id: str) -> HandledAlert | None:
        """An alert that was handled lately."""
        return self._handled.get(alert_id)

    async def wait_handled(self, alert_id: str, wait_ms: int) -> None:
        """Return when an alert is handled, or after ``wait_ms`` milliseconds."""
        running = self._running.get(alert_id)
        if running is not None and wait_ms > 0:
            await asyncio.wait({running[1]}, timeout=wait_ms / 1000)

    async def drain(self, wait_ms: int) -> None:
        """Let running alerts end, for so long; what is left is taken up at the next start."""
        tasks = {task for _, task in self._running.values()}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=wait_ms / 1000)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def handle_alert(self, kept: KeptAlert) -> None:
        """Store the verdict of an alert together with its requests."""
        prepared, state = kept.prepared, kept.state
        # Again now, because a stopped source must not trade.
        hook = self._tools.directory.current.find_hook(state.tenant, state.hook_id)
        verdict = judge(prepared, state.received_ms, is_source_enabled=hook is not None and hook.enabled)
        requests = make_requests(prepared, state) if verdict.verdict in {ACCEPTED, DRY_RUN} else ()
        event = AlertHandled(
            alert_id=state.alert_id,
            verdict=verdict.verdict,
            reason_code=verdict.reason_code,
            detail=verdict.detail,
            mapping=(prepared.alert.symbol_text, prepared.instrument.symbol),
            warnings=prepared.warnings,
            request_ids=tuple(request.request_id for request in requests),
            at_ms=self._tools.clock.now_ms(),
            account_labels=tuple(account.label for account in prepared.accounts),
            is_dry_run=prepared.alert.dry_run,
        )
        await self.close_alert(state, event, requests)
        self._remember(HandledAlert.of(finish(state, event), event))

    async def close_alert(
        self,
        state: AlertState,
        event: AlertHandled,
        requests: Sequence[OrderRequest] = (),
    ) -> None:
        """Append a verdict with its requests, and try again for as long as the store refuses."""
        fact = Fact(
            tenant=state.tenant,
            stream=hook_stream(state.hook_id),
            cause=state.alert_id,
            at_ms=event.at_ms,
            event=event,
            key=state.alert_id,
        )
        pause_ms = RETRY_FIRST_MS
        while isinstance(await self._tools.door.submit((fact,), requests, states=(finish(state, event),)), NotStored):
            await self._tools.clock.sleep_ms(pause_ms)
            pause_ms = min(pause_ms * 2, RETRY_LONGEST_MS)

    def _remember(self, handled: HandledAlert) -> None:
        self._handled[handled.state.alert_id] = handled
        if len(self._handled) > HANDLED_REMEMBERED_MAX:
            self._handled.popitem(last=False)

    def _end(self, alert_id: str, task: asyncio.Task[None]) -> None:
        self._running.pop(alert_id, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._tools.report_fault(alert_id, error)
