"""Builds what watches over the process, around the parts it watches."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final

import structlog
from starlette.types import ASGIApp

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.protection import Protection
from fairlead.core.rules.protection import without_fairlead
from fairlead.market.silence import SilenceWatch
from fairlead.observing.figures import DeskFigures, Figures, JournalFigures
from fairlead.observing.health import Desks, Readiness
from fairlead.observing.logs import LogPipeline
from fairlead.observing.loop_lag import LoopLag
from fairlead.observing.path_lines import PathLines
from fairlead.observing.path_watch import PathWatch
from fairlead.observing.tracing import open_export
from fairlead.observing.watched_journal import WatchedJournal
from fairlead.observing.watched_venue import WatchedVenue
from fairlead.observing.watched_web import WatchedWeb
from fairlead.orders.account_desk import AccountDesk
from fairlead.ports import Clock, Venue
from fairlead.settings import LogLevel, Settings
from fairlead.store.journal import StoredJournal
from fairlead.web.tools import Monitoring
from fairlead.wiring.intake import Intake
from fairlead.wiring.trading import Trading

if TYPE_CHECKING:
    from fairlead.observing.metrics import Metrics


SYMBOLS_TOLD_MAX: Final = 10

_log = structlog.get_logger("fairlead")


class Monitor:
    """One process seen from outside. Build it first, wrap the parts in it, then show it what was built."""

    def __init__(self, settings: Settings, clock: Clock, logs: LogPipeline, journal: StoredJournal) -> None:
        """Watch a journal; on the event loop that uses it.

        Raises:
            TracingMissingError: traces are wanted, and what sends them is not installed.
        """
        self._export = open_export(settings.otlp_url) if settings.otlp_url else None
        self.path = PathWatch(
            clock=clock,
            lines=PathLines(is_verbose=settings.log_level is LogLevel.DEBUG),
            label_of=self._label_of,
            finished=self._export.send if self._export is not None else None,
        )
        self.journal = WatchedJournal(journal, clock, self.path.on_unit)
        self.loop = LoopLag(clock)
        self._settings = settings
        self.clock = clock
        self._logs = logs
        self._writer = journal
        self._metrics: Metrics | None = None

    async def close(self) -> None:
        """Send the last traces."""
        if self._export is not None:
            await asyncio.to_thread(self._export.close)

    def watch_venue(self, venue: Venue) -> Venue:
        """Put a watch on a venue."""
        return WatchedVenue(venue, self.clock, self.path.on_venue_call)

    def show(self, trading: Trading, intake: Intake, is_platform_stopped: Callable[[], bool]) -> None:
        """Take what was built; the questions of operators are answered from it."""
        self.trading = trading
        self.intake = intake
        trading.tasks.start("loop lag", self.loop.run())
        self.silence = SilenceWatch(trading.kinds.hubs, self.clock, _tell_silence)
        trading.tasks.start("silent feeds", self.silence.run())
        self.readiness = Readiness(
            # The writer knows before any unit has an outcome: while it rests, and while it settles a commit in doubt.
            journal_trouble=lambda: self.journal.find_trouble() or self._writer.trouble,
            desks=self._count_desks,
            newest_quote_age_s=lambda: min(self._quote_ages_s().values(), default=0.0),
            is_platform_stopped=is_platform_stopped,
            details=self._describe,
        )

    def answer(self) -> Monitoring:
        """What the web asks."""
        return Monitoring(
            check_health=self.readiness.check_health,
            check_ready=self.readiness.check_ready,
            render_metrics=self._render_metrics,
            token=self._settings.metrics_token,
        )

    def watch_web(self, app: ASGIApp) -> ASGIApp:
        """Put a watch on the web application."""
        self.web = WatchedWeb(app, self.clock, self.path.on_answer)
        return self.web

    def _label_of(self, account_id: str) -> str:
        account = self.trading.accounts.get(account_id)
        return account.label if account is not None else account_id

    def _render_metrics(self) -> bytes:
        if self._metrics is None:
            # Only who asks for numbers pays for the library that writes them: a tenth of a second at the start.
            module = import_module("fairlead.observing.metrics")
            watched = module.Watched(
                path=self.path, web=self.web, journal=self.journal, loop=self.loop, figures=self.read_figures
            )
            self._metrics = module.Metrics(watched)
        return self._metrics.render()

    def read_figures(self) -> Figures:
        """How everything stands now."""
        trading = self.trading
        return Figures(
            journal=JournalFigures(
                units_waiting=self._writer.units_waiting,
                commits=self._writer.commits,
                rows=self._writer.rows_stored,
            ),
            desks=_read_desks(trading.accounts, trading.floor.desks, self._count_desks().halted, self.clock.now_ms()),
            requests_unfinished=trading.door.unfinished,
            requests_unfinished_limit=trading.door.unfinished_max,
            alerts_unhandled=self.intake.alerts.unhandled,
            quote_ages_s=self._quote_ages_s(),
            instruments_silent=self.silence.silent,
            limits=trading.limits(),
            tasks=trading.tasks.running,
            log_lines_dropped=self._logs.dropped,
            log_lines_failed=self._logs.failed,
            log_lines_waiting=self._logs.waiting,
            is_healthy=self.readiness.check_health().is_well,
            is_ready=self.readiness.check_ready().is_well,
        )

    def _count_desks(self) -> Desks:
        desks = self.trading.floor.desks
        accounts = len(self.trading.accounts)
        halted = sum(bool(desk.halt_reason) for desk in desks)
        return Desks(accounts=accounts, halted=halted + max(0, accounts - len(desks)))

    def _quote_ages_s(self) -> Mapping[str, float]:
        now_ms = self.clock.now_ms()
        return {symbol: max(0, now_ms - quote.at_ms) / 1000 for symbol, quote in self.trading.market.quotes.items()}

    def _describe(self) -> Mapping[str, object]:
        desks = self._count_desks()
        return {
            "accounts": desks.accounts,
            "accounts_halted": desks.halted,
            "accounts_unprotected": _count_protections(self.trading.floor.desks)[Protection.UNPROTECTED],
            "alerts_unhandled": self.intake.alerts.unhandled,
            "requests_unfinished": self.trading.door.unfinished,
        }


def _tell_silence(exchange: str, symbols: Sequence[str], is_silent: bool) -> None:  # noqa: FBT001 - as it is told
    level = _log.warning if is_silent else _log.info
    event = "feed_silent" if is_silent else "feed_back"
    level(event, exchange=exchange, instruments=len(symbols), symbols=list(symbols[:SYMBOLS_TOLD_MAX]))


def _read_desks(
    accounts: Mapping[str, VenueAccount], desks: Collection[AccountDesk], halted: int, now_ms: int
) -> DeskFigures:
    statuses: Counter[str] = Counter()
    oldest_ms = now_ms
    for desk in desks:
        for order in desk.book.orders.values():
            statuses[order.status.value] += 1
            if order.status is OrderStatus.UNKNOWN:
                oldest_ms = min(oldest_ms, order.created_ms)
    return DeskFigures(
        accounts=Counter((account.kind, account.mode.value) for account in accounts.values()),
        accounts_halted=halted,
        accounts_in_drift=sum(bool(desk.book.drift) for desk in desks),
        protections=_count_protections(desks),
        orders_open=statuses,
        unknown_age_s=(now_ms - oldest_ms) / 1000,
        requests_waiting=sum(desk.waiting for desk in desks),
    )


def _count_protections(desks: Collection[AccountDesk]) -> Mapping[str, int]:
    """Accounts by who protects them, where that was noted; a halted desk protects nothing."""
    states = dict.fromkeys(map(str, Protection), 0)
    for desk in desks:
        noted = desk.book.protection
        if noted is not None:
            states[without_fairlead(noted.state) if desk.halt_reason else noted.state] += 1
    return states
