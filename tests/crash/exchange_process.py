"""An exchange in a process of its own: `python -m tests.crash.exchange_process SEED` prints its port and serves.

What it knows survives the death of every server, so it is the witness of what really happened. Like a network it
carries some calls late, and an answer that is on its way when a server dies is lost.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Final, assert_never

import msgspec

from fairlead.clock import SystemClock
from fairlead.core.model import reports as rp
from fairlead.core.model.order import Order
from fairlead.ports import AppendOutcome, Committed, JournalRow, Record, Unit
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.venues.paper.house import PaperHouse
from fairlead.venues.paper.venue import PaperVenue
from tests.crash import messages as ms
from tests.venues.paper_world import approve

MARKET_SEED: Final = 7
# Of ten calls one is late, by up to this; most of the others are a little late.
LATE_S_MAX: Final = 1.5
JITTER_S_MAX: Final = 0.02


class OpenBooks:
    """A journal for a process that never dies: everything is durable at once, and nothing is read back."""

    def append(self, unit: Unit, on_done: Callable[[AppendOutcome], None]) -> None:
        on_done(Committed(last_seq=0))

    async def commit(self, unit: Unit) -> AppendOutcome:
        return Committed(last_seq=0)

    def reopen(self, chain: str) -> None:
        pass

    async def read_after(self, seq: int) -> AsyncIterator[JournalRow]:
        rows: tuple[JournalRow, ...] = ()
        for row in rows:
            yield row

    async def read_records(self, space: str) -> Sequence[Record]:
        return ()


class Tape:
    """Every order that an account ever had, from what the exchange reported."""

    def __init__(self) -> None:
        self.wishes: dict[str, Order] = {}
        self._taken: list[rp.ReportAccepted | rp.ReportBorn] = []
        self._filled: defaultdict[str, Decimal] = defaultdict(Decimal)

    def note(self, reports: Sequence[rp.ExecutionReport]) -> None:
        for report in reports:
            if isinstance(report, rp.ReportAccepted | rp.ReportBorn):
                self._taken.append(report)
            elif isinstance(report, rp.ReportFill):
                self._filled[report.fill.order_id] += report.fill.quantity

    def read(self) -> tuple[ms.SeenOrder, ...]:
        return tuple(self._read(report) for report in self._taken)

    def _read(self, report: rp.ReportAccepted | rp.ReportBorn) -> ms.SeenOrder:
        wish = report if isinstance(report, rp.ReportBorn) else self.wishes[report.order_id]
        return ms.SeenOrder(
            order_id=report.order_id,
            symbol=wish.symbol,
            side=wish.side,
            quantity=wish.quantity,
            filled=self._filled[report.order_id],
            is_born=isinstance(report, rp.ReportBorn),
        )


class ExchangeProcess:
    """Serves any number of connections, each of one account."""

    def __init__(self, seed: int) -> None:
        clock = SystemClock()
        exchange = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=MARKET_SEED, now_ms=clock.now_ms())
        self.house = PaperHouse(exchange=exchange, journal=OpenBooks(), clock=clock, on_quote=lambda _: None)
        self.venues: dict[str, PaperVenue] = {}
        self.tapes: defaultdict[str, Tape] = defaultdict(Tape)
        self._dice = random.Random(seed)

    async def serve(self) -> None:
        await self.house.load()
        self.house.tick()
        server = await asyncio.start_server(
            lambda reader, writer: Caller(self, writer).serve(reader), "127.0.0.1", 0, limit=ms.LINE_BYTES_MAX
        )
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await self.house.run()

    def count(self) -> ms.Counted:
        books = self.house.exchange.accounts
        return ms.Counted(
            accounts={
                account_id: ms.SeenAccount(
                    orders=tape.read(),
                    cash={name: row.total for name, row in books.balances(account_id).items() if row.total},
                    positions={
                        f"{row.symbol} {row.position_side}": row.quantity for row in books.positions(account_id)
                    },
                )
                for account_id, tape in self.tapes.items()
            }
        )

    async def travel(self) -> None:
        """Let a call or an answer take its time."""
        thrown = self._dice.random()
        if thrown < 0.1:
            await asyncio.sleep(self._dice.uniform(0, LATE_S_MAX))
        elif thrown < 0.6:
            await asyncio.sleep(self._dice.uniform(0, JITTER_S_MAX))


class Caller:
    """One connection. Calls run beside each other, as over HTTP."""

    def __init__(self, process: ExchangeProcess, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._writer = writer
        self._account_id = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._take(ms.read_call(line))
        except (OSError, msgspec.DecodeError):
            # A server that was killed may have sent half a line; what came before is carried out all the same.
            pass
        finally:
            self._writer.close()

    def _take(self, call: ms.Call) -> None:
        if isinstance(call.question, ms.Hello):
            # At once, so that no report is missed between this and the next question.
            self._open(call.question)
            self._write(ms.tell(call.number, None))
            return
        task = asyncio.create_task(self._answer(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _open(self, hello: ms.Hello) -> None:
        self._account_id = hello.account.account_id
        tape = self._process.tapes[self._account_id]
        venue = self._process.venues.get(self._account_id)
        if venue is None:
            venue = self._process.venues[self._account_id] = PaperVenue(hello.account, self._process.house)

        def deliver(reports: Sequence[rp.ExecutionReport]) -> None:
            tape.note(reports)
            self._write(ms.News(reports=reports))

        venue.listen(deliver)

    async def _answer(self, call: ms.Call) -> None:
        if not isinstance(call.question, ms.Count | ms.Read):
            await self._process.travel()
        answer = await self._act(call.question)
        if isinstance(call.question, ms.Place | ms.Cancel):
            await self._process.travel()
        self._write(ms.tell(call.number, answer))

    def _act(self, question: ms.Question) -> Awaitable[msgspec.Struct | None]:
        venue = self._process.venues.get(self._account_id)
        if venue is None or isinstance(question, ms.Count | ms.Hello):
            return _ready(self._process.count())
        match question:
            case ms.Place():
                self._process.tapes[self._account_id].wishes[question.order.order_id] = question.order
                return venue.place_order(approve(question.order))
            case ms.Cancel():
                return venue.cancel_order(question.order)
            case ms.Find():
                return venue.find_order(question.order)
            case ms.SetLeverage():
                return venue.set_leverage(
                    question.symbol, question.margin_mode, question.position_side, question.leverage
                )
            case ms.Read():
                return venue.read_account()
            case _:
                assert_never(question)

    def _write(self, said: ms.Told | ms.News) -> None:
        # What is told to a dead server is lost.
        if not self._writer.is_closing():
            self._writer.write(ms.write_line(said))


async def _ready(answer: msgspec.Struct) -> msgspec.Struct:
    return answer


if __name__ == "__main__":
    asyncio.run(ExchangeProcess(int(sys.argv[1])).serve())
