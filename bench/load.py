# ruff: noqa: INP001 (a script, not a package)
"""Send alerts and count the answers: its plan comes as JSON on standard input, its tally goes to standard output.

It runs in a process of its own, so that it takes nothing from the server that is measured. A closed loop sends the
next alert of a connection when the last one is answered; an open loop sends at random moments of a mean rate, and
counts latency from the moment at which an alert was due.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import sys
from collections import Counter, defaultdict, deque
from decimal import Decimal
from typing import Final

import msgspec
from stage import CLOCK, HookDoor, Load, Tally

from fairlead.simulator.dice import Dice

SYMBOLS: Final = (("BTC-USDT-SWAP", "0.10", "40"), ("ETH-USDT-SWAP", "0.20", "80"), ("SOL-USDT-SWAP", "0.40", "160"))
# More than the exchange takes in one order, so that risk denies it whatever is held.
TOO_MUCH: Final = "50000"
FINAL: Final = frozenset({"filled", "denied", "rejected", "skipped", "expired"})
LATE_S_MAX: Final = 30.0
_PARTS: Final = 1 << 32
OK: Final = b"200"
ACCEPTED: Final = b"202"


class Result(msgspec.Struct, frozen=True):
    """One account of an answer."""

    account: str
    status: str
    quantity: str


class Answer(msgspec.Struct, frozen=True):
    """What matters of an answer."""

    status: str = ""
    results: tuple[Result, ...] = ()
    duplicate_of: str | None = None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert: its bytes, whom it is for, and what should come of it."""

    request: bytes
    door: HookDoor
    sign: int
    quantity: Decimal
    is_repeat: bool
    is_denied: bool


