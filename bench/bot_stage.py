# ruff: noqa: INP001 (a script, not a package)
"""What the measurements of bots share: an installation full of them, and a process that runs it on this event loop."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

from stage import CLOCK, say

from fairlead.accounts.directory import LiveDirectory, load_directory
from fairlead.accounts.passwords import generate_password
from fairlead.accounts.profiles import ProfileBook, built_in_profiles
from fairlead.accounts.registry import AccountWish, UserWish
from fairlead.cli.records import Registry, ask_database, prepare_database, require
from fairlead.core.model import ids
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.bots.bot import Settings as BotSettings
from fairlead.core.model.bots.bot import Wish
from fairlead.core.model.bots.decision import Urgency
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.settings import Settings
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.rules import VenueRules
from fairlead.store.journal import StoredJournal
from fairlead.store.queries.bots import Bot, add_bot
from fairlead.store.queries.users import User
from fairlead.store.session import Store
from fairlead.wiring import Trading, TradingPlan
from fairlead.wiring.bots import Bots
from fairlead.wiring.killing import Latching
from fairlead.wiring.lifetime import GARBAGE_THRESHOLD

START_PRICE: Final = Decimal(100)
OPENING: Final = {"USDT": Decimal(10_000_000)}
TENANTS: Final = 10
TICK_MS: Final = 50
TOLD_EVERY_S: Final = 10


def make_instrument(number: int) -> Instrument:
    """One spot pair at about 100 USDT."""
    base = f"C{number:02}"
    return Instrument(
        symbol=f"{base}-USDT",
        kind=InstrumentKind.SPOT,
        base_currency=base,
        quote_currency="USDT",
        settle_currency="USDT",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.0001"),
        quantity_min=Decimal("0.001"),
        limit_quantity_max=Decimal(1_000_000),
        market_quantity_max=Decimal(1_000_000),
    )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How large an installation is, and what each bot does; ``volatility`` is the typical move of one tick.

    ``looks``: in how many looks in a row nothing must be going on before it counts as quiet. A market that moves never
    leaves thousands alone: up to ``calm`` of them may be at something.
    """

    bots: int
    accounts: int
    instruments: int
    settings_of: Callable[[int], BotSettings]
    symbol_of: Callable[[int], int]
    volatility: Decimal = Decimal("0.00005")
    looks: int = 1
    calm: int = 0


def build(folder: Path, plan: Plan) -> Settings:
    """Make tenants, accounts and bots in a new database; bots are spread over the accounts one after the other."""
    settings = Settings(data_dir=folder, port=0)
    prepare_database(settings)

    async def work(registry: Registry) -> None:
        accounts = []
        for number in range(min(TENANTS, plan.accounts)):
            user = require(await registry.users.add(UserWish(username=f"u{number}", password=generate_password())))
            for place in range(number, plan.accounts, TENANTS):
                wish = AccountWish(label=f"paper-{place}", opening_balances=OPENING)
                accounts.append((user, require(await registry.accounts.add(user.tenant, wish))))
        for tenant in {user.tenant for user, _ in accounts}:
            async with registry.store.session(tenant, writes=True) as session:
                for number in range(plan.bots):
                    user, account = accounts[number % plan.accounts]
                    if user.tenant == tenant:
                        await add_bot(session, _make_bot(number, user, account, plan))

    asyncio.run(ask_database(settings, work))
    return settings


def _make_bot(number: int, user: User, account: VenueAccount, plan: Plan) -> Bot:
    return Bot(
        bot_id=ids.derive_id(CLOCK.now_ms(), "bot", user.tenant, f"b{number}")[-16:],
        tenant=user.tenant,
        owner=user.user_id,
        account_id=account.account_id,
        name=f"b{number}",
        symbol=make_instrument(plan.symbol_of(number)).symbol,
        wish=Wish.RUN,
        settings_version=1,
        settings=plan.settings_of(number),
        created_ms=CLOCK.now_ms(),
    )


@dataclass
class Timed:
    """What was measured of decisions: seconds from wake to decision by urgency, and seconds of one tick's turn."""

    waits: dict[Urgency, list[float]] = field(default_factory=lambda: {one: [] for one in Urgency})
    late_s: list[float] = field(default_factory=list)
    quotes: int = 0

    def note(self, urgency: Urgency, seconds: float) -> None:
        """Count one decision."""
        self.waits[urgency].append(seconds)

    def forget(self) -> None:
        """Begin anew."""
        self.waits = {one: [] for one in Urgency}
        self.late_s, self.quotes = [], 0

    @property
    def every(self) -> list[float]:
        """Every wait."""
        return [one for waits in self.waits.values() for one in waits]


