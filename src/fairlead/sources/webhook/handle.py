"""Handles kept alerts: a verdict, and one order request per account, in one append; also after a crash in between."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from fairlead.core.model.events import AlertHandled
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.state import AlertState
from fairlead.core.rules.alert_state import finish
from fairlead.orders.waits import wait_until, wake
from fairlead.ports import Fact, NotStored
from fairlead.sources.webhook.backlog import Backlog
from fairlead.sources.webhook.inbox import KeptAlert, hook_stream
from fairlead.sources.webhook.pace import LOOK_EVERY_MS, Pace
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
MS_PER_SECOND: Final = 1_000


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


@dataclass(slots=True)
class _Young:
    """An alert that has no verdict yet, who handles it once it is its turn, and who waits for that."""

    kept: KeptAlert
    task: asyncio.Task[None] | None = None
    waiters: list[asyncio.Future[None]] = field(default_factory=list)


class AlertHandler:
    """Runs one task per kept alert, urgent ones at once and the others at a pace, and remembers the newest verdicts."""

    def __init__(self, tools: WebhookTools) -> None:
        """Start without alerts."""
        self.pace = Pace(tools.clock)
        self._tools = tools
        self._young: dict[str, _Young] = {}
        self._backlog = Backlog()
        self._ahead = 0
        self._running = 0
        self._looking: asyncio.Task[None] | None = None
        self._handled: OrderedDict[str, HandledAlert] = OrderedDict()
        self._quiet = asyncio.Event()
        self._quiet.set()

    @property
    def unfinished(self) -> int:
        """Alerts that are kept and not yet handled."""
        return len(self._young)

    @property
    def requests_ahead(self) -> int:
        """Requests that these alerts will make."""
        return self._ahead

    def start(self, kept: KeptAlert, *, is_awaited: bool) -> None:
        """Handle an alert in a task of its own, which outlives the call that brought it.

        A close begins at once, and so does what a sender waits for; they pass what waits, but not what they may depend
        on. Everything else begins when there is room.
        """
        self._young[kept.state.alert_id] = _Young(kept)
        self._ahead += len(kept.prepared.accounts)
        self._quiet.clear()
        if is_awaited or kept.prepared.closes:
            for earlier in self._backlog.pop_before(kept):
                self._begin(earlier)
            self._begin(kept)
        else:
            self._backlog.push(kept)
            self._begin_more()

    def find_young(self, alert_id: str) -> KeptAlert | None:
        """An alert that waits or is being handled."""
        young = self._young.get(alert_id)
        return young.kept if young is not None else None

    def find_handled(self, alert_id: str) -> HandledAlert | None:
        """An alert that was handled lately."""
        return self._handled.get(alert_id)

    async def wait_handled(self, alert_id: str, wait_ms: int) -> None:
        """Return when an alert is handled, or after ``wait_ms`` milliseconds."""
        young = self._young.get(alert_id)
        if young is None or wait_ms <= 0:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        young.waiters.append(waiter)
        await wait_until(waiter, wait_ms)

    async def drain(self, wait_ms: int) -> None:
        """Let alerts be handled, for so long; what is left is taken up at the next start."""
        try:
            async with asyncio.timeout(wait_ms / MS_PER_SECOND):
                await self._quiet.wait()
        except TimeoutError:
            self._backlog = Backlog()
        late = [young.task for young in self._young.values() if young.task is not None]
        if self._looking is not None:
            late.append(self._looking)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for alert_id in list(self._young):
            self._forget(alert_id)

    def _begin(self, kept: KeptAlert) -> None:
        alert_id = kept.state.alert_id
        task = asyncio.get_running_loop().create_task(self.handle_alert(kept), name=f"alert {alert_id}")
        self._young[alert_id].task = task
        self._running += len(kept.prepared.accounts)
        task.add_done_callback(lambda done: self._end(kept, done))

    def _begin_more(self) -> None:
        while self._backlog and self.pace.has_room(self._tools.door.unfinished + self._running, len(self._backlog)):
            kept = self._backlog.pop()
            self.pace.begin_alert(len(kept.prepared.accounts))
            self._begin(kept)
        if self._backlog and self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look_again(), name="alerts waiting")

    async def _look_again(self) -> None:
        """Nobody tells when requests settle, so look now and then while alerts wait."""
        try:
            while self._backlog:
                await self._tools.clock.sleep_ms(LOOK_EVERY_MS)
                self._begin_more()
        finally:
            self._looking = None

    def _end(self, kept: KeptAlert, task: asyncio.Task[None]) -> None:
        self._running -= len(kept.prepared.accounts)
        self._forget(kept.state.alert_id)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._tools.report_fault(kept.state.alert_id, error)
        self._begin_more()

    def _forget(self, alert_id: str) -> None:
        young = self._young.pop(alert_id, None)
        if young is None:
            return
        self._ahead -= len(young.kept.prepared.accounts)
        for waiter in young.waiters:
            wake(waiter)
        if not self._young:
            self._quiet.set()

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
