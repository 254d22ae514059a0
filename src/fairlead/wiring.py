"""The one place that knows which implementation is used: builds the process, starts it, and takes it down."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.types import ASGIApp

from fairlead.accounts.addresses import AddressList
from fairlead.accounts.directory import LiveDirectory, load_directory
from fairlead.accounts.profiles import ProfileBook, built_in_profiles
from fairlead.accounts.users import PasswordDoor
from fairlead.bus.in_process import InProcessBus
from fairlead.clock import SystemClock
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
from fairlead.reporting.explanation import explanation_to_builtins
from fairlead.reporting.gather import explain_stored
from fairlead.settings import LogFormat, Settings
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.sources.webhook.intake import AlertIntake
from fairlead.sources.webhook.refused_calls import RefusedCalls
from fairlead.sources.webhook.seams import WebhookTools
from fairlead.sources.webhook.stored_alerts import StoredAlerts
from fairlead.store.config_watcher import ConfigWatcher
from fairlead.store.journal import SqliteJournal
from fairlead.store.migrate import migrate
from fairlead.store.queries.recovery import load_book_rows
from fairlead.store.session import Store
from fairlead.venues.paper.house import PaperHouse
from fairlead.venues.paper.venue import PaperVenue
from fairlead.web.app import build_app
from fairlead.web.server import WebServer
from fairlead.web.tools import CallIds, WebTools
from fairlead.worker import TaskSupervisor

# The longest window of the rate and duplicate checks, and the longest life of a request before it.
RECENT_ORDERS_MS: Final = 180_000
CONFIG_CHECKED_EVERY_MS: Final = 100
DEFAULT_EXCHANGE: Final = "okx"
DRAIN_MS_MAX: Final = 3_000
GARBAGE_THRESHOLD: Final = 50_000
EXIT_JOURNAL_DEAD: Final = 70

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

    def read_health(self) -> dict[str, object]:
        """How the order path is: ok, or which accounts take no orders now."""
        halted = sum(bool(desk.halt_reason) for desk in self.floor.desks)
        closed = len(self._accounts) - len(self.floor.desks)
        return {
            "status": "degraded" if halted or closed else "ok",
            "accounts": len(self._accounts),
            "accounts_halted": halted + closed,
            "requests_unfinished": self.door.unfinished,
        }

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


@dataclass(frozen=True, slots=True)
class Running:
    """A process that takes calls."""

    url: str
    server: WebServer


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """Run everything on this event loop, from recovery to a clean end.

    Raises:
        FolderInUseError: another process has the data folder.
        OSError: the address cannot be listened on.
    """
    configure_logs(settings)
    await asyncio.to_thread(migrate, settings.store_url)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        journal = await SqliteJournal.open(settings.store_url, on_death=_die)
        stack.push_async_callback(journal.close)
        store = Store(settings.store_url)
        stack.push_async_callback(store.close)
        profiles = ProfileBook(built_in_profiles())
        trading = Trading(journal=journal, store=store, clock=clock, seed=settings.market_seed, profiles=profiles)
        stack.push_async_callback(trading.stop)
        intake = Intake(settings=settings, trading=trading, journal=journal, store=store, clock=clock)
        stack.push_async_callback(intake.stop)
        await intake.start()
        server = WebServer(_build_web(settings, trading, intake, store, clock), host=settings.host, port=settings.port)
        await server.start()
        stack.push_async_callback(server.stop)
        _calm_garbage_collector()
        yield Running(url=_url(settings, server.port), server=server)


def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM; blocks."""
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with running(settings) as process:
        _log.info("listening", url=process.url, data=str(settings.data_dir))
        await ended.wait()
        _log.info("stopping")


def _build_web(settings: Settings, trading: Trading, intake: Intake, store: Store, clock: Clock) -> ASGIApp:
    refused = RefusedCalls(store, clock)
    trading.tasks.start("refused calls", refused.run())

    async def explain(tenant: str, subject: str) -> dict[str, object] | None:
        async with store.session(tenant) as session:
            found = await explain_stored(session, subject, trading.hub.instruments)
        return None if found is None else explanation_to_builtins(found)

    tools = WebTools(
        intake=intake.alerts,
        directory=intake.directory,
        passwords=PasswordDoor(find_user=intake.directory.find_user, clock=clock),
        clock=clock,
        call_ids=CallIds(clock, nonce=f"{clock.now_ms()}:{os.getpid()}"),
        explain=explain,
        read_health=trading.read_health,
        note_refused=refused.note,
        report_fault=_report_fault,
        trusted_proxies=settings.trusted_proxies,
        allowed_addresses=AddressList(settings.allowed_addresses),
        body_bytes_max=settings.body_bytes_max,
    )
    return build_app(tools)


def configure_logs(settings: Settings) -> None:
    """Send every log line to standard error; standard output is for what a command prints."""
    is_json = settings.log_format is LogFormat.JSON
    renderer = structlog.processors.JSONRenderer() if is_json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level.value),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _calm_garbage_collector() -> None:
    # What is alive now stays; collecting it again and again costs a tenth of the throughput.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


def _url(settings: Settings, port: int) -> str:
    return settings.model_copy(update={"port": port}).base_url


def _die(error: BaseException) -> None:
    # Without its journal the process can promise nothing: no caller may wait for a writer that is gone.
    _log.critical("journal_writer_died", exc_info=error)
    os._exit(EXIT_JOURNAL_DEAD)


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
