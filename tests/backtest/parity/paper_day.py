"""A paper account on a market that goes through given prices, and the candles of the same prices."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from fairlead.backtest.parity.stretches import BotDay, DayBook, Trade
from fairlead.core.model.account import FeeRates, VenueAccount
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.instrument import Instrument
from fairlead.market.candles.series import CandleSeries
from fairlead.reporting.decision_check import DecisionReport, Heard, Standing, check_decisions
from fairlead.simulator.rules import VenueRules
from tests.orders.trading_world import LINEAR, START_MS, account, make_exchange
from tests.servers.clean import clean_sqlite
from tests.sources.bots.bot_world import HOUR_MS, BotWorld

MINUTE_MS: Final = 60_000
TICK_MS: Final = 1_000
CANDLES_EACH: Final = 3
# One tick between the middle and either side of the book, deep at the first level, and nobody else who trades.
CALM: Final = VenueRules(volatility=Decimal("0.0000001"), flow_percent=0, level_notional=Decimal(20_000_000))


def walk(seed: int, steps: int, *, start: int = 60_000, percent: float = 0.6) -> list[Decimal]:
    """Prices that wander and come back, between the whole numbers that orders like to have."""
    dice = Random(f"paper day {seed}")
    prices, price = [Decimal(start) + Decimal("0.7")], float(start)
    for _ in range(steps):
        price *= 1 + dice.gauss(0, percent / 100) - (price / start - 1) / 8
        prices.append(Decimal(round(price)) + Decimal("0.7"))
    return prices


def candles_of(prices: Sequence[Decimal], symbol: str, instrument: Instrument, *, jumps: bool = False) -> CandleSeries:
    """Three candles for each price: one opens where the last closed and goes straight there, or is there at once.

    Then it stands still, because live an answer takes no candle: an order at market, and what rests once it is filled.
    """
    tick = instrument.tick_size
    ticks = np.repeat(np.array([int(price / tick) for price in prices], dtype=np.int64), CANDLES_EACH)
    opened = ticks if jumps else np.concatenate(([ticks[0]], ticks[:-1]))
    first_ms = START_MS // MINUTE_MS * MINUTE_MS
    return CandleSeries(
        symbol=symbol,
        timeframe="1m",
        tick=tick,
        opened_ms=first_ms + np.arange(len(ticks), dtype=np.int64) * MINUTE_MS,
        prices={
            "open": opened,
            "high": np.maximum(opened, ticks),
            "low": np.minimum(opened, ticks),
            "close": ticks,
        },
    )


def slow_down(day: BotDay) -> None:
    """Let a day last as long as its candles: each price is there at the end of its first candle."""
    first_ms = START_MS // MINUTE_MS * MINUTE_MS

    def at(then_ms: int) -> int:
        return first_ms + MINUTE_MS + (then_ms - START_MS) * CANDLES_EACH * MINUTE_MS // TICK_MS

    day.heard = [(at(then_ms), price) for then_ms, price in day.heard]
    for stretch in day.stretches:
        stretch.begin_ms, stretch.end_ms = at(max(START_MS, stretch.begin_ms)), at(stretch.end_ms)
        for order in stretch.orders.values():
            order.placed_ms, order.heard_ms = at(order.placed_ms), at(order.heard_ms)
            order.over_ms = order.over_ms and at(order.over_ms)


class PaperDay:
    """One bot on paper, price after price."""

    def __init__(
        self,
        folder: Path,
        prices: Sequence[Decimal],
        settings: Settings,
        symbol: str = LINEAR,
        rules: VenueRules = CALM,
    ) -> None:
        """Prepare; ``live`` lets it happen."""
        self.world = BotWorld(clean_sqlite(folder))
        self.world.make_exchange = make_exchange(rules)
        self.prices = prices
        self.settings = settings
        self.symbol = symbol
        self.days: dict[str, DayBook] = {}

    async def live(self, *, tick_ms: int = TICK_MS) -> None:
        """Let the bot hear each price in turn, and stop."""
        world = self.world
        await world.start()
        world.feed(self.symbol, self.prices[0])
        await world.quiet()
        world.feed(self.symbol, self.prices[0])
        await world.add("bot", self.settings, symbol=self.symbol)
        await world.run_ms(tick_ms)
        for price in self.prices[1:]:
            await world.move(price, self.symbol, wait_ms=tick_ms)
        await world.stop()

    @property
    def account(self) -> VenueAccount:
        """The account that it trades on, unless another is given to its world."""
        return account()

    @property
    def instrument(self) -> Instrument:
        """What was traded."""
        return self.world.trading.hub.instruments[self.symbol]

    @property
    def fees(self) -> FeeRates:
        """What fills cost."""
        return self.world.accounts[0].fee_rates

    def read(self, begin_ms: int = 0, end_ms: int = 0) -> DecisionReport:
        """Read what was decided back from the journal."""
        end_ms = end_ms or self.world.clock.now_ms() + HOUR_MS

        def hear(one: Heard | Standing) -> None:
            state = one.state if isinstance(one, Standing) else one.decided.state
            book = self.days.setdefault(state.bot_id, DayBook(state, begin_ms, end_ms))
            if isinstance(one, Standing):
                book.stand(one.state, one.settings, one.terms)
            else:
                book.take(one.before, one.decided, one.settings, one.terms)

        return check_decisions(self.world.url, begin_ms, end_ms, hear=hear)

    @property
    def day(self) -> BotDay:
        """The bot's day, once it was read."""
        return self.days["bot"].day

    def trades(self) -> list[Trade]:
        """Everything that was filled."""
        return [trade for stretch in self.day.stretches for trade in stretch.trades()]
