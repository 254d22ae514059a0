"""The line between one WebSocket and its connection: where messages are lost, doubled, swapped and delayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from fairlead.simulator.okx.codes import GatewayCode, fault
from fairlead.simulator.okx.faults.rules import Facts, Fault, FaultKind, Moment
from fairlead.simulator.okx.faults.striking import Break, strike
from fairlead.simulator.okx.sockets.codes import TEXTS, Close, SocketCode
from fairlead.simulator.okx.sockets.connection import Outbox
from fairlead.simulator.okx.sockets.operations import OPERATIONS

if TYPE_CHECKING:
    from fairlead.simulator.okx.faults.desk import FaultDesk
    from fairlead.simulator.okx.sockets.channel import Place
    from fairlead.simulator.okx.sockets.connection import SocketDesk

SWAP_MS: Final = 1_000
"""A message that waits for another to overtake it waits no longer than this."""

SILENCE_MS: Final = 30_000

_MESSAGE: Final = msgspec.json.Decoder(dict[str, Any])
_ENCODER: Final = msgspec.json.Encoder()


class _Told(msgspec.Struct):
    """As much of a pushed message as a rule can ask about."""

    arg: dict[str, Any] = {}
    event: str = ""
    action: str = ""
    data: list[Any] = []


_TOLD: Final = msgspec.json.Decoder(_Told)


class Wire(Outbox, Protocol):
    """What a line ends in: a socket."""

    def cut(self) -> None:
        """Let the connection break at once; what waits is lost."""
        ...


class FaultyLine:
    """One connection's."""

    def __init__(self, desk: FaultDesk, sockets: SocketDesk, *, place: Place, address: str, wire: Wire) -> None:
        """Open a connection behind this line."""
        self._desk = desk
        self._sockets = sockets
        self._wire = wire
        self._held: bytes | None = None
        self._caught: list[bytes] | None = None
        self._silent_until_ms = 0
        self.connection = sockets.open(place, address, self)

    def receive(self, text: str) -> None:
        """Take one text frame from the client."""
        plan = self._desk.plan
        if plan.watches(Moment.OPERATION) and text != "ping":
            message = _read(text)
            facts = self._facts(message)
            decided = None if facts is None else plan.decide(facts)
            if decided is not None and facts is not None:
                self._desk.act(decided, facts)
                if self._desk.spawn(self._strike(decided, _OperationErrand(self, text, message))):
                    return
        self.connection.receive(text)
        self._desk.settle_soon()

    def put(self, frame: bytes) -> None:
        """Pass a message on to the client, or do to it what was decided."""
        if self._caught is not None:
            self._caught.append(frame)
            return
        if not self._desk.plan.watches(Moment.PUSH) and self._held is None and not self._silent_until_ms:
            self._wire.put(frame)
            return
        told = _TOLD.decode(frame) if frame.startswith(b"{") else _Told()
        if not told.arg or told.event:
            self._wire.put(frame)
        elif self._desk.venue.now_ms() >= self._silent_until_ms:
            self._push(frame, told)

    def close(self, code: Close) -> None:
        """Close the socket after what waits has been sent."""
        self._wire.close(code)

    def carry_out(self, text: str) -> bytes:
        """Let the connection do what a message says; returns its reply, which has not been told."""
        caught: list[bytes] = []
        self._caught = caught
        try:
            self.connection.receive(text)
        finally:
            self._caught = None
        self._desk.settle_soon()
        return caught[0] if caught else b""

    @property
    def desk(self) -> FaultDesk:
        """Who asks the plan."""
        return self._desk

    async def _strike(self, decided: Fault, errand: _OperationErrand) -> None:
        answer = await strike(decided, errand, self._desk.venue)
        match answer:
            case Break.SILENCE:
                pass
            case Break.CLOSE:
                self.connection.close(Close.ABNORMAL)
            case Break.RESET:
                self._wire.cut()
            case frame if frame:
                self._wire.put(frame)
            case _:
                pass

    def _push(self, frame: bytes, told: _Told) -> None:
        decided = self._desk.plan.decide(self._push_facts(told))
        kind = None if decided is None else decided.kind
        delay_ms = None if decided is None else decided.params.delay_ms
        match kind:
            case FaultKind.PUSH_LOST:
                pass
            case FaultKind.PUSH_DELAYED:
                self._desk.later(delay_ms or 0, lambda: self._wire.put(frame))
            case FaultKind.PUSH_REORDERED if self._held is None:
                self._held = frame
                self._desk.later(SWAP_MS if delay_ms is None else delay_ms, self._let_go)
            case FaultKind.SOCKET_DROP:
                self._wire.cut()
            case FaultKind.SEQUENCE_MISSED:
                self._sockets.public.books_skipped.update(self._push_facts(told).symbols)
                self._pass_on(frame)
            case FaultKind.PUSH_DUPLICATED:
                self._pass_on(frame)
                self._pass_on(frame)
            case FaultKind.PARTIAL_FILL_THEN_SILENCE:
                assert decided is not None
                self._pass_on(frame)
                quiet_ms = decided.params.duration_ms
                self._silent_until_ms = self._desk.venue.now_ms() + (SILENCE_MS if quiet_ms is None else quiet_ms)
            case _:
                self._pass_on(frame)

    def _pass_on(self, frame: bytes) -> None:
        self._wire.put(frame)
        self._let_go()

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._wire.put(held)

    def _facts(self, message: Mapping[str, Any]) -> Facts | None:
        name = message.get("op")
        if name not in OPERATIONS:
            return None
        return Facts(
            moment=Moment.OPERATION,
            endpoint=str(name),
            account=self._account(),
            symbols=self._desk.symbols_of(message.get("args")),
        )

    def _push_facts(self, told: _Told) -> Facts:
        rows = [row for row in told.data if isinstance(row, dict)]
        named = (told.arg, *rows)
        symbols = dict.fromkeys(str(one["instId"]) for one in named if one.get("instId"))
        states = [str(row["state"]) for row in rows if "state" in row]
        return Facts(
            moment=Moment.PUSH,
            endpoint=str(told.arg.get("channel", "")),
            account=self._account(),
            symbols=tuple(symbols),
            detail=told.action or (states[-1] if states else ""),
        )

    def _account(self) -> str:
        key = self.connection.key
        return "" if key is None else key.account_id


class _OperationErrand:
    def __init__(self, line: FaultyLine, text: str, message: Mapping[str, Any]) -> None:
        self._line = line
        self._text = text
        self._message = message

    @property
    def deadline_ms(self) -> int | None:
        text = str(self._message.get("expTime") or "")
        return int(text) if text.isascii() and text.isdigit() else None

    def carry_out(self) -> bytes:
        return self._line.carry_out(self._text)

    def refuse(self, code: GatewayCode) -> bytes:
        error = fault(code)
        return self._reply(error.code, error.message)

    def break_down(self, _status: int) -> bytes:
        return self._reply(SocketCode.INTERNAL_ERROR.value, TEXTS[SocketCode.INTERNAL_ERROR])

    def _reply(self, code: str, text: str) -> bytes:
        message = self._message
        now_us = str(self._line.desk.venue.now_ms() * 1000)
        reply = {"id": str(message.get("id") or ""), "op": message["op"], "code": code, "msg": text, "data": []}
        return _ENCODER.encode(reply | {"inTime": now_us, "outTime": now_us})


def _read(text: str) -> dict[str, Any]:
    try:
        return _MESSAGE.decode(text)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return {}
