"""One WebSocket to OKX: login, subscriptions, heartbeat, replies to who asked, and everything else to its reader."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import aiohttp
import msgspec

from fairlead.ports import Clock
from fairlead.venues.okx.connection import OkxConnection, describe
from fairlead.venues.okx.outcomes import Lost, NotSent

PING_EVERY_MS: Final = 15_000
"""OKX drops a socket after 30 seconds of silence; two pings without an answer, and we drop it."""

OPENING_TIMEOUT_S: Final = 10
ASKING_MAX: Final = 2_000
EARLY_MAX: Final = 1_000
CLOSING_SOON: Final = "64008"

_PING: Final = "ping"
_PONG: Final = "pong"


class Arg(msgspec.Struct, frozen=True, rename="camel"):
    """What a push belongs to."""

    channel: str = ""
    inst_type: str = ""
    inst_id: str = ""


class Frame(msgspec.Struct, frozen=True, rename="camel"):
    """One message of OKX: a push (``arg``), an event, or a reply to an operation (``id``)."""

    id: str = ""
    op: str = ""
    event: str = ""
    event_type: str = ""
    code: str = ""
    msg: str = ""
    arg: Arg | None = None
    data: msgspec.Raw = msgspec.Raw(b"[]")


Channel = Mapping[str, str]
_FRAME: Final = msgspec.json.Decoder(Frame)


class SocketEndedError(Exception):
    """A socket cannot be used (any more); the text says why."""


class SocketLine:
    """One socket for one life: opened once, read until it ends, never opened again."""

    def __init__(
        self,
        connection: OkxConnection,
        place: str,
        clock: Clock,
        *,
        login: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        """Prepare; ``place`` is public, private or business; ``login`` signs at the moment it is sent."""
        self.place = place
        self.is_up = False
        self._connection = connection
        self._clock = clock
        self._login = login
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._asking: dict[str, asyncio.Future[Frame | Lost]] = {}
        self._early: list[Frame] = []
        self._heard = 0

    async def open(self, channels: Sequence[Channel]) -> None:
        """Connect, log in and subscribe; pushes that come meanwhile wait for the reader.

        Raises:
            SocketEndedError: one of them did not work.
        """
        socket = await self._connection.open_socket(self.place)
        if isinstance(socket, NotSent):
            raise SocketEndedError(socket.message)
        self._socket = socket
        try:
            async with asyncio.timeout(OPENING_TIMEOUT_S):
                if self._login is not None:
                    await self._say({"op": "login", "args": [self._login()]})
                    await self._await_event("login", 1)
                await self.subscribe(channels)
                await self._await_event("subscribe", len(channels))
        except TimeoutError:
            raise SocketEndedError(f"OKX's {self.place} socket did not answer") from None
        self.is_up = True

    async def read(self, take: Callable[[Frame], None]) -> str:
        """Hand over every push until the socket ends; returns why it did."""
        early, self._early = self._early, []
        for frame in early:
            take(frame)
        heartbeat = asyncio.create_task(self._beat())
        try:
            while True:
                frame = await self._next()
                if frame.event == "notice" and frame.code == CLOSING_SOON:
                    return frame.msg
                if not self._settle(frame) and frame.arg is not None and not frame.event:
                    take(frame)
        except SocketEndedError as error:
            return str(error)
        finally:
            heartbeat.cancel()
            await asyncio.gather(heartbeat, return_exceptions=True)
            await self.close()

    async def subscribe(self, channels: Sequence[Channel]) -> None:
        """Ask for channels, all in one request; once the line is read, the answers come to nobody.

        Raises:
            SocketEndedError: the socket is gone.
        """
        if channels:
            await self._say({"op": "subscribe", "args": channels})

    async def ask(self, number: str, message: Mapping[str, Any], wait_ms: int) -> Frame | Lost | NotSent:
        """Send one operation and wait for the reply with its number."""
        if not self.is_up or self._socket is None or self._socket.closed:
            return NotSent(f"OKX's {self.place} socket is down")
        if len(self._asking) >= ASKING_MAX:
            return NotSent("too many requests wait for OKX's answer")
        waiting: asyncio.Future[Frame | Lost] = asyncio.get_running_loop().create_future()
        self._asking[number] = waiting
        patience = asyncio.ensure_future(self._clock.sleep_ms(wait_ms))
        try:
            # From here on bytes may be on their way, whatever happens.
            await self._say({"id": number, **message})
            both: set[asyncio.Future[Any]] = {waiting, patience}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except SocketEndedError as error:
            return Lost(str(error))
        finally:
            patience.cancel()
            self._asking.pop(number, None)
        return waiting.result() if waiting.done() else Lost(f"no reply over OKX's {self.place} socket")

    async def close(self) -> None:
        """End it; whoever still waits for a reply hears that nobody knows."""
        self.is_up = False
        for waiting in self._asking.values():
            if not waiting.done():
                waiting.set_result(Lost(f"OKX's {self.place} socket ended before the reply came"))
        if self._socket is not None:
            await self._socket.close()

    async def _beat(self) -> None:
        heard = -1
        while True:
            await self._clock.sleep_ms(PING_EVERY_MS)
            if self._heard == heard and self._socket is not None:
                await self._socket.close()
                return
            heard = self._heard
            try:
                await self._say(_PING)
            except SocketEndedError:
                return

    async def _say(self, message: Mapping[str, Any] | str) -> None:
        assert self._socket is not None
        text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
        try:
            await self._socket.send_str(text)
        except (aiohttp.ClientError, ConnectionError, RuntimeError) as error:
            raise SocketEndedError(f"OKX's {self.place} socket broke: {describe(error)}") from None

    async def _await_event(self, name: str, times: int) -> None:
        while times:
            frame = await self._next()
            if frame.event == "error":
                raise SocketEndedError(f"OKX refused to {name}: {frame.code} {frame.msg}")
            if frame.event == name:
                times -= 1
            elif frame.arg is not None and not frame.event:
                self._early.append(frame)
                if len(self._early) > EARLY_MAX:
                    raise SocketEndedError(f"OKX told more than {EARLY_MAX} messages before it was ready")

    async def _next(self) -> Frame:
        assert self._socket is not None
        while True:
            message = await self._socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise SocketEndedError(f"OKX's {self.place} socket ended ({self._socket.close_code})")
            self._heard += 1
            if message.data == _PONG:
                continue
            try:
                return _FRAME.decode(message.data)
            except (msgspec.DecodeError, msgspec.ValidationError) as error:
                raise SocketEndedError(f"OKX's {self.place} socket told something unknown: {error}") from None

    def _settle(self, frame: Frame) -> bool:
        waiting = self._asking.get(frame.id) if frame.id else None
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)
        return bool(frame.id)
