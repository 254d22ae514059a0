"""An OKX in process with something wrong with it: requests and messages pass the faults, no socket is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from fairlead.simulator.okx.faults.line import FaultyLine
from fairlead.simulator.okx.faults.rules import FaultRule
from fairlead.simulator.okx.faults.striking import Break
from fairlead.simulator.okx.gateway import RawAnswer
from fairlead.simulator.okx.keys import parse_member
from fairlead.simulator.okx.opening import OkxPlan, OpenOkx
from fairlead.simulator.okx.signing import RawRequest, sign
from fairlead.simulator.okx.sockets.channel import Place
from fairlead.simulator.okx.sockets.codes import Close
from fairlead.simulator.okx.venue import Timekeeper
from fairlead.simulator.orders import Order
from tests.simulator.okx.okx_world import StillClock

MEMBER = "k1:s1:p1:USDT=100000,BTC=2"


class PatientClock(StillClock):
    """Lets others act before it goes on."""

    async def sleep_ms(self, duration_ms: int) -> None:
        self.advance(duration_ms)
        for _ in range(5):
            await asyncio.sleep(0)


class FaultyClient:
    """One WebSocket and what it was told since one last looked."""

    def __init__(self, world: FaultyWorld, place: Place) -> None:
        self._world = world
        self._frames: list[bytes] = []
        self.closed: list[Close] = []
        self.is_cut = False
        self.line = FaultyLine(world.okx.faults, world.okx.sockets, place=place, address="127.0.0.1", wire=self)

    def put(self, frame: bytes) -> None:
        """Hear a frame, as the wire of the line."""
        self._frames.append(frame)

    def close(self, code: Close) -> None:
        """Be told that this is the end."""
        self.closed.append(code)

    def cut(self) -> None:
        """Lose the connection."""
        self.is_cut = True

    def send(self, message: object) -> None:
        self.line.receive(msgspec.json.encode(message).decode())

    def take(self) -> list[dict[str, Any]]:
        """What was told since the last look."""
        self._world.okx.venue.settle()
        return self.heard()

    def heard(self) -> list[dict[str, Any]]:
        """The same, but of what is still on its way nothing."""
        frames, self._frames[:] = list(self._frames), []
        return [msgspec.json.decode(frame, type=dict[str, Any]) for frame in frames if frame != b"pong"]

    def states(self) -> list[str]:
        """States of the orders that it was told of."""
        return [row["state"] for one in self.take() if "data" in one for row in one["data"] if "state" in row]


class FaultyWorld:
    """Asks as its first member."""

    def __init__(self, *rules: FaultRule, members: Sequence[str] = (MEMBER,), clock: Timekeeper | None = None) -> None:
        self.clock = PatientClock()
        self.members = [parse_member(text) for text in members]
        self.okx = OpenOkx(OkxPlan(members=self.members, faults=rules), clock or self.clock)

    def open_orders(self) -> list[Order]:
        return self.okx.exchange.accounts.open_orders("k1")

    def connect(self, channel: str, place: Place = Place.PRIVATE, **arg: str) -> FaultyClient:
        """A connection that has logged in and listens."""
        client = FaultyClient(self, place)
        key = self.members[0].key
        at = str(self.okx.venue.now_ms() // 1000)
        login = {"apiKey": key.key, "passphrase": key.passphrase, "timestamp": at}
        client.send({"op": "login", "args": [login | {"sign": sign(key.secret, f"{at}GET/users/self/verify")}]})
        client.send({"op": "subscribe", "args": [{"channel": channel, "instType": "ANY", **arg}]})
        client.take()
        return client

    async def get(self, path: str) -> RawAnswer | Break:
        return await self._ask("GET", path, b"", {})

    async def post(self, path: str, body: object, deadline_ms: int | None = None) -> RawAnswer | Break:
        more = {} if deadline_ms is None else {"exptime": str(deadline_ms)}
        return await self._ask("POST", path, msgspec.json.encode(body), more)

    async def _ask(self, method: str, path: str, body: bytes, more: dict[str, str]) -> RawAnswer | Break:
        key = self.members[0].key
        moment = datetime.fromtimestamp(self.okx.venue.now_ms() / 1000, UTC)
        timestamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        target = f"/api/v5{path}"
        headers = {
            "content-type": "application/json",
            "ok-access-key": key.key,
            "ok-access-passphrase": key.passphrase,
            "ok-access-timestamp": timestamp,
            "ok-access-sign": sign(key.secret, f"{timestamp}{method}{target}{body.decode()}"),
        }
        request = RawRequest(method=method, target=target, headers=headers | more, body=body, address="127.0.0.1")
        return await self.okx.faults.answer(request)
