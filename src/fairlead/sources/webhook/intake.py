"""The webhook source as a whole: takes authenticated calls in the order of docs/alerts.md, and answers for them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, assert_never

import msgspec
import structlog

from fairlead.sources.webhook.alert import Alert, FieldError, Malformed
from fairlead.sources.webhook.answers import AlertAnswers
from fairlead.sources.webhook.decode import decode_alert
from fairlead.sources.webhook.field_reader import cover_secrets
from fairlead.sources.webhook.handle import ACCEPTED, STALE, AlertHandler, judge
from fairlead.sources.webhook.inbox import (
    UNKNOWN_FIRST,
    AlertCall,
    AlertInbox,
    Duplicate,
    KeepOutcome,
    Kept,
    KeptAlert,
    NotKept,
)
from fairlead.sources.webhook.json_text import JsonObject
from fairlead.sources.webhook.prepare import PreparedAlert, check_clock, prepare_alert
from fairlead.sources.webhook.results import AlertAnswer, Subject, choose_status_code, make_answer
from fairlead.sources.webhook.resume import resume_alerts
from fairlead.sources.webhook.seams import UnreadableError, WebhookTools
from fairlead.store.queries.hooks import Hook, ResponseMode

BACKLOG_RETRY_S: Final = 5
STORE_RETRY_S: Final = 5
POSSIBLE_DUPLICATE: Final = "possible duplicate: an equal alert came within 30 s; send an alertId if both were meant"

_log = structlog.get_logger("fairlead.webhook")


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call became no alert."""

    status_code: int
    error: str
    details: tuple[FieldError, ...] = ()
    retry_after_s: int | None = None


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A stored alert, or the first of its kind, and what to say about it."""

    status_code: int
    answer: AlertAnswer


class AlertIntake:
    """Takes calls, answers them, and answers later questions about them. Make it on the event loop that will use it."""

    def __init__(self, tools: WebhookTools) -> None:
        """Make the parts; ``start`` before the first call."""
        self._tools = tools
        self._handler = AlertHandler(tools)
        self._inbox = AlertInbox(journal=tools.journal, reader=tools.reader, on_kept=self._start)
        self._answers = AlertAnswers(tools, self._handler)

    @property
    def unhandled(self) -> int:
        """Alerts that are stored and have no verdict yet."""
        return self._handler.unfinished

    async def start(self) -> int:
        """Remember what was stored lately and take up what was left unhandled; returns how many alerts that were."""
        await self._inbox.load(self._tools.clock.now_ms())
        return await resume_alerts(self._tools, self._handler)

    async def drain(self, wait_ms: int) -> None:
        """Let alerts that are being handled end, for so long; the next start takes up the rest."""
        await self._handler.drain(wait_ms)

    async def receive(self, call: AlertCall, hook: Hook, body: JsonObject | Malformed) -> Answered | Refusal:
        """Take one call whose hook, token and address are in order."""
        started_s = self._tools.clock.monotonic_s()
        prepared = self._read(call, hook, body)
        if isinstance(prepared, Malformed):
            return Refusal(status_code=HTTPStatus.BAD_REQUEST, error=prepared.error, details=prepared.details)
        if self._is_crowded(len(prepared.accounts)):
            return Refusal(
                status_code=HTTPStatus.TOO_MANY_REQUESTS,
                error="too many orders are unfinished",
                retry_after_s=BACKLOG_RETRY_S,
            )
        outcome = await self._keep(call, prepared)
        match outcome:
            case NotKept():
                error = "the alert could not be stored; nothing was done"
                return Refusal(status_code=HTTPStatus.SERVICE_UNAVAILABLE, error=error, retry_after_s=STORE_RETRY_S)
            case Duplicate():
                return await self._answer_repeat(call, hook, outcome, started_s)
            case Kept(kept=kept):
                return await self._answer_kept(hook, kept, started_s)
        assert_never(outcome)

    async def find_answer(self, tenant: str, alert_id: str, *, hook_id: str = "") -> Answered | None:
        """What is known about an alert of a tenant (and, if named, of a hook); None when there is none."""
        answer = await self._answers.describe(tenant, alert_id, hook_id=hook_id)
        if answer is None:
            return None
        return Answered(status_code=choose_status_code(answer, strict_status=False), answer=answer)

    def _read(self, call: AlertCall, hook: Hook, body: JsonObject | Malformed) -> PreparedAlert | Malformed:
        if isinstance(body, Malformed):
            return cover_secrets(body, {call.token})
        secrets = {call.token, str(body.get("authToken", ""))}
        alert = decode_alert(body, strict_fields=hook.strict_fields, secrets=secrets)
        if not isinstance(alert, Alert):
            return alert
        prepared = prepare_alert(alert, hook, self._tools.directory.current, self._tools.symbols)
        if isinstance(prepared, Malformed):
            return cover_secrets(prepared, secrets)
        return check_clock(prepared, call.received_ms)

    def _is_crowded(self, requests: int) -> bool:
        """Whether so much is unfinished that more would only be late."""
        on_the_way = self._handler.requests_ahead + self._inbox.storing + requests
        return self._tools.door.unfinished + on_the_way > self._tools.door.unfinished_max

    async def _keep(self, call: AlertCall, prepared: PreparedAlert) -> KeepOutcome:
        if prepared.hook.response_mode is ResponseMode.WAIT:
            return await self._inbox.keep_alert(call, prepared)
        self._handler.pace.begin_call()
        try:
            return await self._inbox.keep_alert(call, prepared)
        finally:
            self._handler.pace.end_call()

    def _start(self, kept: KeptAlert) -> None:
        self._handler.start(kept, is_awaited=kept.prepared.hook.response_mode is ResponseMode.WAIT)

    async def _answer_kept(self, hook: Hook, kept: KeptAlert, started_s: float) -> Answered:
        state, prepared = kept.state, kept.prepared
        verdict = judge(prepared, state.received_ms)
        if verdict.verdict == STALE or hook.response_mode is ResponseMode.ACK:
            answer = self._answers.describe_running(kept, state.alert_id)
        else:
            await self._wait_settled(state.alert_id, started_s)
            found = await self._describe(state.tenant, state.alert_id)
            # Without results its handling broke or was not stored yet, and the accounts are still to come.
            answer = found if found and found.results else self._answers.describe_running(kept, state.alert_id)
        return Answered(status_code=choose_status_code(answer, strict_status=hook.strict_status), answer=answer)

    async def _answer_repeat(
        self,
        call: AlertCall,
        hook: Hook,
        repeat: Duplicate,
        started_s: float,
    ) -> Answered:
        if hook.response_mode is ResponseMode.WAIT:
            await self._wait_settled(repeat.first_id, started_s)
        found = await self._describe(hook.tenant, repeat.first_id)
        answer = found or make_answer(Subject(request_id=call.call_id, alert_id=repeat.first_id, verdict=ACCEPTED), ())
        remarks = () if repeat.explicit else (POSSIBLE_DUPLICATE,)
        answer = msgspec.structs.replace(
            answer,
            request_id=call.call_id,
            duplicate_of=repeat.first_id,
            warnings=(*answer.warnings, *remarks),
        )
        return Answered(status_code=HTTPStatus.OK, answer=answer)

    async def _describe(self, tenant: str, alert_id: str) -> AlertAnswer | None:
        """Tell how a stored alert stands; None when that is not known, or cannot be read now."""
        if alert_id == UNKNOWN_FIRST:
            return None
        try:
            return await self._answers.describe(tenant, alert_id)
        except UnreadableError as error:
            then = "the alert is stored and is handled; its sender was told accepted, and may ask for its status"
            _log.warning("answer_without_results", alert=alert_id, error=str(error), then=then)
            return None

    async def _wait_settled(self, alert_id: str, started_s: float) -> None:
        await self._handler.wait_handled(alert_id, self._left_ms(started_s))
        handled = self._handler.find_handled(alert_id)
        left_ms = self._left_ms(started_s)
        if handled is not None and left_ms > 0:
            await self._tools.door.wait_settled(handled.state.request_ids, left_ms)

    def _left_ms(self, started_s: float) -> int:
        return self._tools.wait_ms - int((self._tools.clock.monotonic_s() - started_s) * 1000)
