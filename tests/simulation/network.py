"""The network between a desk and its exchange: requests and answers are lost, late or busy, the stream falls silent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from random import Random
from typing import Final, TypeVar

import msgspec

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide, VenueAccount
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.reports import (
    AccountReport,
    CancelOutcome,
    ExecutionReport,
    FindOutcome,
    PlaceOutcome,
    Rejected,
    Unknown,
)
from fairlead.ports import DeliverReports, Venue, VenueCapabilities
from tests.simulation.exchange_side import ExchangeSide

ANSWERED_S_MAX: Final = 3.0
BUSY_MS: Final = 400
# Long after the deadline of an order and the margin beyond it.
LATE_S_MAX: Final = 15.0
REPEATED_AFTER_S_MAX: Final = 5.0

T = TypeVar("T")
Note = Callable[[str], None]


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """How likely what is; shares of 1. ``slow_s_max``: how long a message takes at most when nothing is wrong."""

    request_lost: float = 0.0
    request_late: float = 0.0
    answer_lost: float = 0.0
    busy: float = 0.0
    repeated: float = 0.0
    swapped: float = 0.0
    slow_s_max: float = 0.05


CALM: Final = Weather()
ROUGH: Final = Weather(request_lost=0.08, request_late=0.08, answer_lost=0.10, busy=0.04, repeated=0.15, slow_s_max=0.4)


class Line:
    """Between one account's desk and its exchange; a request under way arrives even when its sender has died."""

    def __init__(self, account: VenueAccount, side: ExchangeSide, dice: Random, note: Note) -> None:
        """Connect to the exchange's end; nobody listens at ours yet."""
        self.account = account
        self.side = side
        self.weather = CALM
        self.is_silent = False
        self._dice = dice
        self._note = note
        self._loop = asyncio.get_running_loop()
        self._deliver: DeliverReports | None = None
        self._pipe: deque[Sequence[ExecutionReport]] = deque()
        self._calls = 0
        self._arrived: set[asyncio.Task[None]] = set()
        side.tapes[account.account_id].hear = self._hear

    # --- calls

    async def ask(self, what: str, act: Callable[[], Awaitable[T]]) -> T | Rejected | Unknown:
        """Carry one call there and its answer back; Unknown when none comes in time."""
        weather, dice = self.weather, self._dice
        answer: asyncio.Future[T] = self._loop.create_future()
        if dice.random() < weather.busy:
            self._note(f"{self.account.account_id}: {what}: too many requests")
            await asyncio.sleep(dice.uniform(0, weather.slow_s_max))
            return Rejected(code="50011", message="Too Many Requests", retry_after_ms=BUSY_MS)
        if dice.random() < weather.request_lost:
            self._note(f"{self.account.account_id}: {what}: the request is lost")
        else:
            delay_s = dice.uniform(0, weather.slow_s_max)
            if dice.random() < weather.request_late:
                delay_s = dice.uniform(0, LATE_S_MAX)
                self._note(f"{self.account.account_id}: {what}: the request is {delay_s:.3f} s under way")
            self._loop.call_later(delay_s, self._arrive, what, act, answer)
        try:
            async with asyncio.timeout(ANSWERED_S_MAX):
                return await answer
        except TimeoutError:
            return Unknown(message="no answer")

    def _arrive(self, what: str, act: Callable[[], Awaitable[T]], answer: asyncio.Future[T]) -> None:
        task = self._loop.create_task(self._carry_out(what, act, answer))
        self._arrived.add(task)
        task.add_done_callback(self._arrived.discard)

    async def _carry_out(self, what: str, act: Callable[[], Awaitable[T]], answer: asyncio.Future[T]) -> None:
        said = await act()
        if self._dice.random() < self.weather.answer_lost:
            self._note(f"{self.account.account_id}: {what}: the answer is lost")
            return
        back_s = self._dice.uniform(0, self.weather.slow_s_max)
        self._loop.call_later(back_s, lambda: None if answer.done() else answer.set_result(said))

    # --- the stream

    def listen(self, deliver: DeliverReports) -> None:
        """Deliver what it says from now on or is still under way, in its order unless the weather is rough."""
        self._deliver = deliver

    def hang_up(self) -> None:
        """Our end is gone: what was under way is lost."""
        self._deliver = None
        self._calls += 1
        self._pipe.clear()

    def speak(self) -> None:
        """End a silence: everything missed comes at once, and some of it a second time, as after a reconnect."""
        self.is_silent = False
        while self._pipe:
            self._pump(self._calls)

    def _hear(self, reports: Sequence[ExecutionReport]) -> None:
        if self._deliver is not None:
            self._pipe.append(tuple(reports))
            self._loop.call_later(self._dice.uniform(0, self.weather.slow_s_max), self._pump, self._calls)

    def _pump(self, call: int) -> None:
        if call != self._calls or self.is_silent or not self._pipe or self._deliver is None:
            return
        if len(self._pipe) > 1 and self._dice.random() < self.weather.swapped:
            self._note(f"{self.account.account_id}: two messages change places")
            self._pipe[0], self._pipe[1] = self._pipe[1], self._pipe[0]
        reports = self._pipe.popleft()
        self._deliver(reports)
        if self._dice.random() < self.weather.repeated:
            self._loop.call_later(self._dice.uniform(0, REPEATED_AFTER_S_MAX), self._repeat, call, reports)

    def _repeat(self, call: int, reports: Sequence[ExecutionReport]) -> None:
        if call == self._calls and not self.is_silent and self._deliver is not None:
            self._note(f"{self.account.account_id}: {len(reports)} reports come again")
            self._deliver(reports)


