"""The whole simulated world of one seed: exchanges, network, disk, and one Fairlead after another in the middle."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from random import Random
from typing import Final

import msgspec

from fairlead.core.model.bots.decision import BotCommand, Instruction
from fairlead.core.model.market import Quote
from fairlead.simulator.rules import VenueRules
from fairlead.store.queries.bots import Bot, BotRoster
from tests.simulation.bots import cast_bots, find_bot_problems
from tests.simulation.cast import Sent, cast_accounts, cast_hooks, make_directory, write_alert
from tests.simulation.disk import COMMIT_MS_MAX, Disk
from tests.simulation.exchange_side import (
    LASTING,
    NEITHER,
    OKX_LIKE,
    RULES,
    SAFEST,
    ExchangeSide,
    VenueKind,
)
from tests.simulation.invariants import Evidence, find_problems
from tests.simulation.moments import LoopClock
from tests.simulation.network import CALM, Line
from tests.simulation.server import SOUND, Faults, Mutant, Server, Site

START_MS: Final = 1_790_000_000_000
# How often the market moves: while alerts come, while what they caused comes to rest, while nothing happens.
BUSY_TICK_S: Final = 1.0
CALM_TICK_S: Final = 10.0
IDLE_TICK_S: Final = 600.0
NEVER_S: Final = 1e9
SENT_TIMES_MAX: Final = 5
# More than any storm has; what lasts longer forgets its beginning.
EVENTS_KEPT_MAX: Final = 5_000
# Longer than a deadline, its margin, a request on a long way, and the longest pause of those who ask.
AFTERMATH_S: Final = 90.0


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a world is made of: how many accounts, at which kinds of exchanges, and the rules there."""

    accounts: tuple[int, ...] = (2, 3, 3, 4)
    kinds: tuple[VenueKind, ...] = (OKX_LIKE, OKX_LIKE, SAFEST, LASTING, NEITHER)
    rules: VenueRules = RULES
    has_bots: bool = False


SMALL: Final = Shape()
WITH_BOTS: Final = Shape(has_bots=True)


