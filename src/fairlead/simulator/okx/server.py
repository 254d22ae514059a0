"""The exchange on a port: HTTP and the three WebSockets, and the clockwork that moves its prices."""

from __future__ import annotations

import asyncio
from ssl import SSLContext
from typing import Final

from aiohttp import WSMsgType, web

from fairlead.simulator.okx.gateway import BODY_BYTES_MAX, Gateway
from fairlead.simulator.okx.signing import RawRequest
from fairlead.simulator.okx.venue import OkxVenue

STEP_MS: Final = 250
"""Prices move this often."""

SOCKET_PATHS: Final = frozenset({"/ws/v5/public", "/ws/v5/private", "/ws/v5/business"})


class OkxServer:
    """Serves one venue at one address."""

    def __init__(self, venue: OkxVenue, gateway: Gateway) -> None:
        """Prepare; nothing listens yet."""
        self.venue = venue
        self._gateway = gateway
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None))
        self._clockwork: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, *, tls: SSLContext | None = None) -> int:
        """Listen, and let the market move; returns the port (0 asks for a free one)."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=tls, reuse_address=True)
        await site.start()
        self._clockwork = asyncio.create_task(self._run())
        address: tuple[str, int] = self._runner.addresses[0]
        return address[1]

    async def stop(self) -> None:
        """End everything."""
        if self._clockwork is not None:
            self._clockwork.cancel()
            await asyncio.gather(self._clockwork, return_exceptions=True)
        await self._runner.cleanup()

    async def _run(self) -> None:
        while True:
            self.venue.advance()
            await self.venue.clock.sleep_ms(STEP_MS)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path in SOCKET_PATHS:
            return await self._talk(request)
        body = await request.content.read(BODY_BYTES_MAX + 1)
        if len(body) > BODY_BYTES_MAX:
            return web.Response(status=413)
        answer = self._gateway.answer(
            RawRequest(
                method=request.method,
                target=request.raw_path,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
                address=request.remote or "",
            ),
        )
        # Who asked hears first; those who listen hear when this answer is on its way.
        asyncio.get_running_loop().call_soon(self.venue.settle)
        return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)

    async def _talk(self, request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data == "ping":
                await socket.send_str("pong")
        return socket
