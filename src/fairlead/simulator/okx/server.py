"""The exchange on a port: HTTP and the three WebSockets, and the clockwork that moves its prices."""

from __future__ import annotations

import asyncio
from ssl import SSLContext
from typing import Final

from aiohttp import WSMsgType, web

from fairlead.simulator.okx.gateway import BODY_BYTES_MAX, Gateway
from fairlead.simulator.okx.signing import RawRequest
from fairlead.simulator.okx.sockets.channel import Place
from fairlead.simulator.okx.sockets.codes import Close
from fairlead.simulator.okx.sockets.connection import FRAME_BYTES_MAX, SocketDesk
from fairlead.simulator.okx.venue import OkxVenue

STEP_MS: Final = 250
"""Prices move this often."""

FRAMES_WAITING_MAX: Final = 10_000
"""Messages that wait for a slow reader before its connection is closed."""

SOCKET_PATHS: Final = {f"/ws/v5/{place.value}": place for place in Place}


class OkxServer:
    """Serves one venue at one address."""

    def __init__(self, venue: OkxVenue, gateway: Gateway, sockets: SocketDesk) -> None:
        """Prepare; nothing listens yet."""
        self.venue = venue
        self._gateway = gateway
        self._sockets = sockets
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
            self._sockets.tick()
            await self.venue.clock.sleep_ms(STEP_MS)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        place = SOCKET_PATHS.get(request.path)
        if place is not None:
            return await self._talk(request, place)
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
        self._settle_soon()
        return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)

    async def _talk(self, request: web.BaseRequest, place: Place) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=True, max_msg_size=FRAME_BYTES_MAX)
        await socket.prepare(request)
        outbox = _Outbox()
        connection = self._sockets.open(place, request.remote or "", outbox)
        writer = asyncio.create_task(outbox.write_to(socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    connection.receive(message.data)
                    self._settle_soon()
        finally:
            self._sockets.leave(connection)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    def _settle_soon(self) -> None:
        # Who asked hears first; those who listen hear when this answer is on its way.
        if self.venue.options.pushes_first:
            self.venue.settle()
        else:
            asyncio.get_running_loop().call_soon(self.venue.settle)


class _Outbox:
    """Frames that wait for a socket, in order, and at last the code it is closed with."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[bytes | Close] = asyncio.Queue(FRAMES_WAITING_MAX)

    def put(self, frame: bytes) -> None:
        """Send a frame when its turn has come; a reader that is too slow for them is sent away."""
        if self._frames.full():
            while not self._frames.empty():
                self._frames.get_nowait()
            self._frames.put_nowait(Close.BUFFER_FULL)
        else:
            self._frames.put_nowait(frame)

    def close(self, code: Close) -> None:
        """Close the socket after what waits has been sent."""
        if not self._frames.full():
            self._frames.put_nowait(code)

    async def write_to(self, socket: web.WebSocketResponse) -> None:
        """Send what comes until the socket is to be closed."""
        while not isinstance(frame := await self._frames.get(), Close):
            await socket.send_str(frame.decode())
        await socket.close(code=frame)
