"""What alerts come in by: plain ASGI and raw bytes, because a framework costs more than the disk."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fairlead.accounts.addresses import IpAddress
from fairlead.sources.webhook.alert import FieldError, Malformed
from fairlead.sources.webhook.inbox import AlertCall
from fairlead.sources.webhook.intake import STORE_RETRY_S, Refusal
from fairlead.sources.webhook.json_text import JsonObject, parse_body
from fairlead.sources.webhook.redact import blank_token
from fairlead.sources.webhook.results import Subject, make_answer
from fairlead.store.queries.hook_calls import RefusedCall
from fairlead.store.queries.hooks import Hook
from fairlead.web.bodies import check_declared_length, drain_body, read_body
from fairlead.web.callers import (
    check_address,
    find_address,
    find_hook,
    read_credentials,
    refuse_address,
    refuse_stranger,
)
from fairlead.web.replies import WRONG_METHOD_TEXT, error_reply, json_reply
from fairlead.web.tools import WebTools

RATE_LIMITED: Final = "rate_limited"
BODY_SHOWN_MAX: Final = 2_000
CONTENT_TYPE_MAX: Final = 100


class HookCalls:
    """ASGI application behind every address that takes alerts; each call goes through the same checks."""

    def __init__(self, tools: WebTools) -> None:
        """Work with these tools."""
        self._endpoint = AlertEndpoint(tools)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["method"] == "POST":
            reply = await self._endpoint.receive_alert(Request(scope, receive))
        else:
            refusal = Refusal(status_code=HTTPStatus.METHOD_NOT_ALLOWED, error=WRONG_METHOD_TEXT)
            reply = error_reply(scope["state"]["call_id"], refusal, {"allow": "POST"})
        await reply(scope, receive, send)


class AlertEndpoint:
    """Checks a call step by step (docs/alerts.md) and hands it to the intake."""

    def __init__(self, tools: WebTools) -> None:
        """Work with these tools."""
        self._tools = tools

    async def receive_alert(self, request: Request) -> Response:
        """Take one alert; whatever breaks, the answer is clean, and never asks for a resend of what is stored."""
        call = AlertCall(
            call_id=request.scope["state"]["call_id"],
            token="",
            body=b"",
            content_type=request.headers.get("content-type", "")[:CONTENT_TYPE_MAX],
            source_address="",
            received_ms=self._tools.clock.now_ms(),
        )
        try:
            return await self._take(request, call)
        except Exception as error:
            self._tools.report_fault(call.call_id, error)
            return _answer_fault(call)

    async def _take(self, request: Request, call: AlertCall) -> Response:
        address = find_address(request, self._tools)
        call.source_address = str(address or "")
        refusal = check_declared_length(request, self._tools.body_bytes_max)
        if refusal is None and not self._tools.allowed_addresses.allows(address):
            refusal = refuse_address(address)
        if refusal is not None:
            return await _hang_up(request, call, refusal)
        raw = await read_body(request, self._tools.body_bytes_max)
        if isinstance(raw, Refusal):
            return await _hang_up(request, call, raw)
        call.body = raw
        body = parse_body(raw, bytes_max=self._tools.body_bytes_max)
        hook = await self._find_hook(request, call, body, address)
        if isinstance(hook, Refusal):
            self._note_stranger(request, call, hook)
            return error_reply(call.call_id, hook)
        reply = (
            check_address(hook, address, self._tools)
            or self._count(hook)
            or await self._tools.intake.receive(call, hook, body)
        )
        if isinstance(reply, Refusal):
            return self._refuse(call, hook, body, reply)
        return json_reply(reply.status_code, reply.answer)

    async def _find_hook(
        self,
        request: Request,
        call: AlertCall,
        body: JsonObject | Malformed,
        address: IpAddress | None,
    ) -> Hook | Refusal:
        """The Bearer token counts before the one in the body; a path that names a hook must name the token's."""
        scheme, token = read_credentials(request)
        if scheme != "bearer":
            if isinstance(body, Malformed):
                return Refusal(status_code=HTTPStatus.BAD_REQUEST, error=body.error, details=body.details)
            in_body = body.get("authToken")
            token = in_body if type(in_body) is str else ""
        call.token = token
        hook = find_hook(token, self._tools)
        named = request.path_params.get("hook")
        if hook is None or (named is not None and named not in {hook.hook_id, hook.name}):
            return refuse_stranger(address, self._tools)
        return hook

    def _count(self, hook: Hook) -> Refusal | None:
        wait_s = self._tools.rates.hit_hook(hook.hook_id, hook.rate_per_minute)
        if wait_s is None:
            return None
        return Refusal(status_code=HTTPStatus.TOO_MANY_REQUESTS, error=RATE_LIMITED, retry_after_s=wait_s)

    def _note_stranger(self, request: Request, call: AlertCall, refusal: Refusal) -> None:
        """Let a hook's owner see that somebody knocked with a wrong token: from where, and nothing of what was said."""
        hook = self._tools.directory.current.find_hook_by_id(request.path_params.get("hook", ""))
        if hook is not None and refusal.status_code == HTTPStatus.UNAUTHORIZED:
            self._tools.note_refused(_describe(call, hook, refusal, shown=b""))

    def _refuse(self, call: AlertCall, hook: Hook, body: JsonObject | Malformed, refusal: Refusal) -> Response:
        """Answer a refusal, and keep it where the hook's owner can see it."""
        shown = b"" if isinstance(body, Malformed) else blank_token(call.body, call.token)
        self._tools.note_refused(_describe(call, hook, refusal, shown))
        return error_reply(call.call_id, refusal)


def _describe(call: AlertCall, hook: Hook, refusal: Refusal, shown: bytes) -> RefusedCall:
    return RefusedCall(
        call_id=call.call_id,
        tenant=hook.tenant,
        hook_id=hook.hook_id,
        received_ms=call.received_ms,
        source_address=call.source_address,
        status_code=refusal.status_code,
        error=refusal.error,
        details=tuple(_tell(detail) for detail in refusal.details),
        body=shown[:BODY_SHOWN_MAX].decode("utf-8", "replace"),
    )


def _tell(detail: FieldError) -> str:
    given = f" (given: {detail.value})" if detail.value else ""
    return f"{detail.field}: {detail.rule}{given}"


async def _hang_up(request: Request, call: AlertCall, refusal: Refusal) -> Response:
    """Refuse, and look at nothing that may still come; whoever asks before sending is spared the sending."""
    if refusal.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and "expect" not in request.headers:
        await drain_body(request)
    return error_reply(call.call_id, refusal, {"connection": "close"})


def _answer_fault(call: AlertCall) -> Response:
    """Before the alert is durable a resend is what we want, after it a resend is what we do not want."""
    if not call.stored_as:
        refusal = Refusal(
            status_code=HTTPStatus.SERVICE_UNAVAILABLE, error="nothing was done", retry_after_s=STORE_RETRY_S
        )
        return error_reply(call.call_id, refusal)
    subject = Subject(request_id=call.call_id, alert_id=call.stored_as, verdict="accepted")
    return json_reply(HTTPStatus.ACCEPTED, make_answer(subject, ()))
