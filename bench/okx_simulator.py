"""Measure the exchange that speaks OKX: orders a second in process, over HTTP on one core, and over 200 sockets.

Run: .venv/bin/python bench/okx_simulator.py [--quick] [--profile]

``CPU us`` is what an order costs the exchange's process: other work on the machine lowers the rate, hardly this.
Beside each figure over HTTP stands that of a bare aiohttp server, measured in the same run: it reads the body and
answers with a text of the same length, and so says what the machine and the library allow.
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
from aiohttp import web

from fairlead.clock import SystemClock
from fairlead.simulator.okx.keys import ApiKey, parse_member
from fairlead.simulator.okx.opening import OkxPlan, OpenOkx
from fairlead.simulator.okx.signing import RawRequest, sign
from fairlead.simulator.okx.venue import OkxOptions

PATH: Final = "/api/v5/trade/order"
ACCOUNTS: Final = 200
CONNECTIONS: Final = 32
SYMBOLS: Final = ("BTC-USDT-SWAP", "ETH-USDT-SWAP", "SOL-USDT-SWAP", "XRP-USDT-SWAP")
ANSWER: Final = msgspec.json.encode({"code": "0", "msg": "", "data": [{"clOrdId": "c" * 16, "ordId": "1" * 19}] * 3})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--profile", action="store_true", help="where the time of an order in process goes")
    parser.add_argument("--serve", choices=("okx", "bare"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        asyncio.run(serve(chosen.serve))
        return
    if chosen.profile:
        profile(5_000)
        return
    orders = 2_000 if chosen.quick else 20_000
    write_row("market orders in process, through the gateway", in_process(orders, market_order))
    write_row("limit orders in process, through the gateway", in_process(min(orders, 8_000), limit_order))
    bare = asyncio.run(over_http("bare", orders))
    write_row("requests over HTTP, bare aiohttp", bare)
    okx = asyncio.run(over_http("okx", orders))
    write_row("market orders over HTTP", okx, f"{okx.rate / bare.rate:.2f} of the bare server")
    pushed, p50, p99 = asyncio.run(over_sockets(2 if chosen.quick else 20))
    write_row(f"orders over {ACCOUNTS} private sockets", pushed, f"order to push: p50 {p50:.0f} ms, p99 {p99:.0f} ms")


class Measured(NamedTuple):
    """Orders a second by the clock on the wall, and what one cost in microseconds of processor time."""

    rate: float
    cpu_us: float


class Stopwatch:
    """Measures a process, this one or another."""

    def __init__(self, pid: int | None = None) -> None:
        """Start."""
        self._pid = os.getpid() if pid is None else pid
        self._cpu_s = self._read_cpu()
        self._started = time.perf_counter()  # noqa: TID251 - a measurement asks the machine

    def stop(self, count: int) -> Measured:
        """So many orders have been done."""
        elapsed = time.perf_counter() - self._started  # noqa: TID251
        return Measured(count / elapsed, (self._read_cpu() - self._cpu_s) / count * 1e6)

    def _read_cpu(self) -> float:
        # Behind the name of the program, which may have spaces: user and system time in ticks.
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def write_row(name: str, measured: Measured, more: str = "") -> None:
    """One line of the table."""
    sys.stdout.write(f"{name:48} {measured.rate:9,.0f} /s {measured.cpu_us:7.0f} CPU us  {more}\n")
    sys.stdout.flush()


def open_okx() -> OpenOkx:
    """Open an exchange without rate limits, which would be all that is measured."""
    members = [parse_member(f"k{number}:s:p:USDT=100000000") for number in range(ACCOUNTS)]
    options = OkxOptions(seed=7, has_rate_limits=False)
    return OpenOkx(OkxPlan(members=members, options=options), SystemClock())


def market_order(number: int) -> dict[str, str]:
    """Buy and sell in turn, so that nothing piles up."""
    return {
        "instId": SYMBOLS[number // 2 % len(SYMBOLS)],
        "tdMode": "cross",
        "clOrdId": f"c{number}",
        "side": "sell" if number % 2 else "buy",
        "ordType": "market",
        "sz": "0.01",
    }


def limit_order(number: int) -> dict[str, str]:
    """Wait far below the market."""
    spread = {"BTC-USDT-SWAP": "59500", "ETH-USDT-SWAP": "2970", "SOL-USDT-SWAP": "148", "XRP-USDT-SWAP": "2.18"}
    order = market_order(number)
    return order | {"ordType": "limit", "side": "buy", "px": spread[order["instId"]]}


def signed_headers(key: ApiKey, body: bytes) -> dict[str, str]:
    """Sign as of now."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")  # noqa: TID251 - a client's clock
    return {
        "content-type": "application/json",
        "ok-access-key": key.key,
        "ok-access-passphrase": key.passphrase,
        "ok-access-timestamp": at,
        "ok-access-sign": sign(key.secret, f"{at}POST{PATH}{body.decode()}"),
    }


