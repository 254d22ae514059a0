"""The first fork of a call: addresses of hooks are answered at once, everything else by the application behind.

An alert passes no layer that it does not need: what a framework puts around its routes costs as much as the alert.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

ALERT_PATHS: Final = frozenset({"/", "/webhook"})
HOOK_PREFIX: Final = "/hooks/"


class HookFront:
    """ASGI application in front of two others."""

    def __init__(self, *, hooks: ASGIApp, others: ASGIApp) -> None:
        """``hooks`` answers what is sent to a hook; it finds the hook's name, if one was given, as a path parameter."""
        self._hooks = hooks
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and is_hook_path(scope["path"]):
            if scope["path"] not in ALERT_PATHS:
                scope["path_params"] = {"hook": scope["path"].removeprefix(HOOK_PREFIX)}
            await self._hooks(scope, receive, send)
        else:
            await self._others(scope, receive, send)


def is_hook_path(path: str) -> bool:
    """Whether alerts may be sent there: ``/``, ``/webhook`` or ``/hooks/{hook}``."""
    if path in ALERT_PATHS:
        return True
    name = path[len(HOOK_PREFIX) :] if path.startswith(HOOK_PREFIX) else ""
    return bool(name) and "/" not in name