class LineVenue:
    """ports.Venue at our end of a line; it breaks with the process that holds it."""

    def __init__(self, line: Line) -> None:
        """Speak over this line until it is cut."""
        self.is_cut = False
        self._line = line
        self._account_id = line.account.account_id

    @property
    def capabilities(self) -> VenueCapabilities:
        return self._line.side.kind.capabilities

    @property
    def position_mode(self) -> PositionMode:
        return self._line.side.venues[self._account_id].position_mode

    def listen(self, deliver: DeliverReports) -> None:
        if not self.is_cut:
            self._line.listen(deliver)

    async def place_order(self, approved: ApprovedOrder) -> PlaceOutcome:
        what = f"place {approved.order.order_id}"
        return await self._ask(what, lambda: self._line.side.place(self._account_id, approved))

    async def cancel_order(self, order: Order) -> CancelOutcome:
        return await self._ask(f"cancel {order.order_id}", lambda: self._venue.cancel_order(order))

    async def set_leverage(
        self,
        symbol: str,
        margin_mode: MarginMode,
        position_side: PositionSide,
        leverage: Decimal,
    ) -> Rejected | Unknown | None:
        what = f"leverage {leverage} of {symbol}"
        return await self._ask(what, lambda: self._venue.set_leverage(symbol, margin_mode, position_side, leverage))

    async def find_order(self, order: Order) -> FindOutcome:
        found = await self._ask(f"find {order.order_id}", lambda: self._venue.find_order(order))
        return Unknown(message=found.message) if isinstance(found, Rejected) else found

    async def read_account(self) -> AccountReport | Unknown:
        read = await self._ask("read account", self._venue.read_account)
        return Unknown(message=read.message) if isinstance(read, Rejected) else read

    @property
    def _venue(self) -> Venue:
        return self._line.side.venues[self._account_id]

    async def _ask(self, what: str, act: Callable[[], Awaitable[T]]) -> T | Rejected | Unknown:
        if self.is_cut:
            # The process is dead: nothing leaves it, and nothing comes back.
            await asyncio.get_running_loop().create_future()
        return await self._line.ask(what, act)
