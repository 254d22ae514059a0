"""Bodies of requests, whole, in however many pieces they come."""

from __future__ import annotations

from aiohttp import web


async def read_body(request: web.BaseRequest, bytes_max: int) -> bytes | None:
    """Read to the end; None when there is more than ``bytes_max``."""
    content = request.content
    body = await content.readany()
    while not content.at_eof() and len(body) <= bytes_max:
        body += await content.readany()
    return body if len(body) <= bytes_max else None
