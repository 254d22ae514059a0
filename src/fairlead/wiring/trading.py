"""Builds the order path: market, venues, desks, and the door in front of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fairlead.accounts.profiles import ProfileBook
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.drift import DriftCause
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.policy import Policing
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.risk import UserExposure
from fairlead.core.model.state import RequestState, State
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.book_rebuild import BookRows, rebuild_book
from fairlead.market.hub import JoinedMarket, MarketHub
from fairlead.orders.account_desk import BOOK_SPACE
from fairlead.orders.desk_tools import DeskTools, RecordingDesk, no_policies
from fairlead.orders.drift_settling import DriftSettler
from fairlead.orders.drift_watch import DriftWatch
from fairlead.orders.floor import TradingFloor
from fairlead.orders.recover import BookUnreadableError, DeskOpener, Recovery, VenueUnreachableError
from fairlead.orders.submit import UNFINISHED_REQUESTS_MAX, OrderDoor
from fairlead.orders.waits import SettledRequests
from fairlead.ports import Clock, Journal, Venue
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.price_file import PriceFileError, read_prices
from fairlead.simulator.recorded import open_on_prices
from fairlead.simulator.rules import VenueRules
from fairlead.store.queries.recovery import load_book_rows
from fairlead.store.session import Store
from fairlead.venues.paper.house import PaperHouse
from fairlead.venues.paper.venue import PaperVenue
from fairlead.wiring.venue_kinds import KindTools, LocalKind, VenueKind, VenueKinds
from fairlead.worker import TaskSupervisor

RECENT_ORDERS_MS: Final = 600_000
"""The longest window of the rate and duplicate checks, and the longest life of a request before it."""

PAPER: Final = "paper"

_log = structlog.get_logger("fairlead")


KillSwitches = Callable[[VenueAccount, OrderRequest | Order], tuple[str, ...]]
OpenVenue = Callable[[VenueAccount], Venue]
Heard = Callable[[VenueAccount, Sequence[State]], None]
Policies = Callable[[VenueAccount, OrderRequest], Policing]


def _none_set(_account: VenueAccount, _subject: OrderRequest | Order) -> tuple[str, ...]:
    return ()


def _utc(_account: VenueAccount) -> tzinfo:
    return UTC


def _unwatched(venue: Venue) -> Venue:
    return venue


def _default_exchange(seed: int, now_ms: int) -> Exchange:
    return Exchange(instruments=DEFAULT_INSTRUMENTS, seed=seed, now_ms=now_ms)


def lively_exchange(volatility: Decimal, prices: Path | None = None) -> Callable[[int, int], Exchange]:
    """The usual simulated market with another typical move of one step, as a fraction of the price.

    Instruments that ``prices`` has candles of follow those.

    Raises:
        PriceFileError: the file tells no prices.
    """
    rules = VenueRules(volatility=volatility)
    try:
        candles = {} if prices is None else read_prices(prices)
    except OSError as error:
        message = f"cannot read {prices}: {error.strerror}"
        raise PriceFileError(message) from error
    return lambda seed, now_ms: open_on_prices(candles, DEFAULT_INSTRUMENTS, rules, seed=seed, now_ms=now_ms)


def _adopts_nothing(_account: VenueAccount) -> Collection[DriftCause]:
    return ()


@dataclass(frozen=True, slots=True)
class TradingPlan:
    """What differs between installations: the seed of the simulated market, limits, and who says stop.

    ``kill_switches`` describes those that cover a request or an order at this moment; ``zone`` is where the days of an
    account's user begin; ``watch_venue`` may put a watch on each venue; ``policies`` finds those that cover a request;
    ``live_enabled`` says whether live accounts may trade; ``adopts`` tells what drifts of an account are adopted
    unasked; ``venues`` opens venues of a kind on the simulated market, ``kinds`` those that have a market of their own;
    ``make_exchange`` makes that market of a seed and the time.
    """

    seed: int
    unfinished_max: int = UNFINISHED_REQUESTS_MAX
    kill_switches: KillSwitches = _none_set
    zone: Callable[[VenueAccount], tzinfo] = _utc
    watch_venue: Callable[[Venue], Venue] = _unwatched
    policies: Policies = no_policies
    live_enabled: bool = False
    adopts: Callable[[VenueAccount], Collection[DriftCause]] = _adopts_nothing
    venues: Mapping[str, OpenVenue] = field(default_factory=dict)
    kinds: Mapping[str, Callable[[KindTools], VenueKind]] = field(default_factory=dict)
    make_exchange: Callable[[int, int], Exchange] = _default_exchange


class Trading:
    """The order path of one process: market, venues, desks and the door in front of them."""

    def __init__(
        self,
        *,
        journal: Journal,
        store: Store,
        clock: Clock,
        profiles: ProfileBook,
        plan: TradingPlan,
    ) -> None:
        """Build everything; nothing runs yet."""
        self.hub = MarketHub()
        self.tasks = TaskSupervisor()
        self.floor = TradingFloor()
        self.settled = SettledRequests()
        self.door = OrderDoor(
            journal=journal, floor=self.floor, settled=self.settled, unfinished_max=plan.unfinished_max
        )
        self.journal = journal
        self._store = store
        self._clock = clock
        self._accounts: dict[str, VenueAccount] = {}
        self._rows: dict[str, BookRows] = {}
        self._plan = plan
        self.listeners: list[Heard] = []
        """Who is told of every state of an account that changed for good."""
        exchange = plan.make_exchange(plan.seed, clock.now_ms())
        self._house = PaperHouse(exchange=exchange, journal=journal, clock=clock, on_quote=self.hub.on_quote)
        self.hub.on_instruments(exchange.instruments.values())
        tools = KindTools(tasks=self.tasks, journal=journal, store=store, clock=clock, desks=lambda: self.floor.desks)
        here = {PAPER: lambda account: PaperVenue(account, self._house), **plan.venues}
        history = self._house.history
        self.kinds = VenueKinds(
            {name: LocalKind(self.hub, history, open_venue) for name, open_venue in here.items()},
            {name: partial(open_kind, tools) for name, open_kind in plan.kinds.items()},
        )
        self.market = JoinedMarket(self.kinds.hubs)
        self.limits = self.kinds.limits
        self.loss_limits = profiles.loss_limits_for
        self._shared = self._tools(profiles)
        self.settler = DriftSettler(self._shared, self.door)
        self.drift_watch = DriftWatch(floor=self.floor, settler=self.settler, adopts=plan.adopts)
        self._opener = DeskOpener(
            floor=self.floor,
            tools=self._shared,
            tools_of=self._tools_of,
            load_book=self._load_book,
            venue_of=self.venue_of,
            resumed=self._resumed,
        )

    def _tools(self, profiles: ProfileBook) -> DeskTools:
        return DeskTools(
            journal=self.journal,
            market=self.hub,
            clock=self._clock,
            limits=profiles.limits_for,
            loss_limits=profiles.loss_limits_for,
            zone=self._plan.zone,
            others=self._others,
            latches=self._latches,
            settled=self.door.announce,
            wake=self.floor.wake,
            spawn=self._spawn,
            halted=self._halted,
            policing=self._plan.policies,
            live_enabled=self._plan.live_enabled,
            heard=partial(_tell, self.listeners),
        )

    def _tools_of(self, account: VenueAccount) -> DeskTools:
        kind = self.kinds.of(account)
        return replace(self._shared, market=kind.market_of(account), want_quotes=kind.want_quotes)

    async def start(self, accounts: Iterable[VenueAccount]) -> None:
        """Recover every account, then let the market move."""
        await self._house.load()
        self._house.tick()
        await self.configure(accounts)
        self.tasks.start("paper market", self._house.run())

    async def configure(self, accounts: Iterable[VenueAccount]) -> None:
        """Take the accounts as they are configured now; open a desk for each new one whose kind has a venue."""
        known = set(self._accounts)
        await self.kinds.reload()
        self._accounts = {account.account_id: account for account in accounts if self._has_venue(account)}
        new = [account for account in self._accounts.values() if account.account_id not in known]
        # All in a handful of queries: a start with many accounts must not ask the database for each.
        self._rows = dict(await self._load_rows(new)) if new else {}
        for account in self._accounts.values():
            if account.account_id in known:
                self.floor.reconfigure(account)
            elif self.kinds.is_remote(account.kind):
                # Nobody waits for an exchange far away; what comes meanwhile is kept for the desk.
                self.tasks.start(f"open {account.label}", self._open(account))
            else:
                await self._open(account)

    async def stop(self) -> None:
        """End every task."""
        await self.tasks.close()
        await self.kinds.close()

    @property
    def accounts(self) -> Mapping[str, VenueAccount]:
        """Every account as it is configured now, by its id."""
        return self._accounts

    def _has_venue(self, account: VenueAccount) -> bool:
        # One account that cannot be served must not keep the others from being followed.
        if account.kind not in self.kinds.names:
            _log.error("account_not_served", account=account.label, kind=account.kind, known=self.kinds.names)
            return False
        # Nothing connects for an account that takes no orders, unless it did when it was disabled.
        return account.enabled or not self.kinds.is_remote(account.kind) or account.account_id in self._accounts

    async def _open(self, account: VenueAccount) -> None:
        try:
            _report(account, await self._opener.open(account))
        except (BookUnreadableError, VenueUnreachableError) as error:
            # A known reason, which passes or names its remedy: no bug of ours that a traceback would explain.
            cause = "" if error.__cause__ is None else type(error.__cause__).__name__
            _log.error("desk_not_opened", account=account.label, reason=str(error), cause=cause, then="tried again")
            self.tasks.start(f"open {account.label}", self._open_later(account, str(error)))

    async def _open_later(self, account: VenueAccount, reason: str) -> None:
        _report(account, await self._opener.retry(account, reason))

    async def _load_book(self, account: VenueAccount) -> AccountBook:
        kind = self.kinds.of(account)
        await kind.prepare(account)
        rows = self._rows.pop(account.account_id, None)
        if rows is None:
            try:
                rows = (await self._load_rows([account]))[account.account_id]
            except SQLAlchemyError as error:
                raise BookUnreadableError(account.label) from error
        return rebuild_book(rows, kind.market_of(account).instruments)

    async def _load_rows(self, accounts: Sequence[VenueAccount]) -> Mapping[str, BookRows]:
        since_ms = self._clock.now_ms() - RECENT_ORDERS_MS
        async with self._store.system_session() as system:
            return await load_book_rows(system, accounts, header_space=BOOK_SPACE, recent_since_ms=since_ms)

    def venue_of(self, account: VenueAccount) -> Venue:
        """The venue of an account.

        Raises:
            KeyError: nothing opens venues of its kind.
        """
        return self._plan.watch_venue(self.kinds.of(account).open_venue(account))

    async def compare(self, desk: RecordingDesk) -> bool:
        """Note where our record of an account and its venue's differ now; False if the venue does not tell."""
        return await self._opener.compare(desk)

    def _others(self, account: VenueAccount) -> UserExposure | None:
        gross = equity = ZERO
        for other in self._accounts.values():
            if other.tenant != account.tenant or other.account_id == account.account_id:
                continue
            desk = self.floor.find(other.account_id)
            known = None if desk is None else desk.exposure.read()
            if known is None:
                return None
            gross += known.gross_usd
            equity += known.equity_usd
        return UserExposure(gross_usd=gross, equity_usd=equity)

    def _latches(self, account: VenueAccount, subject: OrderRequest | Order) -> tuple[str, ...]:
        current = self._accounts.get(account.account_id)
        if current is None:
            return ("the account is gone",)
        if not current.enabled:
            return ("the account is disabled",)
        return self._plan.kill_switches(account, subject)

    def _resumed(self, requests: Iterable[RequestState]) -> None:
        self.door.expect(state.request for state in requests)

    def _spawn(self, desk: RecordingDesk, work: Coroutine[None, None, None]) -> None:
        label = desk.account.label
        self.tasks.start(
            f"desk {label}",
            work,
            lambda error: desk.halt(f"{type(error).__name__}: {error}"),
            context=_naming(label),
        )

    def _halted(self, desk: RecordingDesk) -> None:
        _log.error("desk_halted", account=desk.account.label, reason=desk.halt_reason)
        self.tasks.start(f"rebuild {desk.account.label}", self._rebuild(desk))

    async def _rebuild(self, desk: RecordingDesk) -> None:
        _report(desk.account, await self._opener.reopen(desk))


def _tell(listeners: Sequence[Heard], account: VenueAccount, states: Sequence[State]) -> None:
    for heard in listeners:
        heard(account, states)


def _naming(label: str) -> Context:
    """Whatever is logged in it names the account."""
    context = copy_context()
    context.run(structlog.contextvars.bind_contextvars, account=label)
    return context


def _report(account: VenueAccount, recovery: Recovery) -> None:
    _log.info(
        "desk_open",
        account=account.label,
        orders_asked=recovery.orders_asked,
        orders_in_doubt=recovery.orders_in_doubt,
        requests_resumed=recovery.requests_resumed,
    )
    for difference in recovery.differences:
        _log.warning("drift", account=account.label, difference=difference)
