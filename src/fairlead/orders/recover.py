"""Start = recover: a desk opens only after its book is rebuilt, the venue was asked, and doubts have an owner."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from fairlead.core.model import events as ev
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.reports import AccountReport, ExecutionReport, FindOutcome, Unknown, VenueOrder
from fairlead.core.model.state import RequestState
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.drift import DOUBTFUL
from fairlead.orders.account_desk import AccountDesk
from fairlead.orders.desk_tools import DeskTools, RecordingDesk
from fairlead.orders.drift_notes import compare, note
from fairlead.orders.floor import TradingFloor
from fairlead.orders.reconcile import settle_doubt
from fairlead.orders.reports import in_venue_order
from fairlead.ports import Unit, Venue

ASK_TIMES_MAX: Final = 10
ASK_PAUSE_MS: Final = 500
REOPEN_FIRST_MS: Final = 100
REOPEN_PAUSE_MAX_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Recovery:
    """What recovering one account found: orders asked about, those still in doubt, and differences to the venue."""

    account_id: str
    orders_asked: int
    orders_in_doubt: int
    requests_resumed: int
    differences: tuple[str, ...]


class VenueUnreachableError(Exception):
    """The venue did not tell its view of an account, so its desk cannot open."""


class BookUnreadableError(Exception):
    """The store did not give the rows of an account, so its desk cannot open."""


async def open_desk(
    account: VenueAccount,
    book: AccountBook,
    venue: Venue,
    tools: DeskTools,
) -> tuple[AccountDesk, Recovery]:
    """Rebuild one desk: listen, ask the venue about every open order, compare, then take requests again.

    Raises:
        VenueUnreachableError: the venue gave no view of the account within the named number of tries.
    """
    desk = AccountDesk(account, book, venue, tools)
    tools.journal.reopen(desk.stream)
    heard: list[ExecutionReport] = []
    venue.listen(heard.extend)
    if not book.is_adopted:
        desk.record([await _adoption(account, venue, tools)])
        # The venue's view has it already.
        heard.clear()
    open_orders = list(book.orders.values())
    answers = [(order, await _find_order(account, venue, tools, order)) for order in open_orders]
    told = [report for _, answer in answers if isinstance(answer, VenueOrder) for report in answer.reports]
    # Profit depends on the order of fills over all orders, so what was missed is taken in the venue's order.
    desk.on_reports(in_venue_order([*told, *heard]))
    venue.listen(desk.on_reports)
    doubts = [order for order, answer in answers if not isinstance(answer, VenueOrder) and order.status in DOUBTFUL]
    desk.record([_doubt(order, tools) for order in doubts if order.status is OrderStatus.IN_FLIGHT])
    await _compare(desk, tools)
    for order in doubts:
        tools.spawn(desk, _settle(desk, tools, order))
    recovery = Recovery(
        account_id=account.account_id,
        orders_asked=len(open_orders),
        orders_in_doubt=len(doubts),
        requests_resumed=len(book.requests),
        differences=book.drift,
    )
    desk.record([_report(recovery, tools.clock.now_ms())])
    desk.resume()
    return desk, recovery


def _report(recovery: Recovery, now_ms: int) -> ev.AccountRecovered:
    return ev.AccountRecovered(
        account_id=recovery.account_id,
        orders_asked=recovery.orders_asked,
        orders_in_doubt=recovery.orders_in_doubt,
        requests_resumed=recovery.requests_resumed,
        differences=len(recovery.differences),
        at_ms=now_ms,
    )


async def _compare(desk: RecordingDesk, tools: DeskTools) -> None:
    """Note where our record and the venue's differ now."""
    report = await _read_account(desk.account, desk.venue, tools)
    desk.record(_other_leverages(desk.book, report, tools.clock.now_ms()))
    note(desk, tools, compare(desk, tools, report, None))


def _other_leverages(book: AccountBook, report: AccountReport, now_ms: int) -> list[ev.AccountEvent]:
    """Leverages that the venue has and we do not: set by hand, or by us in a call whose answer was lost."""
    found: list[ev.AccountEvent] = []
    for theirs in report.positions:
        ours = book.positions.get((theirs.symbol, theirs.position_side))
        if ours is not None and theirs.leverage and ours.leverage != theirs.leverage:
            symbol, margin_mode, side = book.leverage_key(theirs.symbol, theirs.margin_mode, theirs.position_side)
            found.append(
                ev.LeverageChanged(
                    account_id=book.account_id,
                    symbol=symbol,
                    margin_mode=margin_mode,
                    position_side=side,
                    leverage=theirs.leverage,
                    at_ms=now_ms,
                )
            )
    return found


async def _settle(desk: RecordingDesk, tools: DeskTools, order: Order) -> None:
    await settle_doubt(desk, tools, order)
    # A difference may have been that very order.
    if desk.book.drift:
        await _compare(desk, tools)


