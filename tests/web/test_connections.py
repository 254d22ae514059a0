"""Over real sockets: who is slow, idle, endless or many takes their own time, and nobody else's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from fairlead.web import connections
from fairlead.web.server import WebServer
from tests.web.site import ALERT, Site

pytestmark = pytest.mark.slow

SHORT_S = 0.4
BODY = json.dumps(ALERT).encode()
ALERT_CALL = f"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
HEALTH_CALL = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(name="hurry")
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "RECEIVE_S_MAX", SHORT_S)
    monkeypatch.setattr(connections, "SEND_S_MAX", SHORT_S)


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[WebServer]:
    server = WebServer(app, host="127.0.0.1", port=0)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def connected(server: WebServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(SHORT_S / 10)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    ("start", "rest"),
    [
        (b"", b"\r\n" * 50),
        (b"GET /hea", b"a" * 100),
        (HEALTH_CALL + b"GET /hea", b"a" * 100),
        (HEALTH_CALL[:-2], b"X-A: " + b"b" * 100),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n", b"c" * 100),
    ],
    ids=["nothing", "half a line", "half a line behind a call", "half a head", "a body that nobody asked for"],
)
async def test_a_slow_sender_is_cut_off_however_steadily_it_sends(site: Site, start: bytes, rest: bytes) -> None:
    async with serving(site.app) as server, connected(server) as (reader, writer):
        began = time.monotonic()
        writer.write(start)
        sending = asyncio.create_task(drip(writer, rest))
        with contextlib.suppress(ConnectionError):
            while await reader.read(65_536):
                pass
        assert SHORT_S / 2 < time.monotonic() - began < SHORT_S * 5
        await sending


@pytest.mark.slow
@pytest.mark.usefixtures("hurry")
async def test_a_connection_that_was_used_may_rest_and_be_used_again(site: Site) -> None:
    async with serving(site.app) as server, connected(server) as (reader, writer):
        for _ in range(3):
            writer.write(HEALTH_CALL)
            assert (await read_answer(reader))[0] == 200
            await asyncio.sleep(SHORT_S * 1.5)
        writer.write(HEALTH_CALL[:-2])
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), SHORT_S * 5) == b""


@pytest.mark.usefixtures("hurry")
async def test_a_caller_that_does_not_read_does_not_keep_the_answer_waiting() -> None:
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(400):
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
        ended.set()

    async with serving(app) as server, connected(server) as (_, writer):
        writer.write(HEALTH_CALL)
        await writer.drain()
        await asyncio.wait_for(ended.wait(), SHORT_S * 10)


async def test_a_thousand_idle_connections_do_not_stop_others(site: Site) -> None:
    async with serving(site.app) as server:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = min(1_000, (soft - connections.FILES_RESERVED) // 2)
        idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(count)]
        for _, writer in idle[::2]:
            writer.write(HEALTH_CALL[:-2])
        async with connected(server) as (reader, writer):
            began = time.monotonic()
            writer.write(ALERT_CALL)
            status, _, _ = await read_answer(reader)
            assert status == 202
            assert time.monotonic() - began < 1
        for _, writer in idle:
            writer.close()


async def test_beyond_the_bound_a_connection_is_refused_at_once_and_in_words(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 3)
    async with serving(site.app) as server:
        idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
        async with connected(server) as (reader, _):
            status, headers, body = await read_answer(reader)
            assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
            assert headers["x-content-type-options"] == "nosniff"
            assert json.loads(body)["error"] == "too many connections"
            assert await reader.read() == b""
        idle.pop()[1].close()
        await asyncio.sleep(0.05)
        async with connected(server) as (reader, writer):
            writer.write(HEALTH_CALL)
            assert (await read_answer(reader))[0] == 200
        for _, writer in idle:
            writer.close()


async def test_an_endless_head_is_refused(site: Site) -> None:
    async with serving(site.app) as server, connected(server) as (reader, writer):
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        for number in range(3):
            writer.write(b"X-%d: %s\r\n" % (number, b"a" * (connections.HEAD_BYTES_MAX // 2 - 100)))
            await asyncio.sleep(0.05)
        status, headers, _ = await read_answer(reader)
        assert (status, headers["connection"]) == (431, "close")


async def test_what_is_no_http_is_told_so_with_the_headers_of_every_answer(site: Site) -> None:
    async with serving(site.app) as server, connected(server) as (reader, writer):
        writer.write(b"\x16\x03\x01\x02\x00 hello\r\n\r\n")
        status, headers, body = await read_answer(reader)
        assert status == 400
        assert {"cache-control", "referrer-policy", "content-security-policy"} <= headers.keys()
        assert "server" not in headers
        assert json.loads(body)["status"] == "error"


def test_the_bound_fits_into_what_the_system_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1_024, 1_024)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.append(new))
    assert connections.find_room() == 1_024 - connections.FILES_RESERVED
    limits.append((1_024, 524_288))
    assert connections.find_room() == connections.CONNECTIONS_MAX
    assert limits[-1] == (connections.CONNECTIONS_MAX + connections.FILES_RESERVED, 524_288)
    limits.append((resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert connections.find_room() == connections.CONNECTIONS_MAX
