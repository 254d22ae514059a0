"""Answers as JSON; every one of them names the call it answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

from fairlead.sources.webhook.alert import FieldError
from fairlead.sources.webhook.intake import Refusal

UNAUTHORIZED_TEXT: Final = "the token is missing or wrong"
WRONG_METHOD_TEXT: Final = "this address does not take that method"
_encode: Final = msgspec.json.Encoder().encode


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every refusal; ``message`` repeats ``error`` for callers of older services."""

    status: str = "error"
    error: str
    message: str
    request_id: str = msgspec.field(name="requestId")
    details: tuple[FieldError, ...] = ()


def json_reply(status_code: int, body: object, headers: dict[str, str] | None = None) -> Response:
    """Answer with anything that msgspec can write."""
    return Response(_encode(body), status_code=status_code, headers=headers, media_type="application/json")


def error_reply(call_id: str, refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
    """Answer with a refusal."""
    body = ErrorReply(error=refusal.error, message=refusal.error, request_id=call_id, details=refusal.details)
    all_headers = dict(headers or {})
    if refusal.retry_after_s is not None:
        all_headers["retry-after"] = str(refusal.retry_after_s)
    if refusal.status_code == HTTPStatus.UNAUTHORIZED:
        all_headers["www-authenticate"] = 'Bearer realm="fairlead"'
    return json_reply(refusal.status_code, body, all_headers)
