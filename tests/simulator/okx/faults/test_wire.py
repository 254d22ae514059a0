"""Faults on real connections: resets, silence, HTML, broken sockets, and the admin port beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
import pytest

from fairlead.clock import SystemClock
from fairlead.simulator.okx.admin_server import AdminServer
from fairlead.simulator.okx.faults.rules import FaultRule
from fairlead.simulator.okx.keys import parse_member
from fairlead.simulator.okx.opening import OkxPlan, OpenOkx
from fairlead.simulator.okx.signing import sign

BUY = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "50000", "sz": "0.01"}
PATH = "/api/v5/trade/order"


class Wire:
    """A client on real sockets."""

    def __init__(self, okx: OpenOkx, session: aiohttp.ClientSession, *, port: int, admin_port: int) -> None:
        self.okx = okx
        self.session = session
        self.base = f"127.0.0.1:{port}"
        self.admin = f"http://127.0.0.1:{admin_port}/sim"

    async def place(self, timeout_s: float = 5) -> tuple[int, str]:
        """Place an order over REST: status and text of the answer."""
        body = msgspec.json.encode(BUY)
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        headers = {
            "content-type": "application/json",
            "ok-access-key": "k1",
            "ok-access-passphrase": "p1",
            "ok-access-timestamp": at,
            "ok-access-sign": sign("s1", f"{at}POST{PATH}{body.decode()}"),
        }
        timeout = aiohttp.ClientTimeout(timeout_s)
        url = f"http://{self.base}{PATH}"
        async with self.session.post(url, data=body, headers=headers, timeout=timeout) as answer:
            return answer.status, await answer.text()

    def orders(self) -> int:
        return len(self.okx.exchange.accounts.open_orders("k1"))

    async def listen(self) -> aiohttp.ClientWebSocketResponse:
        """A private socket that hears of its orders."""
        socket = await self.session.ws_connect(f"ws://{self.base}/ws/v5/private")
        at = str(int(datetime.now(UTC).timestamp()))
        login = {"apiKey": "k1", "passphrase": "p1", "timestamp": at, "sign": sign("s1", f"{at}GET/users/self/verify")}
        await socket.send_json({"op": "login", "args": [login]})
        await socket.send_json({"op": "subscribe", "args": [{"channel": "orders", "instType": "ANY"}]})
        for _ in range(3):
            await socket.receive_str(timeout=5)
        return socket


@asynccontextmanager
async def wired(*rules: dict[str, Any]) -> AsyncIterator[Wire]:
    faults = [msgspec.convert({"id": rule["kind"], "count": 1, **rule}, FaultRule) for rule in rules]
    okx = OpenOkx(OkxPlan(members=[parse_member("k1:s1:p1")], faults=faults), SystemClock())
    admin = AdminServer(okx.admin)
    port = await okx.server.start("127.0.0.1", 0)
    admin_port = await admin.start(0)
    try:
        async with aiohttp.ClientSession() as session:
            yield Wire(okx, session, port=port, admin_port=admin_port)
    finally:
        await admin.stop()
        await okx.server.stop()


@pytest.mark.parametrize(("kind", "orders"), [("reset_before", 0), ("reset_after", 1), ("reply_lost", 1)])
async def test_a_connection_breaks_before_or_after_the_order_was_taken(kind: str, orders: int) -> None:
    async with wired({"kind": kind, "match": {"endpoint": "trade/order"}}) as wire:
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)) as broken:
            await wire.place()
        assert isinstance(broken.value, aiohttp.ClientOSError) is kind.startswith("reset")
        assert wire.orders() == orders
        assert (await wire.place())[0] == 200


async def test_who_gives_up_waiting_has_an_order_all_the_same() -> None:
    async with wired({"kind": "accept_then_time_out"}) as wire:
        with pytest.raises(TimeoutError):
            await wire.place(timeout_s=0.3)
        assert wire.orders() == 1


async def test_a_delayed_request_is_carried_out_although_its_sender_has_gone() -> None:
    async with wired({"kind": "request_delayed", "params": {"delay_ms": 500}}) as wire:
        with pytest.raises(TimeoutError):
            await wire.place(timeout_s=0.1)
        assert wire.orders() == 0
        await asyncio.sleep(0.7)
        assert wire.orders() == 1


async def test_a_page_of_a_broken_proxy_is_no_json() -> None:
    async with wired({"kind": "html_5xx", "params": {"status": 503}}) as wire:
        status, text = await wire.place()
        assert status == 503
        assert text.startswith("<html>")


async def test_a_socket_drops_without_a_word() -> None:
    async with wired({"kind": "socket_drop", "match": {"endpoint": "orders"}}) as wire:
        socket = await wire.listen()
        await wire.place()
        with pytest.raises((aiohttp.ClientError, TypeError)):
            await socket.receive_str(timeout=5)
        assert socket.close_code in {None, 1006}


async def test_a_maintenance_is_announced_and_closes_the_socket() -> None:
    async with wired() as wire:
        socket = await wire.listen()
        async with wire.session.post(f"{wire.admin}/notice", json={"delay_ms": 50}) as answer:
            assert answer.status == 200
        assert (await socket.receive_json(timeout=5))["code"] == "64008"
        assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4006


async def test_no_web_page_reaches_the_admin_port() -> None:
    async with wired() as wire:
        for headers in ({"Origin": "http://example.com"}, {"Host": "example.com"}):
            async with wire.session.get(f"{wire.admin}/books/k1", headers=headers) as answer:
                assert answer.status == 403
        async with wire.session.get(f"{wire.admin}/books/k1") as answer:
            assert (await answer.json())["account"] == "k1"


async def test_a_body_in_pieces_is_read_whole_and_one_without_end_is_not() -> None:
    text = msgspec.json.encode({"account": "k1", "currency": "USDT", "amount": "1"})
    for body, status in ((text, b" 200 "), (text + b" " * 100_000, b" 413 ")):
        async with wired() as wire:
            host, port = wire.admin.removeprefix("http://").removesuffix("/sim").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            head = f"POST /sim/balance HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n\r\n"
            for piece in (head.encode(), body[:10], body[10:30], body[30:]):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.02)
            assert status in await reader.readline()
            writer.close()


async def test_held_back_requests_do_not_keep_the_server_from_ending() -> None:
    async with wired({"kind": "request_lost"}) as wire:
        asked = asyncio.ensure_future(wire.place(timeout_s=30))
        await asyncio.sleep(0.2)
        began = asyncio.get_running_loop().time()
        await wire.okx.server.stop()
        assert asyncio.get_running_loop().time() - began < 5
        with pytest.raises(aiohttp.ClientError):
            await asked