class World:
    """Make it on the loop that will run it; the same seed makes the same world."""

    def __init__(
        self,
        seed: int | str,
        mutant: Mutant = SOUND,
        *,
        disk: Disk | None = None,
        shape: Shape = SMALL,
    ) -> None:
        """Open the exchanges and the accounts; Fairlead is not started yet."""
        self.dice = Random(f"world {seed}")
        self.loop = asyncio.get_running_loop()
        self.events: deque[str] = deque(maxlen=EVENTS_KEPT_MAX)
        self.sent: list[Sent] = []
        self.faults = Faults()
        self.halts: list[str] = []
        self._tick_s = BUSY_TICK_S
        self._paced = asyncio.Event()
        self.clock = LoopClock(self.loop, START_MS)
        self.true_clock = LoopClock(self.loop, START_MS)
        kinds = list(dict.fromkeys(self.dice.choices(shape.kinds, k=2)))
        self.accounts = cast_accounts(self.dice, kinds, self.dice.choice(shape.accounts))
        self.hooks = cast_hooks(self.dice)
        self.bots = cast_bots(self.accounts) if shape.has_bots else {}
        self.commands: dict[str, list[BotCommand]] = {}
        self.disk = disk or Disk(seed)
        prices = self.dice.randrange(2**32)
        by_kind = {kind.name: ExchangeSide(kind, prices, self.true_clock, shape.rules) for kind in kinds}
        self.exchanges = tuple(by_kind.values())
        self.sides = {account.account_id: by_kind[account.kind] for account in self.accounts}
        self.lines: dict[str, Line] = {}
        for account in self.accounts:
            side = self.sides[account.account_id]
            side.open(account)
            self.lines[account.account_id] = Line(account, side, self._dice(f"line {account.label}"), self.note)
        self.site = Site(
            disk=self.disk,
            clock=self.clock,
            directory=make_directory(self.accounts, self.hooks, BotRoster(self.bots, self.commands)),
            lines=self.lines,
            mutant=mutant,
            quotes=self.exchanges[0].quotes.values,
        )
        self.server = Server(self.site, self.faults)
        self._senders: set[asyncio.Task[None]] = set()

    def _dice(self, name: str) -> Random:
        return Random(f"{name} {self.dice.random()}")

    def note(self, text: str) -> None:
        """Add a line to the story of this seed."""
        self.events.append(f"{self.loop.time():11.3f} s  {text}")

    # --- Fairlead's lives

    def begin(self) -> None:
        """Start Fairlead for the first time, and let the market move."""
        self.server.begin()
        self._hold(self._move_market())

    def kill(self) -> None:
        """End the process between two steps."""
        if not self.server.is_over:
            self.note(f"killed, {'listening' if self.server.is_listening else 'while it started'}")
            self.server.kill()

    async def restart(self, pause_s: float = 0.0) -> None:
        """Bury the dead process and start the next one on what it left."""
        self.kill()
        await self.server.bury()
        self.halts += self.server.trading.halts
        await asyncio.sleep(pause_s)
        self.note("started")
        self.server = Server(self.site, self.faults)
        self.server.begin()

    # --- the market

    def tick(self) -> None:
        """Move both exchanges to now, and let Fairlead see the prices."""
        for side in self.exchanges:
            side.house.tick()
        if not self.server.is_over:
            for quote in self.quotes.values():
                self.server.trading.hub.on_quote(quote)

    @property
    def quotes(self) -> dict[str, Quote]:
        """The prices of this moment."""
        return self.exchanges[0].quotes

    def shock(self, symbol: str, price_change: float) -> None:
        """Pin a market to another price, at every exchange."""
        price = self.quotes[symbol].mark * (10_000 + round(price_change * 10_000)) / 10_000
        for side in self.exchanges:
            side.exchange.feed_price(symbol, price, now_ms=self.true_clock.now_ms())
        self.note(f"{symbol} jumps to {price:f}")
        self.tick()

    def pace(self, tick_s: float) -> None:
        """Let the market move so often from now on."""
        self._tick_s = tick_s
        self._paced.set()

    async def _move_market(self) -> None:
        while True:
            self.tick()
            self._paced.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._paced.wait(), self._tick_s)

    # --- senders

    def send(self) -> None:
        """Let somebody send an alert, and send it again as senders do."""
        tenant = self.dice.choice([account.tenant for account in self.accounts])
        sent = write_alert(len(self.sent) + 1, tenant, self.dice, self.quotes)
        self.sent.append(sent)
        self.note(f"{sent.alert} to {tenant}: {sent.what}")
        self._hold(self._send(sent, self._dice(sent.alert)))

    async def _send(self, sent: Sent, dice: Random) -> None:
        is_stubborn = dice.random() < 0.25
        for number in range(SENT_TIMES_MAX):
            if self.server.is_listening:
                await asyncio.wait({self.server.take(sent, self.hooks[sent.tenant])})
            if sent.answers and not (is_stubborn and number < 2):
                return
            await asyncio.sleep(dice.uniform(0.01, 3))

    # --- bots

    def change_bot(self, bot: Bot) -> None:
        """Let the owner of a bot change it."""
        self.bots[bot.bot_id] = bot
        self.note(f"{bot.bot_id}: {bot.wish}")
        self._tell_bots()

    def command_bot(self, bot_id: str, instruction: Instruction) -> None:
        """Let its owner say a word to a bot."""
        told = self.commands.setdefault(bot_id, [])
        self.commands[bot_id] = [*told, BotCommand(len(told) + 1, instruction)]
        self.note(f"{bot_id}: {instruction}")
        self._tell_bots()

    def _tell_bots(self) -> None:
        # Whoever is not there finds it when he starts.
        if self.server.is_listening:
            self.server.bots.reconfigure()

    # --- the end

    async def calm_down(self) -> None:
        """End every trouble, see that Fairlead runs, and wait until nothing more can come of what happened."""
        self.note("everything works again")
        self.disk.is_refusing = False
        self.disk.commit_ms_max = COMMIT_MS_MAX
        for line in self.lines.values():
            line.weather = CALM
            line.speak()
        if self.server.is_over:
            await self.restart()
        self.pace(CALM_TICK_S)
        await asyncio.sleep(AFTERMATH_S)
        if self.bots:
            # Bots go on as soon as books agree, and that must not be in the middle of the count.
            self.server.look()
            await asyncio.sleep(2 * CALM_TICK_S)
        # Whoever counts needs a market that stands still, and time for what it did last to be told.
        self.pace(NEVER_S)
        await asyncio.sleep(CALM_TICK_S)

    async def find_problems(self) -> list[str]:
        """What is wrong in the end; Fairlead must run."""
        halts = [*self.halts, *self.server.trading.halts]
        evidence = Evidence(
            server=self.server,
            sides=self.sides,
            rows=[row async for row in self.server.read_journal()],
            sent=self.sent,
        )
        # Before accounts are compared: what that settles makes bots go on.
        about_bots = await find_bot_problems(evidence, self.bots)
        return [
            *self.faults.found,
            *about_bots,
            # What the disk refuses halts a desk, and so it should.
            *(f"halted: {halt}" for halt in halts if "a unit was refused" not in halt),
            *await find_problems(evidence),
        ]

    async def stop(self) -> None:
        """End Fairlead in good order, and everything else."""
        await self.server.stop()
        for task in self._senders:
            task.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)

    def _hold(self, work: Coroutine[None, None, None]) -> None:
        task = self.loop.create_task(work)
        self._senders.add(task)
        task.add_done_callback(self._release)

    def _release(self, task: asyncio.Task[None]) -> None:
        self._senders.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.faults.note("the world", error)
