"""Runs the web application under uvicorn, inside a process that has other tasks too."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from fairlead.web.connections import BoundedProtocol, find_room
from fairlead.web.tls import TlsFiles, open_tls

# As patient as a pooled client may be, and not so long that dead connections pile up.
KEEP_ALIVE_S: Final = 75
SHUTDOWN_S: Final = 10
BACKLOG: Final = 2_048


class _EmbeddedServer(uvicorn.Server):
    """Leaves signals to the process, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class WebServer:
    """One listening address; ``start``, then ``stop``."""

    def __init__(self, app: ASGIApp, *, host: str, port: int, tls: TlsFiles | None = None) -> None:
        """Bind at once, so that a taken port is found out early; port 0 picks a free one. With ``tls`` it speaks https.

        Raises:
            TlsFilesError: the certificate or its key cannot be used.
            OSError: the address cannot be used.
        """
        context = None if tls is None else open_tls(tls)
        self._socket = _bind(host, port)
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=BoundedProtocol,
            limit_concurrency=find_room() + 1,
            ssl_context_factory=None if context is None else lambda _, __: context,
            ws="none",
            lifespan="off",
            # We judge forwarding headers ourselves, per trusted proxy.
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        self._server = _EmbeddedServer(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that was bound."""
        port: int = self._socket.getsockname()[1]
        return port

    async def start(self) -> None:
        """Return when calls are taken."""
        self._task = asyncio.get_running_loop().create_task(self._server.serve([self._socket]), name="web server")
        listening = asyncio.get_running_loop().create_task(self._server.listening.wait())
        await asyncio.wait({self._task, listening}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._task.done():
            self._task.result()

    async def run_until_stopped(self) -> None:
        """Return when the server has ended."""
        if self._task is not None:
            await self._task

    async def stop(self) -> None:
        """Take no more calls, let those under way end for a while, and close."""
        self._server.should_exit = True
        await self.run_until_stopped()
        self._socket.close()


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP and not left to be guessed: asyncio turns Nagle's algorithm off only for sockets that say so, and with
    # it on every answer waits some 40 ms for the caller's delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
