"""Starts the process, serves, and takes everything down in the reverse order."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp

from fairlead.accounts.addresses import AddressList
from fairlead.accounts.directory import LiveDirectory, load_directory
from fairlead.accounts.profiles import ProfileBook, built_in_profiles
from fairlead.accounts.registry import check_kinds
from fairlead.accounts.registry.bots import BotRegistry
from fairlead.accounts.users import PasswordDoor
from fairlead.clock import SystemClock
from fairlead.core.model.instrument import Instrument
from fairlead.observing.health import Readiness
from fairlead.observing.logs import LogPipeline, LogPlan, logging_to
from fairlead.ports import Journal
from fairlead.reporting.explanation import explanation_to_builtins
from fairlead.reporting.gather import explain_stored
from fairlead.settings import LogFormat, Settings
from fairlead.sources.webhook.refused_calls import RefusedCalls
from fairlead.sources.webhook.seams import UnreadableError
from fairlead.store.databases.contract import OwnerLock
from fairlead.store.journal import StoredJournal
from fairlead.store.migrate import migrate
from fairlead.store.session import Store
from fairlead.vault.rotation import check_keys
from fairlead.web.app import build_app
from fairlead.web.server import WebServer
from fairlead.web.tls import TlsFiles
from fairlead.web.tools import CallIds, WebTools
from fairlead.wiring.bot_checks import BotChecks
from fairlead.wiring.bots import Bots
from fairlead.wiring.drifting import Drifting
from fairlead.wiring.far_kinds import FAR_KINDS, open_far_kind
from fairlead.wiring.intake import Intake, report_fault
from fairlead.wiring.killing import Latching
from fairlead.wiring.monitoring import Monitor
from fairlead.wiring.notifying import NotifyTools, notifying
from fairlead.wiring.rule_files import RuleFiles
from fairlead.wiring.secret_box import find_keys, open_secret_box
from fairlead.wiring.trading import OpenVenue, Trading, TradingPlan, lively_exchange

GARBAGE_THRESHOLD: Final = 50_000
EXIT_JOURNAL_DEAD: Final = 70

_log = structlog.get_logger("fairlead")


def _unwatched(journal: Journal) -> Journal:
    return journal


@dataclass(frozen=True, slots=True)
class Plugs:
    """What is plugged into a process beside what we ship: venues by kind of account, and a watch on the journal."""

    venues: Mapping[str, OpenVenue] = field(default_factory=dict)
    watch_journal: Callable[[Journal], Journal] = _unwatched


SHIPPED: Final = Plugs()


@dataclass(frozen=True, slots=True)
class Running:
    """A process that takes calls."""

    url: str
    server: WebServer
    readiness: Readiness


@asynccontextmanager
async def running(settings: Settings, lock: OwnerLock, plugs: Plugs = SHIPPED) -> AsyncIterator[Running]:
    """Run everything on this event loop, from recovery to a clean end, on the database that ``lock`` owns.

    Raises:
        LogFileError: the log file cannot be written.
        TracingMissingError: traces are wanted, and what sends them is not installed.
        VaultError: a key is missing that something was sealed with.
        UnknownKindError: an account is to take orders whose kind this version does not know.
        TlsFilesError: the certificate or its key cannot be used.
        OSError: the address cannot be listened on.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        logs = stack.enter_context(logging_to(_log_plan(settings)))
        await asyncio.to_thread(migrate, settings.store_url, lock)
        journal = await StoredJournal.open(settings.store_url, on_death=partial(_die, logs), lock=lock)
        stack.push_async_callback(journal.close)
        monitor = Monitor(settings, clock, logs, journal)
        stack.push_async_callback(monitor.close)
        watched = plugs.watch_journal(monitor.journal)
        store = Store(settings.store_url)
        stack.push_async_callback(store.close)
        await check_keys(store, find_keys(settings))
        await check_kinds(store)
        profiles = ProfileBook(built_in_profiles())
        directory = LiveDirectory(lambda: load_directory(store))
        latching = Latching(settings.data_dir, directory)
        drifting = Drifting(settings, store, clock)
        stack.callback(drifting.close)
        plan = _plan(settings, latching, directory, drifting, monitor)
        box = open_secret_box(settings)
        kinds = {name: partial(open_far_kind, name=name, box=box) for name in FAR_KINDS}
        plan = replace(plan, venues=plugs.venues, kinds=kinds)
        trading = Trading(journal=watched, store=store, clock=clock, profiles=profiles, plan=plan)
        stack.push_async_callback(trading.stop)
        intake = Intake(
            settings=settings, trading=trading, journal=watched, store=store, clock=clock, directory=directory
        )
        stack.push_async_callback(intake.stop)
        monitor.show(trading, intake, lambda: bool(latching.platform))
        kill_switch = latching.switch(trading, watched, clock)
        # Before the first desk opens: what it finds queued must meet every latch.
        await kill_switch.start()
        await intake.start()
        bots = _make_bots(settings, trading, store, clock, directory, latching)
        await bots.start()
        intake.reloaded.append(bots.reconfigure)
        trading.tasks.start("kill switch", kill_switch.run())
        trading.tasks.start("loss watch", latching.losses(trading, clock).run())
        drifting.start(trading)
        monitor.readiness.is_recovered = True
        web = monitor.watch_web(_build_web(settings, intake, store, monitor, bots))
        server = WebServer(web, host=settings.host, port=settings.port, tls=_tls(settings))
        await server.start()
        stack.push_async_callback(server.stop)
        url = _url(settings, server.port)
        told = NotifyTools(watched, store, clock, trading.market, directory, box)
        await stack.enter_async_context(notifying(settings, url, told))
        _calm_garbage_collector()
        yield Running(url=url, server=server, readiness=monitor.readiness)


