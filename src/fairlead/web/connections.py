"""Connections with bounds: how many, how long a head, how long a request may take to arrive and an answer to leave.

Whoever sends a byte a minute, reads nothing, or opens thousands of connections takes their own time and nobody else's.
"""

from __future__ import annotations

import asyncio
import json
import resource
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fairlead.web.edge import SECURITY_HEADERS
from fairlead.web.joined_writes import JoinedWrites

CONNECTIONS_MAX: Final = 4_096
# What the process opens beside connections: databases, logs, calls of its own.
FILES_RESERVED: Final = 256
# The first byte of a connection or request to the last one of the request. More than a body may take, whose reader
# answers in words when its own time is over.
RECEIVE_S_MAX: Final = 20.0
# How long the caller may leave an answer lying.
SEND_S_MAX: Final = 20.0
# Beside one read of the socket (256 KiB), which is taken as it comes.
HEAD_BYTES_MAX: Final = 32_768
RETRY_S: Final = 1


def find_room() -> int:
    """How many connections this process can hold; asks the system for as many open files as it gives to anybody."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + FILES_RESERVED
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    room = wanted if soft == resource.RLIM_INFINITY else soft
    return max(1, min(CONNECTIONS_MAX, room - FILES_RESERVED))


class BoundedProtocol(HttpToolsProtocol):
    """One connection of uvicorn's, with deadlines; there are fewer than ``limit_concurrency``."""

    _receiving: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None
    _head_bytes: int = 0
    _in_head: bool = True
    _is_whole: bool = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to wait for a request, if there is room."""
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            # Refused, it takes no room from those that are there.
            self.connections.discard(self)
            self._hang_up(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
        else:
            self._expect_rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """End every wait."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came in; most requests come whole, and only the others need a deadline."""
        if self._in_head:
            self._head_bytes += len(data)
        self._is_whole = False
        super().data_received(data)
        if self._receiving is None and not self._is_whole:
            self._expect_rest()
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._hang_up(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"a head has at most {HEAD_BYTES_MAX} bytes")

    def on_message_begin(self) -> None:
        """Note that a request begins, perhaps behind a whole one."""
        self._is_whole = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note the end of the head, and serve the request."""
        self._in_head = False
        super().on_headers_complete()
        # Its task begins in the next turn of the loop, so nothing is written yet.
        if self.scope["method"] != "HEAD":
            self.cycle.transport = JoinedWrites(self.transport)

    def on_message_complete(self) -> None:
        """Note the end of the request."""
        self._in_head = self._is_whole = True
        self._head_bytes = 0
        self._stop_waiting()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The caller does not read: wait for a while."""
        self._sending = self.loop.call_later(SEND_S_MAX, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        """The caller reads again."""
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
            super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._hang_up(HTTPStatus.BAD_REQUEST, msg)

    def _expect_rest(self) -> None:
        self._receiving = self.loop.call_later(RECEIVE_S_MAX, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _hang_up(self, status: HTTPStatus, text: str) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps({"status": "error", "error": text, "message": text}).encode()
        headers = {
            **SECURITY_HEADERS,
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "close",
            **({"retry-after": str(RETRY_S)} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}\r\n".encode() + body)
        self.transport.close()
