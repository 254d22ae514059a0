"""Reads a request's body, and stops where it is too long or too slow."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.requests import ClientDisconnect, Request

from fairlead.sources.webhook.intake import Refusal

READ_S_MAX: Final = 10.0
DRAINED_BYTES_MAX: Final = 16_777_216
DRAIN_S_MAX: Final = 2.0


def check_declared_length(request: Request, bytes_max: int) -> Refusal | None:
    """Refuse by the header alone, where there is one."""
    declared = request.headers.get("content-length", "")
    return too_large(bytes_max) if declared.isdecimal() and int(declared[:20]) > bytes_max else None


async def read_body(request: Request, bytes_max: int) -> bytes | Refusal:
    """Read the body as it comes in, and never more than a little beyond the limit."""
    body = bytearray()
    try:
        async with asyncio.timeout(READ_S_MAX):
            async for chunk in request.stream():
                body += chunk
                if len(body) > bytes_max:
                    return too_large(bytes_max)
    except TimeoutError:
        return Refusal(status_code=HTTPStatus.REQUEST_TIMEOUT, error="the body took too long to arrive")
    except ClientDisconnect:
        return Refusal(status_code=HTTPStatus.BAD_REQUEST, error="the caller hung up before the body was complete")
    return bytes(body)


async def drain_body(request: Request) -> None:
    """Read on without keeping anything: a caller that is still sending hears the answer only when it is done.

    Stops after a named size or time, so that nobody is served by sending on and on.
    """
    left = DRAINED_BYTES_MAX
    try:
        async with asyncio.timeout(DRAIN_S_MAX):
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0:
                    return
    except (TimeoutError, ClientDisconnect):
        return


def too_large(bytes_max: int) -> Refusal:
    """The refusal of a body that is too long."""
    return Refusal(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error=f"the body has more than {bytes_max} bytes")
