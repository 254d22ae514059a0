"""One connection: what it says is answered, in order; what it listens to is put out, within a bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from fairlead.core.model.ids import derive_id
from fairlead.simulator.okx.keys import ApiKey
from fairlead.simulator.okx.signing import check_login
from fairlead.simulator.okx.sockets.channel import Place, Subscription, read_subscription
from fairlead.simulator.okx.sockets.codes import LOGIN_CODES, TEXTS, Close, SocketCode
from fairlead.simulator.okx.sockets.hub import COUNTED_MAX, Hub
from fairlead.simulator.okx.sockets.operations import OPERATIONS, Operation
from fairlead.simulator.okx.sockets.private import PrivatePushes
from fairlead.simulator.okx.sockets.public import PublicPushes
from fairlead.simulator.okx.windows import RateLimit, RateWindows, Scope

if TYPE_CHECKING:
    from fairlead.simulator.okx.gateway import Gateway
    from fairlead.simulator.okx.venue import OkxVenue

FRAME_BYTES_MAX: Final = 65_536
IDLE_MS: Final = 30_000
"""A connection that is told nothing and says nothing for this long is closed."""

_HOURLY: Final = RateLimit("socket requests", 480, Scope.ADDRESS, 3_600_000)
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])
_ENCODER: Final = msgspec.json.Encoder()


class Outbox(Protocol):
    """Where a connection puts what it says."""

    def put(self, frame: bytes) -> None:
        """Send a frame, after those before it; never waits."""
        ...

    def close(self, code: Close) -> None:
        """Close the connection, after what was put out."""
        ...


class SocketDesk:
    """What all connections share."""

    def __init__(self, venue: OkxVenue, gateway: Gateway, hub: Hub) -> None:
        """Serve this venue."""
        self.venue = venue
        self.gateway = gateway
        self.hub = hub
        self.connections: dict[str, Connection] = {}
        self.private = PrivatePushes(venue, hub)
        self.public = PublicPushes(venue, hub)
        self._opened = 0

    def open(self, place: Place, address: str, outbox: Outbox) -> Connection:
        """Take a new connection."""
        self._opened += 1
        connection = Connection(self, place, address, outbox, number=self._opened)
        self.connections[connection.connection_id] = connection
        return connection

    def tick(self) -> None:
        """Tell what is due by the clock: prices, whole sets, and the end of connections that were silent too long."""
        self.public.tick()
        self.private.tell_whole()
        now_ms = self.venue.now_ms()
        for connection in self.connections.values():
            if connection.is_idle(now_ms):
                connection.close(Close.IDLE)

    def drop_key(self, key: str) -> None:
        """Close the connections of a key that was changed or deleted."""
        for connection in self.connections.values():
            if connection.key is not None and connection.key.key == key:
                self.hub.leave(connection)
                connection.key = None
                connection.close(Close.KEY_CHANGED)

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self.hub.leave(connection)
        self.connections.pop(connection.connection_id, None)


class Connection:
    """One WebSocket, without the socket: text in, frames out."""

    def __init__(self, desk: SocketDesk, place: Place, address: str, outbox: Outbox, *, number: int) -> None:
        """Open; nothing is told before the client has spoken."""
        self.place = place
        self.address = address
        self.key: ApiKey | None = None
        self.connection_id = derive_id(desk.venue.now_ms(), "socket", str(number))[-8:]
        self.active_ms = desk.venue.now_ms()
        self._desk = desk
        self._outbox = outbox
        self._is_closing = False
        self._windows = RateWindows()

    def send(self, frame: bytes) -> None:
        """Put a message out."""
        self.active_ms = self._desk.venue.now_ms()
        self._outbox.put(frame)

    def close(self, code: Close) -> None:
        """End it, once; what was said before still goes out."""
        if not self._is_closing:
            self._is_closing = True
            self._outbox.close(code)

    def receive(self, text: str) -> None:
        """Take one text frame and answer it."""
        self.active_ms = self._desk.venue.now_ms()
        if text == "ping":
            self.send(b"pong")
            return
        try:
            message = _DECODER.decode(text)
        except (msgspec.DecodeError, msgspec.ValidationError):
            self._refuse(SocketCode.REQUEST_WRONG, text=text)
            return
        match message.get("op"):
            case "login":
                self._count(message, self._login)
            case "subscribe":
                self._count(message, self._subscribe)
            case "unsubscribe":
                self._count(message, self._unsubscribe)
            case str() as name if name in OPERATIONS:
                self._trade(OPERATIONS[name], message)
            case name:
                self._refuse(SocketCode.OPERATION_UNKNOWN, message, text=str(name))

    def notice(self) -> None:
        """Tell that this connection will be closed within a minute."""
        self._say({"event": "notice", "code": SocketCode.CLOSING.value, "msg": TEXTS[SocketCode.CLOSING]})

    def is_idle(self, now_ms: int) -> bool:
        """Whether it has been silent for too long."""
        return now_ms - self.active_ms > IDLE_MS

    def _count(self, message: Mapping[str, Any], act: Callable[[Mapping[str, Any]], None]) -> None:
        if self._windows.take(_HOURLY, "", self._desk.venue.now_ms()):
            act(message)
        else:
            self._refuse(SocketCode.TOO_FREQUENT, message)

    def _login(self, message: Mapping[str, Any]) -> None:
        if self.key is not None:
            self._refuse(SocketCode.LOGIN_REPEATED, message)
            return
        arg = next(iter(_args(message)), None)
        if arg is None:
            self._refuse(SocketCode.ARGUMENTS_WRONG, message)
            return
        text = {name: "" if value is None else str(value) for name, value in arg.items()}
        key = self._desk.venue.keys.find(text.get("apiKey", ""))
        if key is None:
            self._fail_login(SocketCode.KEY_UNKNOWN, message)
            return
        wrong = check_login(
            key,
            passphrase=text.get("passphrase", ""),
            timestamp=text.get("timestamp", ""),
            signature=text.get("sign", ""),
            now_ms=self._desk.venue.now_ms(),
        )
        if wrong is not None:
            self._fail_login(LOGIN_CODES[wrong], message)
            return
        if key.is_frozen or (key.addresses and self.address not in key.addresses):
            self._fail_login(SocketCode.LOGIN_FAILED, message)
            return
        self.key = key
        self._say({"event": "login", "code": "0", "msg": ""}, message)

    def _fail_login(self, code: SocketCode, message: Mapping[str, Any]) -> None:
        self._refuse(code, message)
        self.close(Close.LOGIN_FAILED)

    def _subscribe(self, message: Mapping[str, Any]) -> None:
        for arg in self._wanted_args(message):
            wanted = read_subscription(arg)
            refused = self._check(wanted)
            if refused is not None:
                self._refuse(refused, message, text=str(wanted.arg()))
                continue
            self._say({"event": "subscribe", "arg": wanted.arg()}, message)
            self._join(wanted)

    def _check(self, wanted: Subscription) -> SocketCode | None:
        channel = self._desk.hub.channels.get(wanted.channel)
        arg = wanted.arg()
        if channel is None or self.place not in channel.places or any(name not in arg for name in channel.names):
            return SocketCode.CHANNEL_UNKNOWN
        if channel.needs_login and self.key is None:
            return SocketCode.LOGIN_FIRST
        is_known = not wanted.symbol or channel.is_index or self._desk.venue.catalogue.find(wanted.symbol) is not None
        return None if is_known else SocketCode.CHANNEL_UNKNOWN

    def _join(self, wanted: Subscription) -> None:
        hub = self._desk.hub
        channel = hub.channels[wanted.channel]
        if channel.is_counted and self.key is not None:
            hub.subscribe(self, wanted)
            count = hub.count(wanted.channel, self.key.account_id)
            event = "channel-conn-count"
            if count > COUNTED_MAX:
                hub.unsubscribe(self, wanted)
                count, event = COUNTED_MAX, f"{event}-error"
            self._say({"event": event, "channel": wanted.channel, "connCount": str(count)})
            if event.endswith("error"):
                return
        hub.subscribe(self, wanted)
        hub.tell(self, wanted, channel.first(self._desk.venue, wanted, self.key))

    def _unsubscribe(self, message: Mapping[str, Any]) -> None:
        for arg in self._wanted_args(message):
            wanted = read_subscription(arg)
            self._desk.hub.unsubscribe(self, wanted)
            self._say({"event": "unsubscribe", "arg": wanted.arg()}, message)

    def _wanted_args(self, message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        args = _args(message)
        if not args:
            self._refuse(SocketCode.REQUEST_WRONG, message, text=_ENCODER.encode(message).decode())
        return args

    def _trade(self, operation: Operation, message: Mapping[str, Any]) -> None:
        if self.place is not Place.PRIVATE:
            self._refuse(SocketCode.REQUEST_WRONG, message, text="use the private endpoint")
        elif self.key is None:
            self._refuse(SocketCode.LOGIN_FIRST, message)
        else:
            reply = operation(self._desk.gateway, self.key, self.address, message)
            self.send(_ENCODER.encode(reply))

    def _refuse(self, code: SocketCode, message: Mapping[str, Any] | None = None, *, text: str = "") -> None:
        self._say({"event": "error", "code": code.value, "msg": TEXTS[code].format(text=text)}, message)

    def _say(self, body: dict[str, Any], message: Mapping[str, Any] | None = None) -> None:
        named = {"id": message["id"]} if message and message.get("id") else {}
        self.send(_ENCODER.encode({**named, **body, "connId": self.connection_id}))


def _args(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    args = message.get("args")
    return [arg for arg in args if isinstance(arg, dict)] if isinstance(args, list) else []
