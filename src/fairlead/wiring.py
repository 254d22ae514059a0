"""The one place that knows which implementation is used: builds the process, starts it, and takes it down."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Final

import structlog

from fairlead.accounts.directory import LiveDirectory, load_directory
from fairlead.accounts.profiles import ProfileBook
from fairlead.bus.in_process import InProcessBus
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.state import RequestState, State
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.book_rebuild import BookRows, rebuild_book
from fairlead.core.rules.replay import Replay
from fairlead.core.rules.symbols import SymbolMaster
from fairlead.market.hub import MarketHub
from fairlead.orders.account_desk import BOOK_SPACE
from fairlead.orders.desk_tools import DeskTools, RecordingDesk
from fairlead.orders.floor import TradingFloor
from fairlead.orders.recover import DeskOpener, Recovery, VenueUnreachableError
from fairlead.orders.submit import OrderDoor
from fairlead.orders.waits import SettledRequests
from fairlead.ports import Clock, Journal, JournalRow, Venue
from fairlead.settings import Settings
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.sources.webhook.intake import AlertIntake
from fairlead.sources.webhook.seams import WebhookTools
from fairlead.sources.webhook.stored_alerts import StoredAlerts
from fairlead.store.config_watcher import ConfigWatcher
from fairlead.store.queries.recovery import load_book_rows
from fairlead.store.session import Store
from fairlead.venues.paper.house import PaperHouse
from fairlead.venues.paper.venue import PaperVenue
from fairlead.worker import TaskSupervisor

# The longest window of the rate and duplicate checks, and the longest life of a request before it.
RECENT_ORDERS_MS: Final = 180_000
CONFIG_CHECKED_EVERY_MS: Final = 100
DEFAULT_EXCHANGE: Final = "okx"
DRAIN_MS_MAX: Final = 3_000

_log = structlog.get_logger("fairlead")


class Trading:
    """The order path of one process: market, venues, desks and the door in front of them."""

    def __init__(self, *, journal: Journal, store: Store, clock: Clock, seed: int, profiles: ProfileBook) -> None:
        """Build everything; nothing runs yet."""
        self.hub = MarketHub()
        self.tasks = TaskSupervisor()
        self.floor = TradingFloor()
        self.settled = SettledRequests(InProcessBus())
        self.door = OrderDoor(journal=journal, floor=self.floor, settled=self.settled)
        self._journal = journal
        self._store = store
        self._clock = clock
        self._accounts: dict[str, VenueAccount] = {}
        self._rows: dict[str, BookRows] = {}
        exchange = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=seed, now_ms=clock.now_ms())
        self._house = PaperHouse(exchange=exchange, journal=journal, clock=clock, on_quote=self.hub.on_quote)
        self.hub.on_instruments(exchange.instruments.values())
        tools = DeskTools(
            journal=journal,
            market=self.hub,
            clock=clock,
            limits=profiles.limits_for,
            latches=self._latches,
            settled=self.door.announce,
            wake=self.floor.wake,
            spawn=self._spawn,
            halted=self._halted,
        )
        self._opener = DeskOpener(
            floor=self.floor,
            tools=tools,
            load_book=self._load_book,
            venue_of=self.venue_of,
            resumed=self._resumed,
        )

    @property
    def instruments(self) -> Iterable[Instrument]:
        """Everything that can be traded."""
        return self.hub.instruments.values()

    async def start(self, accounts: Iterable[VenueAccount]) -> None:
        """Recover every account, then let the market move."""
        await self._house.load()
        self._house.tick()
        await self.configure(accounts)
        self.tasks.start("paper market", self._house.run())

    async def configure(self, accounts: Iterable[VenueAccount]) -> None:
        """Take the accounts as they are configured now; open a desk for each new one."""
        known = set(self._accounts)
        self._accounts = {account.account_id: account for account in accounts}
        new = [account for account in self._accounts.values() if account.account_id not in known]
        # All in a handful of queries: a start with many accounts must not ask the database for each.
        self._rows = dict(await self._load_rows(new)) if new else {}
        for account in self._accounts.values():
            if account.account_id in known:
                self.floor.reconfigure(account)
                continue
            try:
                _report(await self._opener.open(account))
            except VenueUnreachableError as error:
                _log.exception("desk_not_opened", account=account.label)
                self.tasks.start(f"open {account.label}", self._open_later(account, str(error)))

    async def stop(self) -> None:
        """End every task."""
        await self.tasks.close()

    async def _open_later(self, account: VenueAccount, reason: str) -> None:
        _report(await self._opener.retry(account, reason))

    async def _load_book(self, account: VenueAccount) -> AccountBook:
        rows = self._rows.pop(account.account_id, None)
        if rows is None:
            rows = (await self._load_rows([account]))[account.account_id]
        return rebuild_book(rows, self.hub.instruments)

    async def _load_rows(self, accounts: Sequence[VenueAccount]) -> Mapping[str, BookRows]:
        since_ms = self._clock.now_ms() - RECENT_ORDERS_MS
        async with self._store.system_session() as system:
            return await load_book_rows(system, accounts, header_space=BOOK_SPACE, recent_since_ms=since_ms)

    def venue_of(self, account: VenueAccount) -> Venue:
        """The venue of an account."""
        return PaperVenue(account, self._house)

    def _latches(self, account: VenueAccount) -> tuple[str, ...]:
        current = self._accounts.get(account.account_id)
        if current is None:
            return ("the account is gone",)
        return () if current.enabled else ("the account is disabled",)

    def _resumed(self, requests: Iterable[RequestState]) -> None:
        self.door.expect(state.request.request_id for state in requests)

    def _spawn(self, desk: RecordingDesk, work: Coroutine[None, None, None]) -> None:
        name = f"desk {desk.account.label}"
        self.tasks.start(name, work, lambda error: desk.halt(f"{type(error).__name__}: {error}"))

    def _halted(self, desk: RecordingDesk) -> None:
        _log.error("desk_halted", account=desk.account.label, reason=desk.halt_reason)
        self.tasks.start(f"rebuild {desk.account.label}", self._rebuild(desk))

    async def _rebuild(self, desk: RecordingDesk) -> None:
        _report(await self._opener.reopen(desk))


class Intake:
    """The webhook source of one process, kept in step with what people configure."""

    def __init__(self, *, settings: Settings, trading: Trading, journal: Journal, store: Store, clock: Clock) -> None:
        """Build it; ``start`` reads the database."""
        self.directory = LiveDirectory(lambda: load_directory(store))
        self.symbols: dict[str, SymbolMaster] = {}
        self._trading = trading
        self._clock = clock
        self._watcher = ConfigWatcher(settings.store_url)
        self._tools = WebhookTools(
            journal=journal,
            door=trading.door,
            reader=StoredAlerts(store),
            directory=self.directory,
            symbols=self.symbols,
            clock=clock,
            report_fault=_report_fault,
            wait_ms=settings.wait_deadline_ms,
        )
        self.alerts = AlertIntake(self._tools)

    async def start(self) -> None:
        """Recover accounts, then alerts; from then on follow every change of the configuration."""
        await self.directory.reload()
        accounts = self.directory.current.list_all_accounts()
        self._list_symbols(accounts)
        await self._trading.start(accounts)
        resumed = await self.alerts.start()
        _log.info("ready", accounts=len(accounts), alerts_resumed=resumed)
        self._trading.tasks.start("configuration", self._follow())

    async def stop(self) -> None:
        """Let alerts that are being handled end."""
        await self.alerts.drain(DRAIN_MS_MAX)
        self._watcher.close()

    async def _follow(self) -> None:
        while True:
            await self._clock.sleep_ms(CONFIG_CHECKED_EVERY_MS)
            if self._watcher.changed():
                await self.directory.reload()
                accounts = self.directory.current.list_all_accounts()
                self._list_symbols(accounts)
                await self._trading.configure(accounts)

    def _list_symbols(self, accounts: Iterable[VenueAccount]) -> None:
        master = SymbolMaster(self._trading.instruments)
        # An alert names the exchange that an account is at, or that a paper account pretends to be at.
        self.symbols.update(dict.fromkeys((DEFAULT_EXCHANGE, *(account.exchange for account in accounts)), master))


def _report_fault(alert_id: str, error: BaseException) -> None:
    _log.error("alert_not_handled", alert=alert_id, exc_info=error)


def _report(recovery: Recovery) -> None:
    _log.info(
        "desk_open",
        account=recovery.account_id,
        orders_asked=recovery.orders_asked,
        orders_in_doubt=recovery.orders_in_doubt,
        requests_resumed=recovery.requests_resumed,
    )
    for difference in recovery.differences:
        _log.warning("drift", account=recovery.account_id, difference=difference)


def journal_fold() -> Callable[[JournalRow], Iterable[State]]:
    """The rules that rebuild every table from the journal."""
    replay = Replay({instrument.symbol: instrument for instrument in DEFAULT_INSTRUMENTS})
    return lambda row: replay.fold(row.tenant, row.event)
