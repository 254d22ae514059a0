"""An OKX in process: a still clock, one member, and signed requests without a socket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.okx.gateway import Gateway, RawAnswer
from fairlead.simulator.okx.keys import KeyBook, Member, parse_member
from fairlead.simulator.okx.rest.endpoints import ENDPOINTS
from fairlead.simulator.okx.signing import RawRequest, sign
from fairlead.simulator.okx.sockets.channel import Place
from fairlead.simulator.okx.sockets.channels import CHANNELS
from fairlead.simulator.okx.sockets.codes import Close
from fairlead.simulator.okx.sockets.connection import SocketDesk
from fairlead.simulator.okx.sockets.hub import Hub
from fairlead.simulator.okx.venue import OkxOptions, OkxVenue

START_MS = 1_767_600_000_000


class StillClock:
    """Stands still until it is moved."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        self.advance(duration_ms)

    def advance(self, duration_ms: int) -> None:
        self._now_ms += duration_ms


class SocketClient:
    """One connection, and what it was told since one last looked."""

    def __init__(self, world: OkxWorld, place: Place) -> None:
        self._world = world
        self._frames: list[bytes] = []
        self.closed_with: Close | None = None
        self.connection = world.sockets.open(place, "127.0.0.1", self)

    def put(self, frame: bytes) -> None:
        self._frames.append(frame)

    def close(self, code: Close) -> None:
        self.closed_with = code

    def send(self, message: object) -> list[dict[str, Any]]:
        """Send one message; returns all that was told since."""
        self.connection.receive(message if isinstance(message, str) else msgspec.json.encode(message).decode())
        self._world.venue.settle()
        return self.take()

    def take(self) -> list[dict[str, Any]]:
        """What was told since the last look."""
        frames, self._frames[:] = list(self._frames), []
        return [msgspec.json.decode(frame, type=dict[str, Any]) for frame in frames if frame != b"pong"]

    def log_in(self) -> list[dict[str, Any]]:
        """Log in as the first member."""
        key = self._world.members[0].key
        at = str(self._world.clock.now_ms() // 1000)
        signature = sign(key.secret, f"{at}GET/users/self/verify")
        arg = {"apiKey": key.key, "passphrase": key.passphrase, "timestamp": at, "sign": signature}
        return self.send({"op": "login", "args": [arg]})


class OkxWorld:
    """Asks as one member, or as nobody."""

    def __init__(self, *members: str, options: OkxOptions | None = None) -> None:
        self.members: list[Member] = [parse_member(text) for text in members or ("k1:s1:p1:USDT=100000,BTC=2",)]
        self.clock = StillClock()
        self.exchange = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=7, now_ms=self.clock.now_ms())
        keys = KeyBook(member.key for member in self.members)
        for member in self.members:
            self.exchange.open_account(member.key.account_id, balances=member.balances)
        self.venue = OkxVenue(self.exchange, keys=keys, clock=self.clock, options=options)
        self.venue.advance()
        self.gateway = Gateway(self.venue, ENDPOINTS)
        self.sockets = SocketDesk(self.venue, self.gateway, Hub(CHANNELS))

    def connect(self, place: Place = Place.PRIVATE) -> SocketClient:
        """Open a socket in process; what it is told stands in ``told``."""
        return SocketClient(self, place)

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """The decoded answer to a signed GET below ``/api/v5``."""
        target = f"/api/v5{path}" + (
            "?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else ""
        )
        return msgspec.json.decode(self.ask("GET", target, signed=True).body, type=dict[str, Any])

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The decoded answer to a signed POST below ``/api/v5``."""
        raw = msgspec.json.encode(body)
        answer = self.ask("POST", f"/api/v5{path}", raw, signed=True, headers=headers)
        return msgspec.json.decode(answer.body, type=dict[str, Any])

    def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        signed: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> RawAnswer:
        """Send a raw request."""
        sent = {"content-type": "application/json", **(headers or {})}
        if signed:
            key = self.members[0].key
            moment = datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC)
            timestamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            sent |= {
                "ok-access-key": key.key,
                "ok-access-passphrase": key.passphrase,
                "ok-access-timestamp": timestamp,
                "ok-access-sign": sign(key.secret, f"{timestamp}{method}{target}{body.decode()}"),
            }
        answer = self.gateway.answer(
            RawRequest(method=method, target=target, headers=sent, body=body, address="127.0.0.1")
        )
        self.venue.settle()
        return answer
