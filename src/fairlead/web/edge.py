"""The outermost layer: names every call, adds the headers that browsers obey, and lets no fault out."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairlead.sources.webhook.intake import Refusal
from fairlead.web.replies import error_reply
from fairlead.web.tools import WebTools

SECURITY_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
# Two years, as browsers' own lists ask for; only over https, where it is true.
STRICT_TRANSPORT: Final = "max-age=63072000"

_PLAIN_HEADERS: Final = tuple((name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items())
_SECURE_HEADERS: Final = (*_PLAIN_HEADERS, (b"strict-transport-security", STRICT_TRANSPORT.encode()))


class RequestEdge:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, tools: WebTools) -> None:
        """Stand around an application."""
        self._app = app
        self._tools = tools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call_id = self._tools.call_ids.draw()
        scope.setdefault("state", {})["call_id"] = call_id
        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _add_headers(message, call_id, is_https=scope["scheme"] == "https")
            await send(message)

        try:
            await self._app(scope, receive, send_guarded)
        except Exception as error:
            self._tools.report_fault(call_id, error)
            if begun:
                # Half an answer cannot be taken back; ending the connection at least tells that it is not whole.
                raise
            refusal = Refusal(status_code=HTTPStatus.INTERNAL_SERVER_ERROR, error="something broke on our side")
            await error_reply(call_id, refusal)(scope, receive, send_guarded)


def _add_headers(message: Message, call_id: str, *, is_https: bool) -> None:
    """Add what is not there; ASGI has names in lower case."""
    own = list(message.get("headers", ()))
    given = {name for name, _ in own}
    ours = _SECURE_HEADERS if is_https else _PLAIN_HEADERS
    own.append((b"x-request-id", call_id.encode()))
    own.extend(header for header in ours if header[0] not in given)
    message["headers"] = own
