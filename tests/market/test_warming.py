"""Bars of the past before bars of quotes: no gap, no double, and values as over one array."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import pytest

from fairlead.clock import VirtualClock
from fairlead.core.model.bots.user_rule import BarFacts
from fairlead.core.model.conditions import TIMEFRAMES_MS, Condition
from fairlead.core.model.history import Page, PageFailure
from fairlead.core.model.market import Candle, flat_quote
from fairlead.core.rules.conditions.arrays import Evaluator, Frame, newest_values
from fairlead.core.rules.conditions.vocabulary import close, crosses_above, ema, on, rsi, sma
from fairlead.market.bars import AWAITED_MAX_MS, Bars
from fairlead.market.conditions import ConditionBoard, Watch
from fairlead.market.warming import AGAIN_LATER_MS, CLOSED_MARGIN_MS, PAGES_MAX, WARMED_MAX, Warmer

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
QUOTE_MS = 10_000
SYMBOL = "BTC-USDT"
START_MS = 20_000 * DAY_MS + 5 * HOUR_MS + 34 * MINUTE_MS + 20_000
Row = tuple[int, float, float, float, float]


def price_at(at_ms: int) -> float:
    """The market: every ten seconds another price."""
    step = at_ms // QUOTE_MS
    return round(100 + 5 * math.sin(step / 97) + (step * 7919 % 13) / 10, 2)


def bar_at(open_ms: int, timeframe: str) -> Row:
    prices = [price_at(at_ms) for at_ms in range(open_ms, open_ms + TIMEFRAMES_MS[timeframe], QUOTE_MS)]
    return open_ms, prices[0], max(prices), min(prices), prices[-1]


class Past:
    """What an exchange tells of that market; it may lag, keep silent or never have heard of some bars."""

    name = "some exchange"

    def __init__(self, clock: VirtualClock, *, page: int = 300) -> None:
        self.clock = clock
        self.candles_per_page = page
        self.asked: list[tuple[str, int, int]] = []
        self.missing: set[int] = set()
        self.lag_ms = 0
        self.failure: PageFailure | None = None
        self.hangs = False

    async def read_candles(self, symbol: str, timeframe: str, begin_ms: int, end_ms: int) -> Page[Candle] | PageFailure:
        self.asked.append((timeframe, begin_ms, end_ms))
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            return self.failure
        length_ms = TIMEFRAMES_MS[timeframe]
        assert end_ms - begin_ms <= self.candles_per_page * length_ms
        known_ms = self.clock.now_ms() - self.lag_ms
        opened = [at for at in range(begin_ms, end_ms, length_ms) if at + length_ms <= known_ms]
        rows = [bar_at(at, timeframe) for at in opened if at not in self.missing]
        candles = [
            Candle(symbol=symbol, open_ms=at, volume=Decimal(0), **{k: Decimal(str(v)) for k, v in _named(row).items()})
            for at, *row in rows
        ]
        return Page(tuple(candles), end_ms)


def _named(row: list[float]) -> dict[str, float]:
    return dict(zip(("open", "high", "low", "close"), row, strict=True))


class World:
    """A board with a past, its quotes, and what it told at what time."""

    def __init__(self, start_ms: int = START_MS, **options: int) -> None:
        self.clock = VirtualClock(start_ms)
        self.past = Past(self.clock, **options)
        self.told: list[tuple[int, BarFacts]] = []
        self.board = ConditionBoard(newest_values, self._tell, has_past=True)
        self.warmer = Warmer(self.board, self.past, self.clock)
        self.is_quoting = True

    def _tell(self, _watcher: str, facts: BarFacts) -> None:
        self.told.append((self.clock.now_ms(), facts))

    def watch(self, timeframe: str, conditions: Mapping[str, Condition], watcher: str = "bot") -> None:
        self.board.watch(Watch(watcher=watcher, symbol=SYMBOL, timeframe=timeframe, conditions=conditions))

    async def quote(self) -> None:
        while True:
            now_ms = self.clock.now_ms()
            if self.is_quoting and not now_ms % QUOTE_MS:
                self.board.on_quote(flat_quote(SYMBOL, Decimal(str(price_at(now_ms))), now_ms))
            self.board.look_at_time(now_ms)
            await self.clock.sleep_ms(1_000 - now_ms % 1_000)

    async def run(self, duration_ms: int) -> None:
        await self.clock.run_ms(duration_ms)

    def bars(self, timeframe: str) -> Bars:
        return self.board.builders[SYMBOL].bars[timeframe]

    def rows(self, timeframe: str) -> list[Row]:
        bars = self.bars(timeframe)
        return list(zip(bars.opened_ms, *bars.columns.values(), strict=True))

    def closed(self) -> list[int]:
        return [facts.closed_ms for _, facts in self.told]


@asynccontextmanager
async def running(world: World) -> AsyncIterator[World]:
    tasks = [asyncio.create_task(work) for work in (world.quote(), world.warmer.run())]
    try:
        yield world
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def expected(timeframe: str, world: World) -> list[Row]:
    """As many bars of the market as the board keeps, from its oldest on."""
    rows = world.rows(timeframe)
    return [bar_at(rows[0][0] + number * TIMEFRAMES_MS[timeframe], timeframe) for number in range(len(rows))]


async def test_a_bot_decides_at_its_first_close_after_the_start() -> None:
    async with running(World()) as world:
        world.watch("1h", {"low": rsi(close, 14) < 101})
        await world.run(25 * MINUTE_MS)
        # Nothing is told of what closed before anybody looked.
        assert not world.told
        assert len(world.rows("1h")) >= 14 * 56
        await world.run(2 * MINUTE_MS)
        ((at_ms, facts),) = world.told
        assert facts.closed_ms == START_MS // HOUR_MS * HOUR_MS + HOUR_MS
        assert facts.holds == ("low",)
        assert at_ms - facts.closed_ms <= CLOSED_MARGIN_MS + 1_000


@pytest.mark.parametrize("offset_ms", [0, 1_000, 20_000, 39_000, 40_000, 59_000])
async def test_where_history_ends_and_quotes_begin_there_is_no_gap_and_no_double(offset_ms: int) -> None:
    async with running(World(START_MS + offset_ms)) as world:
        world.watch("1m", {"a": close > ema(close, 9, "3m")})
        await world.run(20 * MINUTE_MS)
        for timeframe in ("1m", "3m"):
            rows = world.rows(timeframe)
            assert rows == expected(timeframe, world)
            assert rows[-1][0] >= world.clock.now_ms() - 3 * TIMEFRAMES_MS[timeframe]
        # Each close is told once, in order, and none is left out once the first was told.
        assert world.closed() == list(range(world.closed()[0], world.closed()[-1] + 1, MINUTE_MS))


async def test_the_bar_that_ran_at_the_start_comes_from_history_alone_and_later_ones_from_quotes_alone() -> None:
    async with running(World()) as world:
        world.watch("3m", {"a": close > sma(close, 3)})
        await world.run(30 * MINUTE_MS)
        first_own_ms = world.board.builders[SYMBOL].first_own_ms("3m")
        assert first_own_ms is not None
        asked = [(begin_ms, end_ms) for _, begin_ms, end_ms in world.past.asked]
        assert asked[-1] == (first_own_ms - 3 * MINUTE_MS, first_own_ms)
        assert len(asked) == 2
        assert first_own_ms - 3 * MINUTE_MS < START_MS <= first_own_ms


async def test_values_are_those_of_one_array_over_the_same_bars() -> None:
    conditions = {"cross": crosses_above(ema(close, 3), sma(close, 7)), "low": rsi(close, 4) < 45}
    async with running(World()) as world:
        world.watch("1m", conditions)
        await world.run(60 * MINUTE_MS)
        begin_ms = world.rows("1m")[0][0] - 200 * MINUTE_MS
        opened = list(range(begin_ms, world.clock.now_ms(), MINUTE_MS))
        columns = list(zip(*(bar_at(at, "1m") for at in opened), strict=True))
        names = ("open", "high", "low", "close")
        frame = Frame("1m", opened, {name: list(one) for name, one in zip(names, columns[1:], strict=True)})
        found = {name: Evaluator({"1m": frame}, "1m").evaluate(one) for name, one in conditions.items()}
        assert len(world.told) >= 58
        for _, facts in world.told:
            place = opened.index(facts.closed_ms - MINUTE_MS)
            assert facts.holds == tuple(name for name, values in found.items() if values[place] > 0), facts


async def test_what_looks_at_two_lengths_waits_for_the_longer_bar_at_the_seam() -> None:
    begin_ms = 20_001 * DAY_MS - 2 * MINUTE_MS - 30_000
    async with running(World(begin_ms)) as world:
        world.watch("1m", {"up": close > on(close, "1d")})
        await world.run(10 * MINUTE_MS)
        at_midnight = [(at_ms, facts) for at_ms, facts in world.told if facts.closed_ms == 20_001 * DAY_MS]
        ((at_ms, facts),) = at_midnight
        # The day that ended is known to nobody but the exchange, which tells it a moment later.
        assert CLOSED_MARGIN_MS <= at_ms - facts.closed_ms <= CLOSED_MARGIN_MS + 1_000
        last_close = bar_at(20_000 * DAY_MS, "1d")[4]
        for _, one in world.told[2:]:
            assert one.holds == (("up",) if bar_at(one.closed_ms - MINUTE_MS, "1m")[4] > last_close else ())
        assert world.closed() == list(range(world.closed()[0], world.closed()[-1] + 1, MINUTE_MS))


async def test_bars_that_the_exchange_never_had_are_left_out_as_in_a_replay() -> None:
    async with running(World()) as world:
        gap = {START_MS // MINUTE_MS * MINUTE_MS - number * MINUTE_MS for number in (5, 6, 9)}
        world.past.missing = gap
        world.watch("1m", {"a": close > sma(close, 20)})
        await world.run(5 * MINUTE_MS)
        opened = [row[0] for row in world.rows("1m")]
        assert not gap & set(opened)
        assert opened == sorted({*opened})
        assert len(world.told) >= 4


async def test_a_bar_that_the_exchange_tells_late_is_waited_for() -> None:
    async with running(World()) as world:
        world.past.lag_ms = 15_000
        world.watch("1m", {"a": close > sma(close, 20)})
        await world.run(5 * MINUTE_MS)
        rows = world.rows("1m")
        assert rows == expected("1m", world)
        assert world.closed()[0] == START_MS // MINUTE_MS * MINUTE_MS + MINUTE_MS


async def test_without_a_history_a_bot_waits_for_bars_of_quotes_and_gets_the_rest_later() -> None:
    async with running(World()) as world:
        world.past.failure = PageFailure("503 closed for repairs")
        world.watch("1m", {"a": close > sma(close, 5)})
        await world.run(4 * MINUTE_MS)
        assert not world.told
        await world.run(4 * MINUTE_MS)
        own = world.rows("1m")
        assert own[0][0] == START_MS // MINUTE_MS * MINUTE_MS + MINUTE_MS
        assert world.told
        asked = len(world.past.asked)
        assert asked < 10
        world.watch("1m", {"b": close > sma(close, 300) * 0.1}, "slow")
        world.past.failure = None
        world.told.clear()
        await world.run(AGAIN_LATER_MS + 2 * MINUTE_MS)
        rows = world.rows("1m")
        assert rows == expected("1m", world)
        assert {"b"} & {name for _, facts in world.told for name in facts.holds}


async def test_a_history_that_stops_telling_at_the_seam_leaves_no_gap_because_it_is_dropped() -> None:
    async with running(World()) as world:
        world.watch("1m", {"a": close > sma(close, 3)})
        await world.run(5_000)
        assert len(world.rows("1m")) > 3
        world.past.failure = PageFailure("gone", is_lasting=True)
        await world.run(2 * MINUTE_MS)
        assert [row[0] for row in world.rows("1m")] == [START_MS // MINUTE_MS * MINUTE_MS + MINUTE_MS]
        await world.run(4 * MINUTE_MS)
        assert world.told


async def test_an_answer_that_never_comes_holds_nobody_up_for_long() -> None:
    async with running(World()) as world:
        world.past.hangs = True
        world.watch("1m", {"a": close > 0})
        await world.run(AWAITED_MAX_MS)
        assert not world.told
        await world.run(2 * MINUTE_MS)
        assert world.told
        assert all(at_ms - facts.closed_ms <= QUOTE_MS for at_ms, facts in world.told)


async def test_a_bar_that_comes_too_late_is_no_news() -> None:
    async with running(World()) as world:
        world.watch("1h", {"a": close > sma(close, 5)})
        await world.run(20 * MINUTE_MS)
        world.past.lag_ms = 90_000
        world.past.failure = PageFailure("a moment")
        await world.run(7 * MINUTE_MS)
        world.past.failure, world.past.lag_ms = None, 0
        await world.run(30 * MINUTE_MS)
        assert not world.told
        await world.run(40 * MINUTE_MS)
        assert world.closed() == [START_MS // HOUR_MS * HOUR_MS + 2 * HOUR_MS]


async def test_whoever_wants_more_bars_later_gets_older_ones_without_a_gap() -> None:
    async with running(World(page=50)) as world:
        world.watch("1m", {"a": close > sma(close, 10)})
        await world.run(50 * MINUTE_MS)
        before = len(world.rows("1m"))
        world.watch("1m", {"b": close > sma(close, 400)}, "slow")
        await world.run(2 * MINUTE_MS)
        rows = world.rows("1m")
        assert before < 400 < len(rows)
        assert rows == expected("1m", world)


async def test_one_read_is_bounded_however_many_bars_are_wanted() -> None:
    async with running(World(page=WARMED_MAX // PAGES_MAX + 1)) as world:
        world.watch("1m", {"a": rsi(close, 1_000) > 0})
        await world.run(3 * MINUTE_MS)
        assert WARMED_MAX - 10 <= len(world.rows("1m")) <= WARMED_MAX + 10
        assert len(world.past.asked) <= PAGES_MAX + 3


async def test_what_nobody_wants_any_more_is_not_filled_in() -> None:
    async with running(World(page=5)) as world:
        world.watch("1m", {"a": close > sma(close, 100)})
        await world.run(2_000)
        asked = len(world.past.asked)
        assert 0 < asked < 20
        world.board.forget("bot")
        await world.run(5 * MINUTE_MS)
        assert not world.board.builders
        assert not world.told
        # The read that was on its way came to its end, and the next one is as good as any.
        world.watch("1m", {"b": close > sma(close, 10)})
        await world.run(2 * MINUTE_MS)
        assert {name for _, facts in world.told for name in facts.holds} <= {"b"}
        assert world.told
