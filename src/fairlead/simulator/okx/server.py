"""The exchange on a port: HTTP and the three WebSockets, and the clockwork that moves its prices."""

from __future__ import annotations

import asyncio
import socket as sockets
import struct
from ssl import SSLContext
from typing import Final

from aiohttp import WSMsgType, web

from fairlead.simulator.okx.bodies import read_body
from fairlead.simulator.okx.faults.desk import FaultDesk
from fairlead.simulator.okx.faults.line import FaultyLine
from fairlead.simulator.okx.faults.striking import Break
from fairlead.simulator.okx.gateway import BODY_BYTES_MAX
from fairlead.simulator.okx.signing import RawRequest
from fairlead.simulator.okx.sockets.channel import Place
from fairlead.simulator.okx.sockets.codes import Close
from fairlead.simulator.okx.sockets.connection import FRAME_BYTES_MAX, SocketDesk

STEP_MS: Final = 250
"""Prices move this often."""

FRAMES_WAITING_MAX: Final = 10_000
"""Messages that wait for a slow reader before its connection is closed."""

SHUTDOWN_S: Final = 1.0
"""Requests that are held back when the server ends are given this long."""

# On at once, for no time: closing resets the connection, as a broken network does.
_LINGER: Final = struct.pack("ii", 1, 0)

SOCKET_PATHS: Final = {f"/ws/v5/{place.value}": place for place in Place}


class OkxServer:
    """Serves one venue at one address."""

    def __init__(self, sockets: SocketDesk, faults: FaultDesk) -> None:
        """Prepare; nothing listens yet."""
        self.venue = sockets.venue
        self._sockets = sockets
        self._faults = faults
        self._runner: web.ServerRunner | None = None
        self._clockwork: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, *, tls: SSLContext | None = None) -> int:
        """Listen, and let the market move; returns the port (0 asks for a free one)."""
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=tls, reuse_address=True)
        await site.start()
        self._clockwork = asyncio.create_task(self._run())
        address: tuple[str, int] = self._runner.addresses[0]
        return address[1]

    async def stop(self) -> None:
        """End everything."""
        await self._faults.stop()
        if self._clockwork is not None:
            self._clockwork.cancel()
            await asyncio.gather(self._clockwork, return_exceptions=True)
        self._faults.acts.close_all_sockets()
        if self._runner is not None:
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
        body = await read_body(request, BODY_BYTES_MAX)
        if body is None:
            return web.Response(status=413)
        answer = await self._faults.answer(
            RawRequest(
                method=request.method,
                target=request.raw_path,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
                address=request.remote or "",
            ),
        )
        if isinstance(answer, Break):
            _hang_up(request.transport, is_reset=answer is not Break.CLOSE)
            return web.Response(status=500)
        return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)

    async def _talk(self, request: web.BaseRequest, place: Place) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=True, max_msg_size=FRAME_BYTES_MAX)
        await socket.prepare(request)
        wire = _Wire(request.transport)
        line = FaultyLine(self._faults, self._sockets, place=place, address=request.remote or "", wire=wire)
        writer = asyncio.create_task(wire.write_to(socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    line.receive(message.data)
        finally:
            self._sockets.leave(line.connection)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket


class _Wire:
    """Frames that wait for a socket, in order, and at last the code it is closed with."""

    def __init__(self, transport: asyncio.Transport | None) -> None:
        self._transport = transport
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

    def cut(self) -> None:
        """Let the connection break at once; what waits is lost."""
        _hang_up(self._transport, is_reset=True)

    async def write_to(self, socket: web.WebSocketResponse) -> None:
        """Send what comes until the socket is to be closed."""
        while not isinstance(frame := await self._frames.get(), Close):
            await socket.send_str(frame.decode())
        await socket.close(code=frame)


def _hang_up(transport: asyncio.Transport | None, *, is_reset: bool) -> None:
    if transport is None:
        return
    if not is_reset:
        transport.close()
        return
    socket = transport.get_extra_info("socket")
    if socket is not None:
        socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, _LINGER)
    transport.abort()
