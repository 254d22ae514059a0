"""Over real sockets: a free port, one clean JSON answer per call, a flood cut off early, and a quiet end."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from http.client import HTTPConnection

import pytest
from starlette.types import Receive, Scope, Send

from fairlead.core.model.events import AlertReceived
from fairlead.web.server import WebServer
from tests.web.site import ALERT, Site


@pytest.fixture(name="server")
async def _server(site: Site) -> AsyncIterator[WebServer]:
    server = WebServer(site.app, host="127.0.0.1", port=0)
    await server.start()
    yield server
    await server.stop()


async def exchange(port: int, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    return int(head[0].split()[1]), headers, body


async def test_an_alert_over_a_socket_is_answered(server: WebServer) -> None:
    body = json.dumps(ALERT).encode()
    head = f"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    status, headers, answer = await exchange(server.port, head, body)
    assert status == 202
    assert json.loads(answer)["pending"] == 3
    assert "server" not in headers


async def test_answers_leave_without_waiting_for_the_callers_acknowledgement(site: Site) -> None:
    accepted: list[socket.socket] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        accepted.extend(
            opened
            for transport in list(getattr(loop, "_transports", {}).values())
            if (opened := transport.get_extra_info("socket")).getsockname()[1] == server.port
        )
        await site.app(scope, receive, send)

    server = WebServer(app, host="127.0.0.1", port=0)
    await server.start()
    await exchange(server.port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert accepted
    assert all(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in accepted)
    await server.stop()


@pytest.mark.slow
async def test_ten_megabytes_are_refused_by_their_header_alone(server: WebServer) -> None:
    status, headers, answer = await exchange(
        server.port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n"
    )
    assert (status, headers["connection"]) == (413, "close")
    assert json.loads(answer)["status"] == "error"


@pytest.mark.slow
async def test_an_endless_chunked_body_is_cut_off(server: WebServer) -> None:
    chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
    status, headers, _ = await exchange(
        server.port, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", *([chunk] * 9)
    )
    assert (status, headers["connection"]) == (413, "close")


async def test_a_taken_port_is_found_out_at_once(server: WebServer, site: Site) -> None:
    with pytest.raises(OSError, match="in use"):
        WebServer(site.app, host="127.0.0.1", port=server.port)


async def test_a_header_that_claims_another_sender_is_not_believed_by_the_server_either(
    server: WebServer, site: Site
) -> None:
    body = json.dumps(ALERT).encode()
    head = f"POST / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: {len(body)}\r\n\r\n"
    await exchange(server.port, head.encode(), body)
    (received,) = await site.world.read_events(AlertReceived)
    assert received.source_address == "127.0.0.1"


@pytest.mark.parametrize("size", [100_000, 10_000_000])
async def test_a_client_that_sends_everything_first_reads_why_its_body_was_refused(
    server: WebServer, size: int
) -> None:
    def send() -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("POST", "/webhook", body=b" " * size)
        reply = connection.getresponse()
        return reply.status, reply.read()

    status, answer = await asyncio.to_thread(send)

    assert status == 413
    assert "more than 65536 bytes" in json.loads(answer)["error"]
