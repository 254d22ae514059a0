"""One life of Fairlead in the simulated world: the parts of the product, wired as in the process, until it dies.

Left out is what has no place in virtual time: HTTP, log files, the file of the kill switches, notifications.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final
from unittest.mock import patch

import msgspec

from fairlead.accounts.directory import Directory, LiveDirectory
from fairlead.accounts.profiles import ProfileBook, built_in_profiles
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.ids import alert_id
from fairlead.core.model.market import Quote
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.symbols import SymbolMaster
from fairlead.orders.desk_tools import RecordingDesk
from fairlead.ports import Clock, Journal, JournalRow, Unit, Venue
from fairlead.sources.webhook.inbox import AlertCall
from fairlead.sources.webhook.intake import AlertIntake, Answered
from fairlead.sources.webhook.json_text import parse_body
from fairlead.sources.webhook.seams import WebhookTools
from fairlead.sources.webhook.stored_alerts import StoredAlerts
from fairlead.store.queries.hooks import Hook
from fairlead.store.session import Store
from fairlead.wiring import Trading, TradingPlan
from fairlead.wiring.bots import Bots
from tests.simulation.cast import TOKEN, Sent
from tests.simulation.disk import Disk, DiskJournal, DiskStore
from tests.simulation.exchange_side import INSTRUMENTS
from tests.simulation.network import Line, LineVenue

DRAIN_MS: Final = 1_000


def _as_it_is(journal: Journal) -> Journal:
    return journal


def _as_it_stands(venue: Venue) -> Venue:
    return venue


@dataclass(frozen=True)
class Mutant:
    """A product with one thing done wrong; as it stands here, nothing is."""

    journal: Callable[[Journal], Journal] = _as_it_is
    venue: Callable[[Venue], Venue] = _as_it_stands
    patch: Callable[[], AbstractContextManager[object]] = nullcontext


SOUND: Final = Mutant()


def few_instruments() -> AbstractContextManager[object]:
    """Let Fairlead know only what is traded here: listing the others takes most of the time of a start."""
    return patch("fairlead.wiring.trading.DEFAULT_INSTRUMENTS", INSTRUMENTS)


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What a process finds when it starts, and finds again after a crash."""

    disk: Disk
    clock: Clock
    directory: Directory
    lines: Mapping[str, Line]
    mutant: Mutant
    quotes: Callable[[], Iterable[Quote]]


class SimulatedTrading(Trading):
    """The order path as it is; its accounts are at exchanges outside, and so are its prices."""

    halts: list[str]

    def __init__(self, journal: Journal, store: Store, site: Site) -> None:
        """Build everything; nothing runs yet."""
        self.halts = []
        self.line_venues: dict[str, LineVenue] = {}
        self._site = site
        kinds = {line.side.kind.name for line in site.lines.values()}
        plan = TradingPlan(seed=1, watch_venue=site.mutant.venue, venues=dict.fromkeys(kinds, self._open_line))
        profiles = ProfileBook(built_in_profiles())
        super().__init__(journal=journal, store=store, clock=site.clock, profiles=profiles, plan=plan)

    async def start(self, accounts: Iterable[VenueAccount]) -> None:
        """Recover every account; no market of our own moves."""
        for quote in self._site.quotes():
            self.hub.on_quote(quote)
        await self.configure(accounts)

    def _open_line(self, account: VenueAccount) -> LineVenue:
        venue = self.line_venues.get(account.account_id)
        if venue is None:
            venue = self.line_venues[account.account_id] = LineVenue(self._site.lines[account.account_id])
        return venue

    async def load_book(self, account: VenueAccount) -> AccountBook:
        """The book that a restart would begin with."""
        return await self._load_book(account)

    def _halted(self, desk: RecordingDesk) -> None:
        self.halts.append(f"{desk.account.label}: {desk.halt_reason}")
        super()._halted(desk)


@dataclass
class Faults:
    """What must not happen in a process, gathered over all of them."""

    found: list[str] = field(default_factory=list)

    def note(self, subject: str, error: BaseException) -> None:
        self.found.append(f"{subject}: {type(error).__name__}: {error}")


