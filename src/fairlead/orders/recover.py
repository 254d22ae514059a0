"""Start = recover: a desk opens only after its book is rebuilt, the venue was asked, and doubts have an owner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from fairlead.core.model import events as ev
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.reports import AccountReport, Unknown, VenueOrder
from fairlead.core.model.state import RequestState
from fairlead.core.rules.account_book import AccountBook
from fairlead.orders.account_desk import AccountDesk
from fairlead.orders.desk_tools import DeskTools, RecordingDesk
from fairlead.orders.floor import TradingFloor
from fairlead.orders.reconcile import differences, settle_doubt
from fairlead.orders.reports import events_of_reports
from fairlead.ports import Venue

READ_ACCOUNT_TIMES_MAX: Final = 10
READ_ACCOUNT_PAUSE_MS: Final = 500
REOPEN_FIRST_MS: Final = 100
REOPEN_PAUSE_MAX_MS: Final = 10_000

_DOUBTFUL: Final = frozenset({OrderStatus.IN_FLIGHT, OrderStatus.UNKNOWN})


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
    venue.listen(desk.on_reports)
    if not book.is_adopted:
        desk.record([await _adoption(account, venue, tools)])
    open_orders = list(book.orders.values())
    doubts = [order for order in open_orders if not await _ask(desk, tools, order)]
    found = differences(book, await _read_account(account, venue, tools))
    if found != book.drift:
        desk.record([ev.DriftFound(account_id=account.account_id, differences=found, at_ms=tools.clock.now_ms())])
    for order in doubts:
        tools.spawn(desk, settle_doubt(desk, tools, order))
    recovery = Recovery(
        account_id=account.account_id,
        orders_asked=len(open_orders),
        orders_in_doubt=len(doubts),
        requests_resumed=len(book.requests),
        differences=found,
    )
    desk.resume()
    return desk, recovery


async def _ask(desk: AccountDesk, tools: DeskTools, order: Order) -> bool:
    """Learn what became of an order while we were away; False leaves it in doubt."""
    found = await desk.venue.find_order(order)
    if isinstance(found, VenueOrder):
        desk.record(events_of_reports(desk.account.account_id, found.reports))
        return True
    if order.status is OrderStatus.IN_FLIGHT:
        event = ev.OrderUnknown(
            order_id=order.order_id,
            account_id=order.account_id,
            message="we stopped before the venue's answer was recorded",
            at_ms=tools.clock.now_ms(),
        )
        desk.record([event])
    return order.status not in _DOUBTFUL


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
    for _ in range(READ_ACCOUNT_TIMES_MAX):
        report = await venue.read_account()
        if not isinstance(report, Unknown):
            return report
        message = report.message
        await tools.clock.sleep_ms(READ_ACCOUNT_PAUSE_MS)
    sentence = f"account {account.label}: the venue does not tell its balances and positions: {message}"
    raise VenueUnreachableError(sentence)


class DeskOpener:
    """Opens desks at start and after a halt: one path for both."""

    def __init__(
        self,
        *,
        floor: TradingFloor,
        tools: DeskTools,
        load_book: Callable[[VenueAccount], Awaitable[AccountBook]],
        venue_of: Callable[[VenueAccount], Venue],
        resumed: Callable[[Iterable[RequestState]], None],
    ) -> None:
        """Take what is needed to rebuild; ``resumed`` hears of requests whose senders may still wait."""
        self._floor = floor
        self._tools = tools
        self._load_book = load_book
        self._venue_of = venue_of
        self._resumed = resumed

    async def open(self, account: VenueAccount) -> Recovery:
        """Rebuild the desk of an account and put it on the floor.

        Raises:
            VenueUnreachableError: the venue gave no view of the account.
        """
        book = await self._load_book(account)
        desk, recovery = await open_desk(account, book, self._venue_of(account), self._tools)
        self._resumed(state for state in book.requests.values() if state.is_pending)
        self._floor.add(desk)
        return recovery

    async def reopen(self, halted: RecordingDesk) -> Recovery:
        """Rebuild a halted desk, and note that and why."""
        return await self.retry(halted.account, halted.halt_reason)

    async def retry(self, account: VenueAccount, reason: str) -> Recovery:
        """Open the desk of an account, trying until the journal and the venue answer; notes why it was closed."""
        pause_ms = REOPEN_FIRST_MS
        while True:
            await self._tools.clock.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, REOPEN_PAUSE_MAX_MS)
            try:
                recovery = await self.open(account)
            except VenueUnreachableError:
                continue
            desk = self._floor.find(account.account_id)
            if desk is not None:
                now_ms = self._tools.clock.now_ms()
                desk.record([ev.DeskRebuilt(account_id=account.account_id, reason=reason, at_ms=now_ms)])
            return recovery