def serve(settings: Settings, lock: OwnerLock, plugs: Plugs = SHIPPED) -> None:
    """Run until SIGINT or SIGTERM; blocks. ``lock`` owns the database and is released at the end."""
    # What modules made stays: the search for garbage after the start need not look through it.
    gc.freeze()
    asyncio.run(_serve(settings, lock, plugs))


async def _serve(settings: Settings, lock: OwnerLock, plugs: Plugs) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with running(settings, lock, plugs) as process:
        _log.info("listening", url=process.url, data=str(settings.data_dir))
        await ended.wait()
        process.readiness.is_draining = True
        _log.info("stopping")


def _plan(
    settings: Settings, latching: Latching, directory: LiveDirectory, drifting: Drifting, monitor: Monitor
) -> TradingPlan:
    return TradingPlan(
        seed=settings.market_seed,
        make_exchange=lively_exchange(settings.market_volatility, settings.market_prices),
        unfinished_max=settings.unfinished_requests_max,
        kill_switches=latching.covering,
        zone=latching.zone,
        watch_venue=monitor.watch_venue,
        policies=directory.find_policing,
        live_enabled=settings.enable_live_trading,
        adopts=drifting.adopts,
    )


def _make_bots(
    settings: Settings, trading: Trading, store: Store, clock: SystemClock, directory: LiveDirectory, latching: Latching
) -> Bots:
    return Bots(
        trading=trading,
        store=store,
        clock=clock,
        directory=directory,
        stops=latching.stops,
        find_rule=RuleFiles(settings.rules_dir).find,
    )


def _build_web(settings: Settings, intake: Intake, store: Store, monitor: Monitor, bots: Bots) -> ASGIApp:
    trading, clock = monitor.trading, monitor.clock
    refused = RefusedCalls(store, clock)
    trading.tasks.start("refused calls", refused.run())

    def instruments_of(account_id: str) -> Mapping[str, Instrument]:
        account = trading.accounts.get(account_id)
        return (trading.market if account is None else trading.market.at(account.exchange)).instruments

    async def explain(tenant: str, subject: str) -> dict[str, object] | None:
        # A refused call is gathered before it is stored, and its id was told at once.
        await refused.flush()
        try:
            async with store.session(tenant) as session:
                found = await explain_stored(session, subject, instruments_of)
        except SQLAlchemyError as error:
            raise UnreadableError(type(error).__name__) from error
        return None if found is None else explanation_to_builtins(found)

    tools = WebTools(
        intake=intake.alerts,
        directory=intake.directory,
        passwords=PasswordDoor(find_user=intake.directory.find_user, clock=clock),
        clock=clock,
        call_ids=CallIds(clock, nonce=f"{clock.now_ms()}:{os.getpid()}"),
        explain=explain,
        bots=BotRegistry(store, clock, instruments_of),
        look_at_bot=BotChecks(settings, clock, intake.directory, bots.last_price, bots.find_rule).look,
        monitoring=monitor.answer(),
        note_refused=refused.note,
        report_fault=report_fault,
        trusted_proxies=settings.trusted_proxies,
        allowed_addresses=AddressList(settings.allowed_addresses),
        body_bytes_max=settings.body_bytes_max,
    )
    return build_app(tools)


def _log_plan(settings: Settings) -> LogPlan:
    return LogPlan(
        level=settings.log_level.value,
        is_json=settings.log_format is LogFormat.JSON,
        file=settings.log_file,
        file_bytes_max=settings.log_file_bytes_max,
        files_max=settings.log_files_max,
        secrets=settings.secrets,
    )


def _calm_garbage_collector() -> None:
    # What is alive now stays; collecting it again and again costs a tenth of the throughput.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


def _tls(settings: Settings) -> TlsFiles | None:
    certificate, key = settings.tls_certificate_file, settings.tls_key_file
    return None if certificate is None or key is None else TlsFiles(certificate, key)


def _url(settings: Settings, port: int) -> str:
    return settings.model_copy(update={"port": port}).base_url


def _die(logs: LogPipeline, error: BaseException) -> None:
    # Without its journal the process can promise nothing: no caller may wait for a writer that is gone.
    _log.critical("journal_writer_died", exc_info=error)
    logs.flush()
    os._exit(EXIT_JOURNAL_DEAD)