class Server:
    """From its start to its end, which is orderly (``stop``) or not (``kill`` and then ``bury``)."""

    def __init__(self, site: Site, faults: Faults) -> None:
        """Build the process on what it finds. Make it on the loop that will run it."""
        self.is_listening = False
        self.is_over = False
        self.site = site
        self.store = DiskStore(site.disk)
        self._journal = DiskJournal(site.disk, site.clock)
        self._journal_used = site.mutant.journal(self._journal)
        self._faults = faults
        self._calls = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.trading = SimulatedTrading(self._journal_used, self.store, site)
        self.directory = LiveDirectory(self._load)
        self.intake = AlertIntake(self._tools())
        self.bots = Bots(
            trading=self.trading,
            store=self.store,
            clock=site.clock,
            directory=self.directory,
            stops=lambda _account, _bot: False,
        )

    def begin(self) -> None:
        """Recover, then listen; nobody waits for it, because it may be killed meanwhile."""
        self._spawn(self._start())

    async def _start(self) -> None:
        await self.directory.reload()
        await self.trading.start(self.directory.current.list_all_accounts())
        await self.intake.start()
        # Their clock ticks often, which costs worlds without any more than all the rest.
        if self.site.directory.roster.bots:
            await self.bots.start()
        self.is_listening = True

    def take(self, sent: Sent, hook: Hook) -> asyncio.Task[None]:
        """Take one call; its answer counts only if we live to give it."""
        return self._spawn(self._answer(sent, hook))

    async def _answer(self, sent: Sent, hook: Hook) -> None:
        self._calls += 1
        now_ms = self.site.clock.now_ms()
        nonce = f"{sent.alert} {self._calls} {asyncio.get_running_loop().time()}"
        call = AlertCall(
            call_id=alert_id(received_at_ms=now_ms, hook_id=hook.hook_id, nonce=nonce),
            token=TOKEN,
            body=sent.body,
            content_type="application/json",
            source_address="52.89.214.238",
            received_ms=now_ms,
        )
        said = await self.intake.receive(call, hook, parse_body(sent.body))
        if self.is_over:
            return
        if isinstance(said, Answered):
            sent.answers.append(said)
        else:
            sent.refusals.append(said)

    def look(self) -> None:
        """Compare every account with its exchange, all at once."""
        trading = self.trading
        for desk in trading.floor.desks:
            if not (self.is_over or desk.halt_reason):
                trading.tasks.start(f"look {desk.account.label}", trading.drift_watch.look(desk))

    def read_journal(self) -> AsyncIterator[JournalRow]:
        """Every row, in order."""
        return self._journal.read_after(0)

    async def store_all(self) -> None:
        """Let everything that the journal was given be stored."""
        await self._journal.commit(Unit())

    async def stop(self) -> None:
        """End in good order, with everything stored."""
        await self.intake.drain(DRAIN_MS)
        await self.store_all()
        await self.trading.stop()
        await self._journal.close()
        self.kill()

    def kill(self) -> None:
        """Die now, between two steps: nothing more is stored, sent or answered."""
        self.is_over = True
        self.is_listening = False
        self._journal.is_dead = True
        for venue in self.trading.line_venues.values():
            venue.is_cut = True
        for line in self.site.lines.values():
            line.hang_up()

    async def bury(self) -> None:
        """Clear away what a dead process leaves in this one."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.intake.drain(0)
        await self.trading.stop()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.is_over:
            self._faults.note("a call or the start", error)

    async def _load(self) -> Directory:
        return self.site.directory

    def _tools(self) -> WebhookTools:
        return WebhookTools(
            journal=self._journal_used,
            door=self.trading.door,
            reader=StoredAlerts(self.store),
            directory=self.directory,
            symbols={"okx": SymbolMaster(INSTRUMENTS)},
            clock=self.site.clock,
            report_fault=self._faults.note,
        )