class Sender:
    """Writes alerts, in the mix that was asked for."""

    def __init__(self, load: Load) -> None:
        """Draw from the seed of the load."""
        self._load = load
        self._dice = Dice.named(load.seed, "alerts")
        self._number = 0
        self._last: dict[str, bytes] = {}
        self._turn: Counter[str] = Counter()

    def write(self) -> Alert:
        """The next alert."""
        load, dice = self._load, self._dice
        self._number += 1
        door = load.doors[self._number % len(load.doors)]
        earlier = self._last.get(door.hook_id)
        if earlier is not None and throw(dice) < load.repeats:
            return Alert(request=earlier, door=door, sign=0, quantity=Decimal(0), is_repeat=True, is_denied=False)
        symbol, small, large = SYMBOLS[dice.below(len(SYMBOLS))]
        is_denied = throw(dice) < load.denials
        quantity = TOO_MUCH if is_denied else large if throw(dice) < load.large else small
        # Buys and sells in turn, so that no holding grows beyond what risk allows.
        self._turn[door.hook_id, symbol] += 1
        sign = 1 if self._turn[door.hook_id, symbol] % 2 else -1
        request = self._word(door, symbol, quantity, sign)
        return Alert(
            request=request,
            door=door,
            sign=sign,
            quantity=Decimal(quantity),
            is_repeat=False,
            is_denied=is_denied,
        )

    def note_taken(self, alert: Alert) -> None:
        """Remember an alert that was answered, so that it can be repeated."""
        if not alert.is_denied:
            self._last[alert.door.hook_id] = alert.request

    def _word(self, door: HookDoor, symbol: str, quantity: str, sign: int) -> bytes:
        side = "buy" if sign > 0 else "sell"
        body = (
            f'{{"authToken":"{door.token}","exchange":"okx","symbol":"{symbol}","type":"perps","side":"{side}",'
            f'"qty":"{quantity}","marginMode":"cross","leverage":"3","strategyId":"breakout",'
            f'"alertId":"{self._load.seed}-{self._number}"}}'
        ).encode()
        head = (
            f"POST {self._load.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Counts:
    """Adds up the answers."""

    def __init__(self, sender: Sender) -> None:
        """Start at nothing."""
        self._sender = sender
        self.sent = 0
        self.answered = 0
        self.accepted = 0
        self.repeats = 0
        self.denied = 0
        self.unfinished = 0
        self.refused: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.filled: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.orders: Counter[str] = Counter()
        self._decode = msgspec.json.Decoder(Answer).decode

    def take(self, alert: Alert, status: bytes, body: bytes, latency_s: float) -> None:
        """Count one answer."""
        self.answered += 1
        self.latencies.append(latency_s)
        if status not in {OK, ACCEPTED}:
            self.refused[status.decode()] += 1
            return
        answer = self._decode(body)
        if answer.duplicate_of is not None:
            self.repeats += 1
            return
        self.accepted += 1
        self._sender.note_taken(alert)
        told = {result.account: result for result in answer.results if result.status in FINAL}
        self.unfinished += len(alert.door.accounts) - len(told)
        for account in alert.door.accounts:
            result = told.get(account)
            self.denied += result is not None and result.status == "denied"
            if alert.is_denied:
                continue
            self.orders[account] += 1
            # Of what is taken and not yet worked on we know that market orders of this size fill.
            self.filled[account] += alert.sign * (alert.quantity if result is None else Decimal(result.quantity))

    def tally(self, seconds: float) -> Tally:
        """Everything, for the one who asked."""
        ordered = sorted(self.latencies) or [0.0]
        return Tally(
            seconds=seconds,
            sent=self.sent,
            answered=self.answered,
            accepted=self.accepted,
            repeats=self.repeats,
            refused=dict(self.refused),
            denied_results=self.denied,
            unfinished_results=self.unfinished,
            p50_ms=1_000 * ordered[len(ordered) // 2],
            p99_ms=1_000 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
            filled={account: str(quantity) for account, quantity in self.filled.items()},
            orders=dict(self.orders),
        )


class Connection(asyncio.Protocol):
    """One kept-alive connection, one alert at a time."""

    def __init__(self, counts: Counts, idle: Idle) -> None:
        """Tell ``idle`` when the next alert may be sent."""
        self._counts = counts
        self._idle = idle
        self._buffer = b""
        self._alert: Alert | None = None
        self._due_s = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, alert: Alert, due_s: float) -> None:
        """Send an alert that was due then."""
        assert self.transport is not None
        self._alert, self._due_s = alert, due_s
        self._counts.sent += 1
        self.transport.write(alert.request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lowered = head.lower()
        start = lowered.index(b"content-length: ") + 16
        end = lowered.find(b"\r\n", start)
        length = int(lowered[start : end if end > 0 else None])
        if len(rest) < length or self._alert is None:
            return
        self._buffer = rest[length:]
        alert, self._alert = self._alert, None
        self._counts.take(alert, head[9:12], rest[:length], CLOCK.monotonic_s() - self._due_s)
        self._idle.release(self)

    def connection_lost(self, _: Exception | None) -> None:
        if self._alert is not None:
            self._counts.refused["connection lost"] += 1


class Idle:
    """Decides what a connection that is free sends next."""

    def __init__(self, load: Load, sender: Sender) -> None:
        """Prepare; nothing is sent yet."""
        self._load = load
        self._sender = sender
        self._dice = Dice.named(load.seed, "arrivals")
        self._free: list[Connection] = []
        self._due: deque[float] = deque()
        self._busy = 0
        self._end_s = 0.0
        self._is_over = False
        self.done = asyncio.Event()

    def begin(self, connections: list[Connection]) -> None:
        """Send for as long as was asked for."""
        now_s = CLOCK.monotonic_s()
        self._end_s = now_s + self._load.seconds
        if self._load.rate:
            self._free = connections
            self._arrive(now_s)
            return
        for connection in connections:
            self._send(connection, now_s)

    def release(self, connection: Connection) -> None:
        """Take back a connection whose alert is answered."""
        self._busy -= 1
        now_s = CLOCK.monotonic_s()
        if self._due:
            self._send(connection, self._due.popleft())
        elif not self._load.rate and now_s < self._end_s:
            self._send(connection, now_s)
        else:
            self._free.append(connection)
            self._is_over = self._is_over or now_s >= self._end_s
            self._end_if_over()

    def _arrive(self, due_s: float) -> None:
        loop = asyncio.get_running_loop()
        now_s = CLOCK.monotonic_s()
        while due_s <= now_s and due_s < self._end_s:
            if self._free:
                self._send(self._free.pop(), due_s)
            else:
                self._due.append(due_s)
            due_s -= math.log(1 - throw(self._dice)) / self._load.rate
        if due_s < self._end_s:
            loop.call_later(due_s - now_s, self._arrive, due_s)
        else:
            self._is_over = True
            self._end_if_over()

    def _end_if_over(self) -> None:
        if self._is_over and not self._busy and not self._due:
            self.done.set()

    def _send(self, connection: Connection, due_s: float) -> None:
        self._busy += 1
        connection.send(self._sender.write(), due_s)


def throw(dice: Dice) -> float:
    """Throw a number from 0 up to, not including, 1."""
    return dice.below(_PARTS) / _PARTS


async def run(load: Load) -> Tally:
    """Connect, send, and wait for the last answer."""
    sender = Sender(load)
    counts, loop = Counts(sender), asyncio.get_running_loop()
    idle = Idle(load, sender)
    connections = []
    for _ in range(load.connections):
        _, connection = await loop.create_connection(lambda: Connection(counts, idle), "127.0.0.1", load.port)
        connections.append(connection)
    started = CLOCK.monotonic_s()
    idle.begin(connections)
    await asyncio.wait_for(idle.done.wait(), load.seconds + LATE_S_MAX)
    return counts.tally(CLOCK.monotonic_s() - started)


def main() -> None:
    """Read the plan, run it, write the tally."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    # select(2) wakes within microseconds where epoll counts in whole milliseconds, which an open loop would measure.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    try:
        tally = loop.run_until_complete(run(load))
    finally:
        loop.close()
    sys.stdout.buffer.write(msgspec.json.encode(tally))


if __name__ == "__main__":
    main()
