"""The admin port: loopback only, and not for web pages."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from fairlead.simulator.okx.admin import Admin
from fairlead.simulator.okx.bodies import read_body

ADMIN_HOST: Final = "127.0.0.1"
BODY_BYTES_MAX: Final = 65_536
SHUTDOWN_S: Final = 1.0
_LOCAL_NAMES: Final = frozenset({"127.0.0.1", "localhost"})


class AdminServer:
    """Serves whoever sits at this machine."""

    def __init__(self, admin: Admin) -> None:
        """Prepare; nothing listens yet."""
        self._admin = admin
        self._runner: web.ServerRunner | None = None

    async def start(self, port: int) -> int:
        """Listen on the loopback address; returns the port (0 asks for a free one)."""
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, ADMIN_HOST, port, reuse_address=True).start()
        address: tuple[str, int] = self._runner.addresses[0]
        return address[1]

    async def stop(self) -> None:
        """End."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        # A web page that somebody looks at on this machine must not reach it, under whatever name.
        if request.url.host not in _LOCAL_NAMES or "Origin" in request.headers:
            return web.json_response({"error": "ask 127.0.0.1 directly, not from a web page"}, status=403)
        body = await read_body(request, BODY_BYTES_MAX)
        if body is None:
            return web.json_response({"error": f"at most {BODY_BYTES_MAX} bytes"}, status=413)
        answer = await self._admin.answer(request.method, request.path, body)
        return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type)
