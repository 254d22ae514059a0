"""Conditions of bots that begin with bars from OKX's history, as our OKX tells it over its REST and its sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine

import msgspec
import pytest

from fairlead.clock import SystemClock
from fairlead.core.model.bots.bars import BarsSeen
from fairlead.core.model.bots.bot import Wish
from fairlead.core.model.bots.martingale import MartingaleSettings, StartOnSignal
from fairlead.core.model.history import Page, PageFailure
from fairlead.core.model.market import Candle
from fairlead.core.rules.bots.rules import no_rules
from fairlead.market.hub import MarketHub
from fairlead.ports import Record
from fairlead.reporting.bot_words import bars_text
from fairlead.simulator.okx.faults.rules import FaultKind, FaultRule, Match
from fairlead.store.queries.bots import Bot
from fairlead.venues.okx.history import OkxHistory
from fairlead.venues.okx.market_feed import OkxMarketFeed
from fairlead.venues.okx.rest import OkxRest
from fairlead.wiring.bot_conditions import BotConditions, Histories
from tests.venues.okx.okx_floor import SPOT, OkxFloor, open_floor, until

HOUR_MS = 3_600_000
MINUTE_MS = 60_000


class JumpingClock(SystemClock):
    """The machine's clock, put forward by hand."""

    ahead_ms = 0

    def now_ms(self) -> int:
        """Read UTC, in milliseconds, with what was added."""
        return super().now_ms() + self.ahead_ms

    def jump_to(self, at_ms: int) -> None:
        """Let it be so late."""
        self.ahead_ms += max(0, at_ms - self.now_ms())


class Elsewhere(OkxHistory):
    """One that asks OKX for what is not listed there."""

    async def read_candles(self, symbol: str, timeframe: str, begin_ms: int, end_ms: int) -> Page[Candle] | PageFailure:
        """Ask under another name."""
        return await super().read_candles(f"NO-{symbol}", timeframe, begin_ms, end_ms)


class Bots:
    """One bot's conditions on the market of OKX, and what they told it."""

    def __init__(self, floor: OkxFloor, condition: str) -> None:
        self.floor = floor
        self.hub = MarketHub()
        self.heard: list[str] = []
        self.kept: list[Record] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.history = OkxHistory(OkxRest(floor.connection, floor.governor, floor.clock))
        self.feed = OkxMarketFeed(
            floor.connection,
            floor.governor,
            floor.clock,
            symbols=(SPOT,),
            on_instruments=self.hub.on_instruments,
            on_quote=self.hub.on_quote,
        )
        histories = Histories(history_of=lambda _bot: self.history, spawn=self.spawn, keep=self.kept.append)
        self.conditions = BotConditions(self, lambda _bot: self.hub, no_rules, floor.clock, histories)
        settings = MartingaleSettings(start=StartOnSignal("dip"), conditions={"dip": condition})
        self.conditions.configure([_bot(settings)])

    def signal(self, bot_id: str, signal: str, *, if_awaited: bool = False) -> bool:
        """Hear it."""
        self.heard.append(signal)
        return True

    def spawn(self, name: str, work: Coroutine[None, None, None], failed: Callable[[Exception], None]) -> None:
        """Run it beside."""
        self._tasks.append(asyncio.create_task(work, name=name))

    async def start(self) -> None:
        """Read what is listed, then follow prices and conditions."""
        assert await self.feed.load() is None
        self._tasks += [asyncio.create_task(work) for work in (self.feed.run(), self.conditions.run())]

    async def stop(self) -> None:
        """End it all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def seen(self) -> str:
        """What is said of its bars now."""
        body = self.kept[-1].body if self.kept else None
        return "" if body is None else bars_text(msgspec.json.decode(body, type=tuple[BarsSeen, ...])[0])


def _bot(settings: MartingaleSettings) -> Bot:
    return Bot(
        bot_id="bot",
        tenant="t1",
        owner="u1",
        account_id="a1",
        name="bot",
        symbol=SPOT,
        wish=Wish.RUN,
        settings_version=1,
        settings=settings,
        created_ms=0,
    )


@pytest.fixture(name="floor")
async def _floor() -> AsyncIterator[OkxFloor]:
    clock = JumpingClock()
    # The middle of an hour, far from every close.
    clock.jump_to((clock.now_ms() // HOUR_MS + 1) * HOUR_MS + 30 * MINUTE_MS + 15_000)
    async with open_floor(clock=clock) as floor:
        yield floor


async def test_a_condition_of_hours_is_known_at_the_first_close_after_the_start(floor: OkxFloor) -> None:
    assert isinstance(floor.clock, JumpingClock)
    bots = Bots(floor, "rsi(close, 14, 1h) > 0")
    await bots.start()
    try:
        await until(lambda: "warmed" in bots.seen)
        assert bots.seen.startswith("1h: warmed with 7")
        assert bots.seen.endswith("bars from OKX API v5")
        assert not bots.heard
        next_ms = (floor.clock.now_ms() // HOUR_MS + 1) * HOUR_MS
        floor.clock.jump_to(next_ms + 11_000)
        await until(lambda: bots.heard == ["dip"])
        (board, _) = next(iter(bots.conditions._boards.values()))  # noqa: SLF001  # the bars themselves
        bars = board.builders[SPOT].bars["1h"]
        assert bars.opened_ms[-1] == next_ms - HOUR_MS
        assert len(set(bars.opened_ms)) == len(bars.opened_ms)
        page = await bots.history.read_candles(SPOT, "1h", next_ms - 20 * HOUR_MS, next_ms)
        assert isinstance(page, Page)
        assert [float(candle.close) for candle in page.rows] == list(bars.columns["close"])[-20:]
    finally:
        await bots.stop()


async def test_what_passes_by_itself_is_asked_again(floor: OkxFloor) -> None:
    match = Match(endpoint="market/history-candles")
    floor.okx.faults.plan.add(FaultRule(id="f", kind=FaultKind.CODE_50011, match=match, count=1))
    bots = Bots(floor, "close > sma(close, 200)")
    await bots.start()
    try:
        await until(lambda: "warmed" in bots.seen)
        assert not bots.heard
    finally:
        await bots.stop()


async def test_an_instrument_without_candles_leaves_a_bot_waiting_and_says_so(floor: OkxFloor) -> None:
    bots = Bots(floor, "close > sma(close, 200)")
    bots.history = Elsewhere(OkxRest(floor.connection, floor.governor, floor.clock))
    await bots.start()
    try:
        await until(lambda: "51001" in bots.seen)
        assert bots.seen.startswith("waits for 200 bars of 1m, made of quotes since")
        assert len(bots.kept) <= 3
    finally:
        await bots.stop()
