"""The whole order path on a real journal and a real simulated exchange, in virtual time, with crashes on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from fairlead.accounts.directory import Directory, LiveDirectory
from fairlead.accounts.profiles import ProfileBook, built_in_profiles
from fairlead.clock import VirtualClock
from fairlead.core.model import ids
from fairlead.core.model.account import ExecutionMode, MarginMode, PositionMode, VenueAccount
from fairlead.core.model.events import AlertHandled
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.order import Order
from fairlead.core.model.policy import Policing, Policy
from fairlead.core.model.reports import Rejected
from fairlead.core.model.request import Close, Enter, OrderRequest, Side, Size, SizeUnit, SourceKind
from fairlead.core.model.risk import RiskLimits
from fairlead.core.model.state import RequestState
from fairlead.core.rules.account_book import AccountBook
from fairlead.orders.account_desk import AccountDesk
from fairlead.orders.desk_tools import RecordingDesk
from fairlead.orders.kill_switch import KillSwitch
from fairlead.orders.loss_watch import LossWatch
from fairlead.ports import AppendOutcome, Fact, JournalRow, Venue
from fairlead.reporting.explanation import Explanation
from fairlead.reporting.gather import explain_stored
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.orders import Order as VenueOrder
from fairlead.simulator.rules import VenueRules
from fairlead.store.journal import StoredJournal
from fairlead.store.queries import states
from fairlead.store.session import Store
from fairlead.store.urls import sqlite_path
from fairlead.store.verify import verify
from fairlead.wiring import Trading, TradingPlan, journal_fold
from fairlead.wiring.killing import Latching
from fairlead.wiring.venue_kinds import KindTools, VenueKind
from tests.orders.scripted_venue import ScriptedVenue
from tests.orders.watched_journal import WatchedJournal
from tests.servers.clean import clean_sqlite

START_MS = 1_790_000_000_000
SPOT, LINEAR, INVERSE, ETHER = "BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP", "ETH-USDT-SWAP"
VALID_MS = 30_000
# Loop turns without anybody waiting for the disk: then nothing will happen before time moves.
QUIET_TURNS = 8

_ACCOUNT = VenueAccount(
    account_id="a1",
    tenant="t1",
    label="a1",
    exchange="okx",
    kind="paper",
    mode=ExecutionMode.PAPER,
    position_mode=PositionMode.NET,
    risk_profile="paper",
    opening_balances={"USDT": Decimal(100_000), "BTC": Decimal(1)},
)
REQUEST = OrderRequest(
    request_id="",
    tenant="t1",
    account_id="a1",
    cause="",
    cause_at_ms=0,
    source_kind=SourceKind.WEBHOOK,
    source_id="h1",
    strategy_id="",
    risk_profile="",
    symbol=LINEAR,
    intent=Enter(side=Side.BUY, size=Size(amount=Decimal(2), unit=SizeUnit.NATIVE)),
    valid_until_ms=0,
    margin_mode=MarginMode.CROSS,
)


def account(account_id: str = "a1", **changes: object) -> VenueAccount:
    return msgspec.structs.replace(_ACCOUNT, account_id=account_id, label=account_id, **changes)


def enter(side: Side, amount: Decimal | int | str, unit: SizeUnit = SizeUnit.NATIVE) -> Enter:
    return Enter(side=side, size=Size(amount=Decimal(amount), unit=unit))


def buy(amount: Decimal | int | str, unit: SizeUnit = SizeUnit.NATIVE) -> Enter:
    return enter(Side.BUY, amount, unit)


def sell(amount: Decimal | int | str, unit: SizeUnit = SizeUnit.NATIVE) -> Enter:
    return enter(Side.SELL, amount, unit)


class WatchedTrading(Trading):
    """The order path as it is, with a scripted venue before each account and an eye on what goes wrong."""

    watched: WatchedJournal
    venues: dict[str, ScriptedVenue]
    halts: list[str]
    silent: frozenset[str]

    def __init__(
        self,
        *,
        journal: WatchedJournal,
        store: Store,
        clock: VirtualClock,
        profiles: ProfileBook,
        plan: TradingPlan,
    ) -> None:
        self.watched = journal
        self.venues = {}
        self.halts = []
        super().__init__(journal=journal, store=store, clock=clock, profiles=profiles, plan=plan)

    @property
    def exchange(self) -> Exchange:
        return self._house.exchange

    def venue_of(self, account: VenueAccount) -> Venue:
        venue = super().venue_of(account)
        known = self.venues.get(account.account_id)
        if known is None:
            known = self.venues[account.account_id] = ScriptedVenue(venue)
            known.is_silent = account.account_id in self.silent
        known.venue = venue
        return known

    async def _load_book(self, account: VenueAccount) -> AccountBook:
        self.watched.in_flight += 1
        try:
            return await super()._load_book(account)
        finally:
            self.watched.in_flight -= 1

    async def load_book(self, account: VenueAccount) -> AccountBook:
        return await self._load_book(account)

    def _halted(self, desk: RecordingDesk) -> None:
        self.halts.append(f"{desk.account.label}: {desk.halt_reason}")
        super()._halted(desk)


class TradingWorld:
    """One data folder; a process is started, stopped, killed and started again in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = VirtualClock(START_MS)
        self._profiles = built_in_profiles()
        self.accounts: list[VenueAccount] = []
        self.policies: list[Policy] = []
        # Kinds of venues far away.
        self.kinds: dict[str, Callable[[KindTools], VenueKind]] = {}
        self.make_exchange: Callable[[int, int], Exchange] = make_exchange(VenueRules())
        self.halts_expected = False
        self.placed: list[str] = []
        # Accounts whose venue tells nothing when a process starts.
        self.silent: set[str] = set()
        self.trading: WatchedTrading
        self.journal: WatchedJournal
        self.kill_switch: KillSwitch
        self.losses: LossWatch
        self._sqlite: StoredJournal
        self._store: Store
        self._causes = 0
        self._loop_errors: list[str] = []

    @classmethod
    def make(cls, folder: Path) -> TradingWorld:
        return cls(clean_sqlite(folder))

    # --- life of the process

    async def start(self, *accounts: VenueAccount) -> None:
        self.accounts = list(accounts) or self.accounts or [account()]
        asyncio.get_running_loop().set_exception_handler(self._note_error)
        self._sqlite = await StoredJournal.open(self.url, on_death=_fail)
        self._store = Store(self.url)
        self.journal = WatchedJournal(self._sqlite)
        latching = Latching(sqlite_path(self.url).parent, LiveDirectory(load_nobody))
        self.trading = WatchedTrading(
            journal=self.journal,
            store=self._store,
            clock=self.clock,
            profiles=ProfileBook(self._profiles),
            plan=TradingPlan(
                seed=7,
                kill_switches=latching.covering,
                zone=latching.zone,
                policies=self._find_policing,
                kinds=self.kinds,
                make_exchange=self.make_exchange,
            ),
        )
        self.trading.silent = frozenset(self.silent)
        self.losses = latching.losses(self.trading, self.clock)
        self.kill_switch = latching.switch(self.trading, self.journal, self.clock)
        await self._finish(self.kill_switch.start())
        await self._finish(self.trading.start(self.accounts))
        await self.quiet()

    def _find_policing(self, _account: VenueAccount, _request: OrderRequest) -> Policing:
        return Policing(policies=tuple(self.policies), source="my-hook")

    async def configure(self, *accounts: VenueAccount) -> None:
        """Let these be the accounts from now on."""
        self.accounts = list(accounts)
        await self._finish(self.trading.configure(accounts))
        await self.quiet()

    async def stop(self) -> None:
        """End in good order."""
        await self.quiet()
        await self._end()

    async def crash(self) -> None:
        """Die now: what was not handed to the journal is lost, and nobody hears of what it stores."""
        self.journal.is_dead = True
        await self._end()

    async def restart(self, *, pause_ms: int = 0) -> None:
        await self.crash()
        self.clock.advance_ms(pause_ms)
        await self.start()

    async def _end(self) -> None:
        await self.trading.stop()
        for venue in self.trading.venues.values():
            self.placed += venue.placed
        await self._sqlite.close()
        await self._store.close()
        if not self.halts_expected:
            assert not self.trading.halts
        assert self._loop_errors == []

    def problems(self) -> tuple[str, ...]:
        """What the journal and the tables say against each other."""
        return verify(self.url, journal_fold()).problems

    # --- time

    async def quiet(self) -> None:
        """Return when nothing more happens unless time moves."""
        turns = 0
        while turns < QUIET_TURNS:
            if self.journal.in_flight:
                turns = 0
                await self.journal.wait_for_the_disk()
            else:
                turns += 1
                await asyncio.sleep(0)

    async def run_ms(self, duration_ms: int) -> None:
        """Let time pass from wake to wake, with everything done that each wake causes."""
        end_ms = self.clock.now_ms() + duration_ms
        await self.quiet()
        while (wake_ms := self.clock.next_wake_ms) is not None and wake_ms <= end_ms:
            self.clock.advance_ms(wake_ms - self.clock.now_ms())
            await self.quiet()
        self.clock.advance_ms(end_ms - self.clock.now_ms())

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        while not task.done():
            await self.quiet()
            if not task.done() and (wake_ms := self.clock.next_wake_ms) is not None:
                self.clock.advance_ms(wake_ms - self.clock.now_ms())
        await task

    # --- wishes

    def request(self, account_id: str = "a1", **changes: object) -> OrderRequest:
        """A wish as a webhook makes it: its id follows from the cause and the account."""
        self._causes += 1
        cause = str(changes.get("cause", f"alert{self._causes}"))
        now_ms = self.clock.now_ms()
        one = msgspec.structs.replace(
            REQUEST,
            request_id=ids.request_id(cause_at_ms=now_ms, cause=cause, account_id=account_id),
            account_id=account_id,
            cause=cause,
            cause_at_ms=now_ms,
            valid_until_ms=now_ms + VALID_MS,
        )
        return msgspec.structs.replace(one, **changes)

    def close_request(self, account_id: str = "a1", **changes: object) -> OrderRequest:
        """A wish to close what is held of an instrument."""
        return self.request(account_id, **{"intent": Close(), **changes})

    async def limit(self, limits: RiskLimits) -> None:
        """Start again with these limits in every profile, and none beside."""
        profiles = built_in_profiles()
        self._profiles = {name: msgspec.structs.replace(one, limits=limits) for name, one in profiles.items()}
        await self.restart()

    async def submit(self, *requests: OrderRequest) -> AppendOutcome:
        """Hand requests of one cause in, and do not wait for what becomes of them."""
        return await self.trading.door.submit((_handled(requests),), requests)

    async def ask(self, *requests: OrderRequest, within_ms: int = 0) -> list[RequestState]:
        """Hand requests in, each from a cause of its own, and say what became of them."""
        await asyncio.gather(*(self.submit(request) for request in requests))
        await self.quiet()
        await self.run_ms(within_ms)
        return [await self.state(request) for request in requests]

    async def want(self, account_id: str = "a1", **changes: object) -> RequestState:
        """One request, settled."""
        (state,) = await self.ask(self.request(account_id, **changes))
        return state

    # --- what is known

    async def state(self, request: OrderRequest) -> RequestState:
        """The stored result of a request."""
        found = await self.find_state(request)
        assert found is not None, request
        return found

    async def find_state(self, request: OrderRequest) -> RequestState | None:
        """The stored result of a request; None when we died before it was stored."""
        async with self._store.session(request.tenant) as session:
            return await states.find_request(session, request.request_id)

    def instruments_of(self, account_id: str) -> Mapping[str, Instrument]:
        """What the market of an account lists."""
        return self.trading.market.at(self.trading.accounts[account_id].exchange).instruments

    async def explain(self, subject: str) -> Explanation:
        """What the database says about an id."""
        async with self._store.session("t1") as session:
            found = await explain_stored(session, subject, self.instruments_of)
        assert found is not None, subject
        return found

    async def orders(self, account_id: str = "a1") -> list[Order]:
        """All stored orders of an account, oldest first."""
        async with self._store.session("t1") as session:
            return list(await states.load_orders_since(session, 0, account_id))

    async def orders_of(self, request: OrderRequest) -> list[Order]:
        """Stored orders of one request, leg by leg."""
        found = [order for order in await self.orders(request.account_id) if order.request_id == request.request_id]
        return sorted((order for order in found if not order.origin), key=lambda order: order.leg)

    async def facts(self, *kinds: type) -> list[JournalRow]:
        """Journal rows of these kinds, or all."""
        return [row async for row in self._sqlite.read_after(0) if not kinds or isinstance(row.event, kinds)]

    def desk(self, account_id: str = "a1") -> AccountDesk:
        """The open desk of an account."""
        desk = self.trading.floor.find(account_id)
        assert desk is not None, account_id
        return desk

    def venue(self, account_id: str = "a1") -> ScriptedVenue:
        """The script of an account's venue."""
        return self.trading.venues[account_id]

    async def rebuilt(self, account_id: str = "a1") -> AccountBook:
        """The book that a restart would begin with."""
        (one,) = (one for one in self.accounts if one.account_id == account_id)
        return await self.trading.load_book(one)

    async def lose_reports(self, account_id: str = "a1") -> None:
        """Lose every later report of an account, as a broken stream does."""
        await self.quiet()
        self.venue(account_id).is_deaf = True

    @staticmethod
    def rate_limit(retry_after_ms: int) -> Rejected:
        """The refusal that says: not now."""
        return Rejected(code="50011", message="Too Many Requests", retry_after_ms=retry_after_ms)

    # --- the witness

    @property
    def exchange(self) -> Exchange:
        """The simulated exchange of this process."""
        return self.trading.exchange

    def venue_orders(self, account_id: str = "a1") -> list[VenueOrder]:
        """Every order the exchange has or had."""
        books = self.exchange.accounts
        return [*books.finished_orders(account_id), *books.open_orders(account_id)]

    def held(self, symbol: str = LINEAR, account_id: str = "a1") -> Decimal:
        """Signed contracts at the exchange, both sides together."""
        rows = self.exchange.accounts.positions(account_id)
        return sum((row.signed_quantity for row in rows if row.symbol == symbol), Decimal(0))

    def differences(self, account_id: str = "a1") -> list[str]:
        """Where our book and the exchange's own disagree."""
        book = self.desk(account_id).book
        books = self.exchange.accounts
        ours: dict[str, object] = {f"cash {row.currency}": row.total for row in book.balances.values() if row.total}
        ours.update(
            (f"position {row.symbol} {row.position_side} {row.margin_mode}", row.quantity)
            for row in book.positions.values()
        )
        ours.update((f"order {order_id}", order.filled_quantity) for order_id, order in book.orders.items())
        theirs: dict[str, object] = {
            f"cash {currency}": row.total for currency, row in books.balances(account_id).items() if row.total
        }
        theirs.update(
            (f"position {row.symbol} {row.position_side} {row.margin_mode}", row.quantity)
            for row in books.positions(account_id)
        )
        theirs.update(
            (f"order {order.client_order_id}", order.filled_quantity) for order in books.open_orders(account_id)
        )
        return [
            f"{key}: ours {ours.get(key)}, theirs {theirs.get(key)}"
            for key in sorted({*ours, *theirs})
            if ours.get(key) != theirs.get(key)
        ]

    def agrees(self, account_id: str = "a1") -> bool:
        """Whether our books are the exchange's and no drift was noted."""
        assert self.differences(account_id) == []
        assert self.desk(account_id).book.drift == ()
        return True

    def feed(self, symbol: str, price: Decimal) -> None:
        """Pin a market to a price, as a feed from outside does."""
        self.exchange.feed_price(symbol, price, now_ms=self.clock.now_ms())

    def price(self, symbol: str = LINEAR) -> Decimal:
        """Mark price."""
        return self.trading.hub.quotes[symbol].mark

    def _note_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._loop_errors.append(f"{context.get('message')}: {context.get('exception')!r}")


def _handled(requests: Iterable[OrderRequest]) -> Fact:
    requests = list(requests)
    cause = requests[0].cause
    event = AlertHandled(
        alert_id=cause,
        verdict="accepted",
        reason_code="",
        detail="",
        mapping=(requests[0].symbol, requests[0].symbol),
        warnings=(),
        request_ids=tuple(request.request_id for request in requests),
        at_ms=requests[0].cause_at_ms,
    )
    return Fact(tenant="t1", stream="hook:h1", cause=cause, at_ms=event.at_ms, event=event, key=cause)


def make_exchange(rules: VenueRules) -> Callable[[int, int], Exchange]:
    """Opens an exchange with these rules."""
    return lambda seed, now_ms: Exchange(instruments=DEFAULT_INSTRUMENTS, seed=seed, now_ms=now_ms, rules=rules)


async def load_nobody() -> Directory:
    return Directory()


def _fail(error: BaseException) -> None:
    raise AssertionError("the writer died") from error
