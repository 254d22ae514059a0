"""Over real sockets: an answer leaves in one piece, and a stream piece by piece."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from fairlead.web.joined_writes import JoinedWrites
from tests.web.test_connections import connected, read_answer, serving

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
CALL = b"%s / HTTP/1.1\r\nHost: x\r\n\r\n"


class Wire(asyncio.Transport):
    """A connection that notes what was written to it, and when it was ended."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.writes.append(b"closed")

    def is_closing(self) -> bool:
        return b"closed" in self.writes


@pytest.fixture(name="wire")
def _wire() -> Wire:
    return Wire()


def test_head_and_body_are_one_write(wire: Wire) -> None:
    answer = JoinedWrites(wire)

    for piece in (HEAD, b"bo", b"dy"):
        answer.write(piece)

    assert wire.writes == [HEAD + b"bo", b"dy"]


def test_an_answer_with_an_empty_body_is_one_write(wire: Wire) -> None:
    answer = JoinedWrites(wire)

    for piece in (HEAD, b""):
        answer.write(piece)

    assert wire.writes == [HEAD]


def test_a_caller_who_asks_before_sending_is_told_at_once(wire: Wire) -> None:
    answer = JoinedWrites(wire)

    answer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    assert wire.writes == [b"HTTP/1.1 100 Continue\r\n\r\n"]


def test_a_head_whose_body_never_came_is_written_before_the_end(wire: Wire) -> None:
    answer = JoinedWrites(wire)

    answer.write(HEAD)
    answer.close()

    assert wire.writes == [HEAD, b"closed"]
    assert answer.is_closing()


async def _stream(_: Scope, __: Receive, send: Send, *, more: asyncio.Event) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"bo", "more_body": True})
    await more.wait()
    await send({"type": "http.response.body", "body": b"dy"})


async def test_the_beginning_of_a_stream_does_not_wait_for_its_end() -> None:
    more = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await _stream(scope, receive, send, more=more)

    async with serving(app) as server, connected(server) as (reader, writer):
        writer.write(CALL % b"GET")
        async with asyncio.timeout(5):
            begin = await reader.readuntil(b"\r\n\r\nbo")
            more.set()
            end = await reader.readexactly(2)

    assert begin.startswith(b"HTTP/1.1 200 OK\r\n")
    assert end == b"dy"


async def test_an_answer_to_head_is_written_and_the_connection_goes_on() -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"body"})

    async with serving(app) as server, connected(server) as (reader, writer):
        async with asyncio.timeout(5):
            writer.write(CALL % b"HEAD")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(CALL % b"GET")
            _, _, body = await read_answer(reader)

    assert body == b"body"
