"""The exchange process behind the Venue port: a connection for each account, opened by the first call."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import count
from typing import Final, TypeVar

import msgspec

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide, VenueAccount
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.ports import DeliverReports, VenueCapabilities
from tests.crash import messages as ms

ANSWER_S_MAX: Final = 5.0
A = TypeVar("A", bound=msgspec.Struct)


class RemoteVenue:
    """Every call is a line to the exchange process; no answer in time is a doubt."""

    def __init__(self, account: VenueAccount, port: int) -> None:
        self._account = account
        self._port = port
        self._deliver: DeliverReports = lambda _: None
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[ms.Told]] = {}
        self._opening = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def capabilities(self) -> VenueCapabilities:
        """As OKX: deadlines, and client ids that are forgotten when an order is done."""
        return VenueCapabilities(
            deadlines=True, client_ids_lasting=False, long_short_mode=True, attached_protection=True
        )

    @property
    def position_mode(self) -> PositionMode:
        return self._account.position_mode

    def listen(self, deliver: DeliverReports) -> None:
        self._deliver = deliver

    async def place_order(self, approved: ApprovedOrder) -> rp.PlaceOutcome:
        return await self._ask(ms.Place(order=approved.order), rp.Accepted)

    async def cancel_order(self, order: Order) -> rp.CancelOutcome:
        return await self._ask(ms.Cancel(order=order), rp.Canceled)

    async def set_leverage(
        self, symbol: str, margin_mode: MarginMode, position_side: PositionSide, leverage: Decimal
    ) -> rp.Rejected | rp.Unknown | None:
        question = ms.SetLeverage(
            symbol=symbol, margin_mode=margin_mode, position_side=position_side, leverage=leverage
        )
        answer = await self._call(question)
        assert answer is None or isinstance(answer, rp.Rejected | rp.Unknown)
        return answer

    async def find_order(self, order: Order) -> rp.FindOutcome:
        answer = await self._call(ms.Find(order=order))
        assert isinstance(answer, rp.VenueOrder | rp.NoSuchOrder | rp.Unknown)
        return answer

    async def read_account(self) -> rp.AccountReport | rp.Unknown:
        answer = await self._call(ms.Read())
        assert isinstance(answer, rp.AccountReport | rp.Unknown)
        return answer

    async def count(self) -> ms.Counted:
        """What the exchange has ever done."""
        answer = await self._call(ms.Count())
        assert isinstance(answer, ms.Counted)
        return answer

    async def close(self) -> None:
        if self._reading is not None and self._writer is not None:
            self._writer.close()
            await self._reading

    async def _ask(self, question: ms.Question, kind: type[A]) -> A | rp.Rejected | rp.Unknown:
        answer = await self._call(question)
        assert isinstance(answer, kind | rp.Rejected | rp.Unknown)
        return answer

    async def _call(self, question: ms.Question) -> msgspec.Struct | None:
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                async with self._opening:
                    if self._writer is None:
                        await self._open()
                return ms.read_answer(await self._send(question))
        except (OSError, TimeoutError) as error:
            return rp.Unknown(message=f"the exchange did not answer: {error!r}")

    async def _open(self) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=ms.LINE_BYTES_MAX)
        self._reading = asyncio.create_task(self._read(reader))
        await self._send(ms.Hello(account=self._account))

    async def _send(self, question: ms.Question) -> ms.Told:
        assert self._writer is not None
        number = next(self._numbers)
        future: asyncio.Future[ms.Told] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._writer.write(ms.write_line(ms.Call(number=number, question=question)))
            return await future
        finally:
            del self._waiting[number]

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while raw := await reader.readline():
                line = ms.read_line(raw)
                if isinstance(line, ms.News):
                    self._deliver(line.reports)
                elif line.number in self._waiting:
                    self._waiting[line.number].set_result(line)
        finally:
            self._writer = None
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionResetError("the exchange hung up"))
