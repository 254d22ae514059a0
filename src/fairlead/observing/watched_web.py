"""The web application as it is, with a watch on it: how long each caller waited, and what they were told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairlead.observing.histogram import Histograms
from fairlead.ports import Clock

ALERT_ROUTE: Final = "alert"
_ALERT_PATHS: Final = frozenset({"/", "/webhook"})
_OWN_ROUTES: Final[Mapping[str, str]] = {"/health": "health", "/ready": "health", "/metrics": "metrics"}
# Why a call became no alert, by what its caller was told (docs/alerts.md).
REFUSALS: Final[Mapping[int, str]] = {
    400: "malformed",
    401: "stranger",
    403: "address",
    408: "slow_body",
    413: "large_body",
    429: "too_often",
    500: "fault",
    503: "not_stored",
}
NOBODY_LISTENED: Final = 0

# (id of the call, status, began, ended), the times in monotonic seconds.
OnAnswer = Callable[[str, int, float, float], None]


class WatchedWeb:
    """ASGI middleware around everything, the request edge too."""

    def __init__(self, app: ASGIApp, clock: Clock, on_answer: OnAnswer) -> None:
        """Tell ``on_answer`` about every answer to an alert."""
        self.answers: dict[tuple[str, int], int] = {}
        self.seconds = Histograms()
        self._app = app
        self._clock = clock
        self._on_answer = on_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = self._clock.monotonic_s()
        status_code = NOBODY_LISTENED

        async def send_watched(message: Message) -> None:
            nonlocal status_code
            if message["type"] == "http.response.start":
                status_code = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        finally:
            self._note(scope, status_code, began_s)

    def _note(self, scope: MutableMapping[str, Any], status_code: int, began_s: float) -> None:
        ended_s = self._clock.monotonic_s()
        route = _name_route(scope["method"], scope["path"])
        place = (route, status_code)
        self.answers[place] = self.answers.get(place, 0) + 1
        self.seconds[(route,)].observe(ended_s - began_s)
        if route == ALERT_ROUTE:
            self._on_answer(scope.get("state", {}).get("call_id", ""), status_code, began_s, ended_s)


def _name_route(method: str, path: str) -> str:
    """A closed list: what a caller writes must not become the name of a series."""
    if method == "POST" and (path in _ALERT_PATHS or path.startswith("/hooks/")):
        return ALERT_ROUTE
    return _OWN_ROUTES.get(path, "other")