class Process:
    """The order path, the market and the bots of one installation, as the product wires them, on this event loop."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        """Prepare; ``start`` opens everything."""
        self.settings = settings
        self.plan = plan
        self.timed = Timed()
        self.seconds: dict[str, tuple[float, float]] = {}

    async def start(self) -> None:
        """Start as ``serve`` does, without web, notifications and metrics; notes how long each part took."""
        settings, plan = self.settings, self.plan
        began = _clocks()
        self.journal = await StoredJournal.open(settings.store_url, on_death=_fail)
        self.store = Store(settings.store_url)
        directory = LiveDirectory(lambda: load_directory(self.store))
        await directory.reload()
        began = self._note("read what is configured", began)
        latching = Latching(settings.data_dir, directory)
        self.trading = Trading(
            journal=self.journal,
            store=self.store,
            clock=CLOCK,
            profiles=ProfileBook(built_in_profiles()),
            plan=TradingPlan(
                seed=1,
                kill_switches=latching.covering,
                zone=latching.zone,
                policies=directory.find_policing,
                make_exchange=partial(_make_exchange, plan),
            ),
        )
        self.house = self.trading._house  # noqa: SLF001
        await self.trading.start(directory.current.list_all_accounts())
        began = self._note("open the desks", began)
        self.bots = Bots(trading=self.trading, store=self.store, clock=CLOCK, directory=directory, stops=latching.stops)
        tools = self.bots.runner._tools  # noqa: SLF001 - a measurement looks inside
        self.bots.runner._tools = replace(tools, decided=self.timed.note)  # noqa: SLF001
        await self.bots.start()
        began = self._note("take up the bots", began)
        await self.quiet()
        self._note("all decided and at rest", began)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)

    def _note(self, part: str, began: tuple[float, float]) -> tuple[float, float]:
        now = _clocks()
        self.seconds[part] = (now[0] - began[0], now[1] - began[1])
        return now

    async def quiet(self) -> None:
        """Wait until nobody waits for a turn, and everything is on disk."""
        still, told = 0, CLOCK.monotonic_s()
        while still < self.plan.looks:
            if CLOCK.monotonic_s() - told > TOLD_EVERY_S:
                told = CLOCK.monotonic_s()
                actors = self.bots.runner.actors.values()
                say(
                    f"    ... {self.bots.runner.waiting} wait, {sum(one.is_busy for one in actors)} busy,"
                    f" {self.journal.units_waiting} units, {self.journal.rows_stored:,} rows,"
                    f" {len(self.timed.every):,} decisions, {self.trading.door.unfinished} requests,"
                    f" {sum(len(one.state.orders) for one in actors if one.state):,} orders"
                )
            await CLOCK.sleep_ms(3)
            deciding = sum(actor.is_busy for actor in self.bots.runner.actors.values())
            going_on = self.bots.runner.waiting + self.trading.door.unfinished + self.journal.units_waiting + deciding
            still = still + 1 if going_on <= self.plan.calm else 0

    async def feed(self, seconds: float) -> None:
        """Let the market move, a quote for each instrument every 50 ms, and note how late each round was."""
        began = CLOCK.monotonic_s()
        rounds = int(seconds * 1_000 / TICK_MS)
        for number in range(rounds):
            due = began + number * TICK_MS / 1_000
            if (wait := due - CLOCK.monotonic_s()) > 0:
                await CLOCK.sleep_ms(int(1_000 * wait))
            self.timed.late_s.append(max(0.0, CLOCK.monotonic_s() - due))
            self.house.tick()
            self.timed.quotes += self.plan.instruments

    def push_price(self, symbol: str, price: Decimal) -> None:
        """Pin an instrument to a price, and tell everybody."""
        self.house.exchange.feed_price(symbol, price, now_ms=CLOCK.now_ms())
        self.trading.hub.on_quote(self.house.exchange.markets.quote(symbol))
        self.house.publish()

    def watch(self, note: Callable[[Urgency, str, float], None]) -> None:
        """Tell of each decision whose it was."""
        runner = self.bots.runner

        def decided(urgency: Urgency, seconds: float) -> None:
            note(urgency, runner._turns._deciding, seconds)  # noqa: SLF001

        runner._tools = replace(runner._tools, decided=decided)  # noqa: SLF001

    async def stop(self) -> None:
        """End everything."""
        await self.trading.stop()
        await self.store.close()
        await self.journal.close()


def _clocks() -> tuple[float, float]:
    """Seconds of time and of processor time: others work on this machine, too."""
    return CLOCK.monotonic_s(), time.process_time()


def _make_exchange(plan: Plan, seed: int, now_ms: int) -> Exchange:
    instruments = [make_instrument(number) for number in range(plan.instruments)]
    rules = VenueRules(
        step_ms=TICK_MS,
        volatility=plan.volatility,
        start_prices={one.symbol: START_PRICE for one in instruments},
        level_notional=Decimal(10_000_000),
    )
    return Exchange(instruments=instruments, seed=seed, now_ms=now_ms, rules=rules)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of all lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _fail(error: BaseException) -> None:
    raise SystemExit(f"the journal died: {error}")
