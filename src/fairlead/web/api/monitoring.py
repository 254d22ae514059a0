"""For whoever watches over the process: is it alive, is it ready, how much of what."""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fairlead.accounts.tokens import equal_digests, hash_token
from fairlead.observing.health import Condition
from fairlead.sources.webhook.intake import Refusal
from fairlead.web.callers import find_address, read_credentials, refuse_stranger
from fairlead.web.replies import error_reply, json_reply
from fairlead.web.tools import WebTools

# A scraper asks every few seconds; making an answer takes a few milliseconds of the event loop.
METRICS_PER_MINUTE_MAX: Final = 120
METRICS_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
FORWARDING_HEADERS: Final = ("x-forwarded-for", "forwarded", "x-real-ip")
OWN_NAMES: Final = frozenset({"localhost", "ip6-localhost"})
NOT_LOCAL: Final = "metrics are for callers on this machine, or with FAIRLEAD_METRICS_TOKEN"


def make_monitoring(tools: WebTools) -> list[Route]:
    """The routes of `/health`, `/ready` and `/metrics`."""
    board = MonitoringBoard(tools)
    return [
        Route("/health", board.show_health),
        Route("/ready", board.show_ready),
        Route("/metrics", board.show_metrics),
    ]


class MonitoringBoard:
    """Health is for everybody and says little; numbers are for operators: this machine, or who has the token."""

    def __init__(self, tools: WebTools) -> None:
        """Show what these tools know."""
        self._tools = tools
        token = tools.monitoring.token
        self._token_digest = hash_token(token) if token else None

    async def show_health(self, request: Request) -> Response:
        """Tell whether the process is alive and can keep what it is told."""
        return self._show(request, self._tools.monitoring.check_health(), well="ok", unwell="unhealthy")

    async def show_ready(self, request: Request) -> Response:
        """Tell whether alerts should be sent here."""
        return self._show(request, self._tools.monitoring.check_ready(), well="ready", unwell="not_ready")

    async def show_metrics(self, request: Request) -> Response:
        """Show every number, to operators."""
        address = find_address(request, self._tools)
        if not self._is_operator(request):
            if self._token_digest is None:
                return error_reply(request.state.call_id, Refusal(status_code=HTTPStatus.FORBIDDEN, error=NOT_LOCAL))
            return error_reply(request.state.call_id, refuse_stranger(address, self._tools))
        wait_s = self._tools.rates.hit_metrics(address, METRICS_PER_MINUTE_MAX)
        if wait_s is not None:
            refusal = Refusal(status_code=HTTPStatus.TOO_MANY_REQUESTS, error="asked too often", retry_after_s=wait_s)
            return error_reply(request.state.call_id, refusal)
        return Response(self._tools.monitoring.render_metrics(), media_type=METRICS_CONTENT_TYPE)

    def _show(self, request: Request, condition: Condition, *, well: str, unwell: str) -> Response:
        details = condition.details if self._is_operator(request) else {}
        body = {
            **details,
            "status": well if condition.is_well else unwell,
            "reasons": [reason.value for reason in condition.reasons],
            "requestId": request.state.call_id,
        }
        return json_reply(HTTPStatus.OK if condition.is_well else HTTPStatus.SERVICE_UNAVAILABLE, body)

    def _is_operator(self, request: Request) -> bool:
        """With a token only the token counts, compared in constant time; without one only this machine itself."""
        if self._token_digest is not None:
            scheme, given = read_credentials(request)
            return scheme == "bearer" and equal_digests(hash_token(given), self._token_digest)
        # A proxy on this machine brings callers from everywhere.
        if any(name in request.headers for name in FORWARDING_HEADERS):
            return False
        address = find_address(request, self._tools)
        return address is not None and address.is_loopback and _is_asked_by_own_name(request)


def _is_asked_by_own_name(request: Request) -> bool:
    """A page may lead a browser on this machine to us by a name of its own; its own name is what the browser says."""
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        return host in OWN_NAMES or ip_address(host).is_loopback
    except ValueError:
        return False