def requests(count: int, make: Callable[[int], dict[str, str]]) -> list[RawRequest]:
    """Sign orders beforehand: what a client spends is not measured."""
    keys = [ApiKey(key=f"k{number}", secret="s", passphrase="p", account_id=f"k{number}") for number in range(ACCOUNTS)]  # noqa: S106 - pretend
    found = []
    for number in range(count):
        body = msgspec.json.encode(make(number))
        key = keys[number // 2 % ACCOUNTS]
        headers = signed_headers(key, body)
        found.append(RawRequest(method="POST", target=PATH, headers=headers, body=body, address="127.0.0.1"))
    return found


def in_process(count: int, make: Callable[[int], dict[str, str]]) -> Measured:
    """Orders a second through the gateway; what happens is settled after each."""
    okx = open_okx()
    asked = requests(count, make)
    watch = Stopwatch()
    for request in asked:
        answer = okx.gateway.answer(request)
        okx.venue.settle()
        assert b'"sCode":"0"' in answer.body, answer.body
    return watch.stop(count)


def profile(count: int) -> None:
    """Where the time goes."""
    okx = open_okx()
    asked = requests(count, market_order)
    profiler = cProfile.Profile()
    profiler.enable()
    for request in asked:
        okx.gateway.answer(request)
        okx.venue.settle()
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(35)


async def serve(kind: str) -> None:
    """Serve on a free port until the parent ends us."""
    pin(0)
    if kind == "okx":
        port = await open_okx().server.start("127.0.0.1", 0)
    else:
        runner = web.ServerRunner(web.Server(answer_bare, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def answer_bare(request: web.BaseRequest) -> web.StreamResponse:
    """Read, and answer."""
    await request.read()
    return web.Response(body=ANSWER, content_type="application/json")


def pin(core: int) -> None:
    """Stay on one core; the load has the other."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


async def start(kind: str) -> tuple[asyncio.subprocess.Process, int]:
    """Start a server in a process of its own."""
    pin(1)
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--serve", kind, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    return child, int(await child.stdout.readline())


async def over_http(kind: str, count: int) -> Measured:
    """Requests a second, over connections that are kept."""
    child, port = await start(kind)
    try:
        raw = [as_bytes(request) for request in requests(count, market_order)]
        # Buy and sell of an account belong together, so they go over the same connection.
        shares = [
            [one for at, one in enumerate(raw) if at // 2 % CONNECTIONS == number] for number in range(CONNECTIONS)
        ]
        watch = Stopwatch(child.pid)
        await asyncio.gather(*(send_all(port, share, check=kind == "okx") for share in shares))
        return watch.stop(count)
    finally:
        child.kill()
        await child.wait()


def as_bytes(request: RawRequest) -> bytes:
    """The request as it stands on the wire."""
    lines = [f"{request.method} {request.target} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(request.body)}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + request.body


async def send_all(port: int, raw: list[bytes], *, check: bool) -> None:
    """One connection: each request when the one before is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for one in raw:
        writer.write(one)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        assert not check or b'"sCode":"0"' in body, body
    writer.close()


async def over_sockets(rounds: int) -> tuple[Measured, float, float]:
    """Orders a second with a socket for each account; milliseconds from order to its last push, median and 99 %."""
    child, port = await start("okx")
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            sockets = [await log_in(session, port, number) for number in range(ACCOUNTS)]
            waits: list[float] = []
            watch = Stopwatch(child.pid)
            await asyncio.gather(*(trade(one, rounds, waits) for one in sockets))
            measured = watch.stop(len(waits))
            for one in sockets:
                await one.close()
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    waits.sort()
    return measured, waits[len(waits) // 2] * 1e3, waits[len(waits) * 99 // 100] * 1e3


async def log_in(session: aiohttp.ClientSession, port: int, number: int) -> aiohttp.ClientWebSocketResponse:
    """Open a private socket that hears of its orders."""
    socket = await session.ws_connect(f"ws://127.0.0.1:{port}/ws/v5/private")
    at = str(int(time.time()))  # noqa: TID251
    arg = {"apiKey": f"k{number}", "passphrase": "p", "timestamp": at, "sign": sign("s", f"{at}GET/users/self/verify")}
    await say(socket, {"op": "login", "args": [arg]})
    await hear(socket, lambda told: told.get("event") == "login")
    await say(socket, {"op": "subscribe", "args": [{"channel": "orders", "instType": "ANY"}]})
    await hear(socket, lambda told: told.get("event") == "channel-conn-count")
    return socket


async def trade(socket: aiohttp.ClientWebSocketResponse, rounds: int, waits: list[float]) -> None:
    """Place orders one after the other, each when the one before has been told as filled."""
    for number in range(rounds):
        started = time.perf_counter()  # noqa: TID251
        await say(socket, {"id": f"r{number}", "op": "order", "args": [market_order(number)]})
        await hear(socket, lambda told: "data" in told and told["data"][0].get("state") == "filled")
        waits.append(time.perf_counter() - started)  # noqa: TID251


async def say(socket: aiohttp.ClientWebSocketResponse, message: object) -> None:
    """Send one message."""
    await socket.send_str(msgspec.json.encode(message).decode())


async def hear(socket: aiohttp.ClientWebSocketResponse, is_it: Callable[[dict[str, Any]], bool]) -> None:
    """Wait for a message."""
    while not is_it(msgspec.json.decode(await socket.receive_str(), type=dict[str, Any])):
        pass


if __name__ == "__main__":
    main()
