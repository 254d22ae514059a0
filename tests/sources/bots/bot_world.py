"""Bots on the whole order path: a real journal, a simulated exchange, virtual time, crashes on demand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from fairlead.accounts.directory import Directory, LiveDirectory
from fairlead.core.model.account import PositionSide, VenueAccount
from fairlead.core.model.bots.bot import BotOrder, BotState, Wish
from fairlead.core.model.bots.bot import Settings as BotSettings
from fairlead.core.model.bots.decision import BotCommand, Direction, Instruction
from fairlead.core.model.bots.events import BotDecided, BotNoted
from fairlead.core.model.bots.martingale import MartingaleSettings, TakeProfitStep
from fairlead.core.model.drift import Drift, DriftDecision, DriftWay
from fairlead.core.model.latch import Latch, LatchLevel, LatchScope
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.rules.latches import add_latch
from fairlead.reporting.decision_check import DecisionReport, check_decisions
from fairlead.simulator.orders import NewOrder, OrderType
from fairlead.simulator.orders import Order as VenueOrder
from fairlead.sources.bots.actor import BotActor
from fairlead.store.latch_file import LatchFile
from fairlead.store.queries.bots import Bot, BotRoster
from fairlead.store.urls import sqlite_path
from fairlead.venues.paper import wire
from fairlead.wiring.bots import Bots
from fairlead.wiring.killing import Latching
from fairlead.wiring.rule_files import RuleFiles
from tests.orders.trading_world import LINEAR, START_MS, TradingWorld
from tests.servers.clean import clean_sqlite

TICK_MS = 1_000
HOUR_MS = 3_600_000


def dip(**changes: object) -> MartingaleSettings:
    """Three contracts at once, two levels of three below, out at one percent."""
    three = Size(amount=Decimal(3), unit=SizeUnit.CONTRACTS)
    settings = MartingaleSettings(
        base_order=three,
        safety_order=three,
        max_safety_orders=2,
        active_safety_orders=2,
        step=Decimal(1),
        take_profit=(TakeProfitStep(percent=Decimal(1)),),
        take_profit_after_fees=False,
    )
    return replace(settings, **changes)


def rise(**changes: object) -> MartingaleSettings:
    """The same, short."""
    return dip(direction=Direction.SHORT, **changes)


class BotWorld(TradingWorld):
    """A process with bots; what people configure is changed in memory, and told as the process tells it."""

    bots: Bots

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.roster: dict[str, Bot] = {}
        self.commands: dict[str, list[BotCommand]] = {}

    @classmethod
    def make(cls, folder: Path) -> BotWorld:
        return cls(clean_sqlite(folder))

    async def start(self, *accounts: VenueAccount) -> None:
        await super().start(*accounts)
        self.directory = LiveDirectory(self._load)
        await self.directory.reload()
        folder = sqlite_path(self.url).parent
        self.bots = Bots(
            trading=self.trading,
            store=self._store,
            clock=self.clock,
            directory=self.directory,
            stops=Latching(folder, self.directory).stops,
            find_rule=RuleFiles(folder).find,
        )
        await self.bots.start()
        self.trading.tasks.start("kill switch", self.kill_switch.run())
        await self.quiet()

    async def _load(self) -> Directory:
        roster = BotRoster(dict(self.roster), {name: list(told) for name, told in self.commands.items()})
        return Directory(accounts=self.accounts, roster=roster)

    # --- what people do

    async def add(
        self, bot_id: str, settings: BotSettings | None = None, *, symbol: str = LINEAR, account_id: str = "a1"
    ) -> None:
        """Create a bot; its settings are version 1."""
        self.write_down(bot_id, settings, symbol=symbol, account_id=account_id)
        await self.reconfigure()

    def write_down(
        self, bot_id: str, settings: BotSettings | None = None, *, symbol: str = LINEAR, account_id: str = "a1"
    ) -> None:
        """Create a bot before the process has seen it."""
        tenant = next(one.tenant for one in self.accounts if one.account_id == account_id)
        self.roster[bot_id] = Bot(
            bot_id=bot_id,
            tenant=tenant,
            owner="u1",
            account_id=account_id,
            name=bot_id,
            symbol=symbol,
            wish=Wish.RUN,
            settings_version=1,
            settings=settings or dip(),
            created_ms=START_MS,
        )

    async def change(self, bot_id: str, **changes: object) -> None:
        """Change a bot as its owner does."""
        self.roster[bot_id] = replace(self.roster[bot_id], **changes)
        await self.reconfigure()

    async def tell(self, bot_id: str, instruction: Instruction, *, times: int = 1) -> None:
        """Say a word to a bot, perhaps many times."""
        told = self.commands.setdefault(bot_id, [])
        told += [BotCommand(len(told) + 1 + number, instruction) for number in range(times)]
        await self.reconfigure()

    async def signal(self, bot_id: str, signal: str, *, age_ms: int = 0) -> None:
        """Say to a bot that a condition holds, or held a while ago."""
        told = self.commands.setdefault(bot_id, [])
        at_ms = self.clock.now_ms() - age_ms
        told.append(BotCommand(len(told) + 1, Instruction.SIGNAL, signal=signal, at_ms=at_ms))
        await self.reconfigure()

    async def remove(self, bot_id: str) -> None:
        """Forget a bot."""
        del self.roster[bot_id]
        await self.reconfigure()

    async def reconfigure(self) -> None:
        """Let the process see what is configured."""
        await self.tell_process()
        await self.quiet()

    async def tell_process(self) -> None:
        """The same, and wait for nothing that follows from it."""
        await self.directory.reload()
        self.bots.reconfigure()

    async def move(self, price: Decimal | int, symbol: str = LINEAR, *, wait_ms: int = 2 * TICK_MS) -> None:
        """Let the price be this, and what it causes come to rest."""
        self.feed(symbol, Decimal(price))
        await self.run_ms(wait_ms)

    def kill(self, level: LatchLevel, scope: LatchScope = LatchScope.PLATFORM, name: str = "") -> Latch:
        """Set a kill switch."""
        latch = Latch(
            latch_id=f"latch-{scope}-{name}-{level}",
            scope=scope,
            name=name,
            level=level,
            tenant="",
            by="a test",
            set_ms=self.clock.now_ms(),
            text="the drill",
        )
        self._latch_file.change(lambda before: add_latch(before, latch))
        return latch

    def unkill(self, latch: Latch) -> None:
        """Ask for it to be lifted."""
        cleared = replace(latch, text="", clearing="the drill is over")
        self._latch_file.change(lambda before: [*(one for one in before if one.latch_id != latch.latch_id), cleared])

    @property
    def _latch_file(self) -> LatchFile:
        return LatchFile(sqlite_path(self.url).parent)

    def trade_by_hand(self, side: Side, quantity: Decimal | int, symbol: str = LINEAR) -> None:
        """Trade at the venue as its web page would."""
        wish = NewOrder(
            client_order_id="",
            symbol=symbol,
            side=side,
            order_type=OrderType.MARKET,
            quantity=Decimal(quantity),
            limit_price=None,
            position_side=PositionSide.NET,
        )
        self.exchange.place("a1", wish, now_ms=self.clock.now_ms())

    async def find_drifts(self) -> list[Drift]:
        """Compare twice, as the process does now and then; returns what is open."""
        for _ in range(2):
            await self.trading.drift_watch.look(self.desk())
            await self.run_ms(10_000)
        return [drift for drift in self.desk().book.drifts.values() if not drift.is_ignored]

    async def adopt(self, drift: Drift) -> None:
        """Settle a difference as somebody on the command line."""
        decision = DriftDecision(
            drift_id=drift.drift_id,
            tenant="t1",
            account_id="a1",
            way=DriftWay.ADOPT,
            decided_by="ann",
            reason="I know",
            created_ms=self.clock.now_ms(),
        )
        assert await self.trading.settler.settle(self.desk(), decision) == ""
        await self.quiet()

    async def adopt_by_hand(self) -> None:
        """Find what somebody did by hand, and adopt all of it."""
        for drift in await self.find_drifts():
            await self.adopt(drift)

    def cancel_by_hand(self, bot_id: str, slot: str) -> None:
        """Take an order of a bot back at the venue."""
        (order_id,) = self.resting(bot_id)[slot].order_ids
        (order,) = [one for one in self.at_venue(bot_id) if wire.order_id_of(one) == order_id]
        self.exchange.cancel("a1", now_ms=self.clock.now_ms(), venue_order_id=order.venue_order_id)

    # --- what is known

    def actor(self, bot_id: str) -> BotActor:
        """A bot in memory."""
        return self.bots.runner.actors[bot_id]

    def bot(self, bot_id: str) -> BotState:
        """How a bot stands."""
        state = self.actor(bot_id).state
        assert state is not None, bot_id
        return state

    def resting(self, bot_id: str) -> dict[str, BotOrder]:
        """Its live orders, by slot."""
        return {order.want.slot: order for order in self.bot(bot_id).orders}

    def at_venue(self, bot_id: str, account_id: str = "a1") -> list[VenueOrder]:
        """Its orders that are open at the exchange, as that says."""
        ours = {order_id for order in self.bot(bot_id).orders for order_id in order.order_ids}
        return [one for one in self.exchange.accounts.open_orders(account_id) if wire.order_id_of(one) in ours]

    def share(self, bot_id: str, account_id: str = "a1") -> Decimal:
        """What the account's book says that it holds, signed."""
        books = self.desk(account_id).book.sub_books
        shares = [share for key in books.keys for share in books.shares(key).values()]
        return sum((share.signed_quantity for share in shares if share.source_id == bot_id), ZERO)

    def rederived(self) -> DecisionReport:
        """What comes of deciding everything again that the journal has."""
        find_rule = RuleFiles(sqlite_path(self.url).parent).find
        return check_decisions(self.url, 0, self.clock.now_ms() + HOUR_MS, find_rule=find_rule)

    async def decisions(self, bot_id: str = "") -> list[BotDecided | BotNoted]:
        """What bots wrote down, oldest first."""
        rows = [row.event for row in await self.facts(BotDecided, BotNoted)]
        return [one for one in rows if isinstance(one, BotDecided | BotNoted) and bot_id in {"", one.bot_id}]

    def adds_up(self, *bot_ids: str, symbol: str = LINEAR, account_id: str = "a1") -> bool:
        """Whether the shares of bots are what they believe, and together what the exchange holds."""
        signed = []
        for bot_id in bot_ids:
            deal = self.bot(bot_id).deal
            signed.append(deal.quantity if deal.is_long else -deal.quantity)
            assert self.share(bot_id, account_id) == signed[-1], (bot_id, self.share(bot_id, account_id), signed[-1])
        assert sum(signed, ZERO) == self.held(symbol, account_id), (signed, self.held(symbol, account_id))
        return True