async def _find_order(account: VenueAccount, venue: Venue, tools: DeskTools, order: Order) -> FindOutcome:
    """Ask about an order until there is an answer; one in doubt may stay so, of any other we must not miss a fill."""
    message = ""
    for _ in range(ASK_TIMES_MAX):
        answer = await venue.find_order(order)
        if not isinstance(answer, Unknown):
            return answer
        message = answer.message
        await tools.clock.sleep_ms(ASK_PAUSE_MS)
    if order.status in DOUBTFUL:
        return Unknown(message=message)
    sentence = f"account {account.label}: the venue does not tell what became of {order.order_id}: {message}"
    raise VenueUnreachableError(sentence)


def _doubt(order: Order, tools: DeskTools) -> ev.OrderUnknown:
    return ev.OrderUnknown(
        order_id=order.order_id,
        account_id=order.account_id,
        message="we stopped before the venue's answer was recorded",
        at_ms=tools.clock.now_ms(),
    )


async def _adoption(account: VenueAccount, venue: Venue, tools: DeskTools) -> ev.AccountAdopted:
    report = await _read_account(account, venue, tools)
    return ev.AccountAdopted(
        tenant=account.tenant,
        account_id=account.account_id,
        position_mode=venue.position_mode,
        balances=report.balances,
        positions=report.positions,
        at_ms=tools.clock.now_ms(),
    )


async def _read_account(account: VenueAccount, venue: Venue, tools: DeskTools) -> AccountReport:
    message = ""
    for _ in range(ASK_TIMES_MAX):
        report = await venue.read_account()
        if not isinstance(report, Unknown):
            return report
        message = report.message
        await tools.clock.sleep_ms(ASK_PAUSE_MS)
    sentence = f"account {account.label}: the venue does not tell its balances and positions: {message}"
    raise VenueUnreachableError(sentence)


class DeskOpener:
    """Opens desks at start and after a halt: one path for both."""

    def __init__(
        self,
        *,
        floor: TradingFloor,
        tools: DeskTools,
        tools_of: Callable[[VenueAccount], DeskTools],
        load_book: Callable[[VenueAccount], Awaitable[AccountBook]],
        venue_of: Callable[[VenueAccount], Venue],
        resumed: Callable[[Iterable[RequestState]], None],
    ) -> None:
        """Take what is needed to rebuild; ``tools_of`` adds an account's own market to ``tools``.

        ``resumed`` hears of requests whose senders may still wait.
        """
        self._floor = floor
        self._tools_of = tools_of
        self._journal = tools.journal
        self._clock = tools.clock
        self._load_book = load_book
        self._venue_of = venue_of
        self._resumed = resumed
        # A desk may halt while it opens, and then it is rebuilt: one after the other, or the older one would take what
        # is held for the newer, and its place.
        self._opening: dict[str, asyncio.Lock] = {}

    async def open(self, account: VenueAccount) -> Recovery:
        """Rebuild the desk of an account and put it on the floor, once nobody else does.

        Raises:
            BookUnreadableError: the store cannot be read now.
            VenueUnreachableError: the venue gave no view of the account.
        """
        async with self._opening.setdefault(account.account_id, asyncio.Lock()):
            return await self._open(account)

    async def _open(self, account: VenueAccount) -> Recovery:
        # What a halted desk has queued is stored, or refused, before its rows are read.
        await self._journal.commit(Unit())
        book = await self._load_book(account)
        desk, recovery = await open_desk(account, book, self._venue_of(account), self._tools_of(account))
        self._resumed(state for state in book.requests.values() if state.is_pending)
        self._floor.add(desk)
        return recovery

    async def compare(self, desk: RecordingDesk) -> bool:
        """Note where our record and the venue's differ now; False if the venue does not tell."""
        try:
            await _compare(desk, self._tools_of(desk.account))
        except VenueUnreachableError:
            return False
        return True

    async def reopen(self, halted: RecordingDesk) -> Recovery:
        """Rebuild a halted desk, and note that and why."""
        return await self.retry(halted.account, halted.halt_reason)

    async def retry(self, account: VenueAccount, reason: str) -> Recovery:
        """Open the desk of an account, trying until the store and the venue answer; notes why it was closed."""
        pause_ms = REOPEN_FIRST_MS
        while True:
            await self._clock.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, REOPEN_PAUSE_MAX_MS)
            try:
                recovery = await self.open(account)
            except (BookUnreadableError, VenueUnreachableError):
                continue
            desk = self._floor.find(account.account_id)
            if desk is not None:
                now_ms = self._clock.now_ms()
                desk.record([ev.DeskRebuilt(account_id=account.account_id, reason=reason, at_ms=now_ms)])
            return recovery
