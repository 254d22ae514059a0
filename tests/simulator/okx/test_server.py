"""Over real sockets: what only a server does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from fairlead.clock import SystemClock
from fairlead.simulator.okx import server as okx_server
from fairlead.simulator.okx.keys import parse_member
from fairlead.simulator.okx.opening import OkxPlan, OpenOkx


@pytest.fixture(name="okx")
async def _okx() -> AsyncIterator[tuple[OpenOkx, str]]:
    okx = OpenOkx(OkxPlan(members=(parse_member("k1:s1:p1"),)), SystemClock())
    port = await okx.server.start("127.0.0.1", 0)
    yield okx, f"http://127.0.0.1:{port}"
    await okx.server.stop()


async def test_prices_move_by_themselves_and_are_told(okx: tuple[OpenOkx, str]) -> None:
    _, url = okx
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws/v5/public?brokerId=9999") as socket:
        await socket.send_str("ping")
        assert await socket.receive_str() == "pong"
        await socket.send_json({"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}]})
        told = [await socket.receive_json(timeout=10) for _ in range(4)]
        assert [push.get("event") or push["action"] for push in told] == ["subscribe", "snapshot", "update", "update"]
        async with session.get(f"{url}/api/v5/market/ticker?instId=BTC-USDT") as reply:
            assert (reply.status, (await reply.json())["code"]) == (200, "0")


async def test_a_refused_login_is_answered_before_the_socket_is_closed(okx: tuple[OpenOkx, str]) -> None:
    _, url = okx
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws/v5/private") as socket:
        await socket.send_json({"op": "login", "args": [{"apiKey": "nobody"}]})
        assert (await socket.receive_json())["code"] == "60032"
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4001


async def test_a_reader_that_is_too_slow_is_sent_away_and_hurts_nobody(
    okx: tuple[OpenOkx, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(okx_server, "FRAMES_WAITING_MAX", 5)
    opened, url = okx
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws/v5/public") as socket:
        await socket.send_json({"op": "subscribe", "args": [{"channel": "trades", "instId": "BTC-USDT"}]})
        await socket.receive_json()
        (connection,) = opened.sockets.connections.values()
        for _ in range(10):
            connection.send(b"{}")
        opened.venue.settle()
        async for _ in socket:
            pass
        assert socket.close_code == 4005


async def test_a_body_that_is_too_large_is_refused(okx: tuple[OpenOkx, str]) -> None:
    _, url = okx
    body = b"x" * 100_000
    async with aiohttp.ClientSession() as session, session.post(f"{url}/api/v5/trade/order", data=body) as reply:
        assert reply.status == 413
