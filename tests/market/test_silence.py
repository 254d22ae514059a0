from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from fairlead.clock import VirtualClock
from fairlead.core.model.instrument import InstrumentState
from fairlead.core.model.market import Quote
from fairlead.market.hub import MarketHub
from fairlead.market.silence import SILENT_AFTER_MS, SilenceWatch
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS

BTC, ETH = "BTC-USDT", "ETH-USDT"
ONE = Decimal(1)


class Market:
    """Two markets, and what was told of them."""

    def __init__(self) -> None:
        self.clock = VirtualClock(1_790_000_000_000)
        self.hub, self.other = MarketHub(), MarketHub(exchange="kraken")
        self.told: list[tuple[str, list[str], bool]] = []
        for hub in (self.hub, self.other):
            hub.on_instruments(DEFAULT_INSTRUMENTS)
        self.watch = SilenceWatch(lambda: (self.hub, self.other), self.clock, self.note)

    def note(self, exchange: str, symbols: Sequence[str], is_silent: bool) -> None:  # noqa: FBT001
        self.told.append((exchange, list(symbols), is_silent))

    def price(self, *symbols: str, hub: MarketHub | None = None) -> None:
        for symbol in symbols:
            quote = Quote(
                symbol=symbol,
                bid=ONE,
                bid_quantity=ONE,
                ask=ONE,
                ask_quantity=ONE,
                last=ONE,
                mark=ONE,
                index=ONE,
                at_ms=self.clock.now_ms(),
            )
            (hub or self.hub).on_quote(quote)

    def wait(self, duration_ms: int) -> None:
        self.clock.advance_ms(duration_ms)
        self.watch.look()


def test_a_feed_that_falls_silent_is_told_once_and_again_when_it_is_back() -> None:
    market = Market()
    market.price(BTC, ETH)
    market.wait(SILENT_AFTER_MS)
    assert market.told == []
    for _ in range(5):
        market.wait(1_000)
    assert market.told == [("okx", [BTC, ETH], True)]
    assert market.watch.silent == 2
    market.price(BTC, ETH)
    market.wait(1_000)
    assert market.told[1:] == [("okx", [BTC, ETH], False)]
    assert market.watch.silent == 0


def test_one_silent_instrument_is_not_hidden_by_others_that_are_quoted() -> None:
    market = Market()
    market.price(BTC, ETH)
    for _ in range(20):
        market.price(ETH)
        market.wait(1_000)
    assert market.told == [("okx", [BTC], True)]


def test_each_market_falls_silent_by_itself() -> None:
    market = Market()
    market.price(BTC)
    market.price(BTC, hub=market.other)
    for _ in range(20):
        market.price(BTC)
        market.wait(1_000)
    assert market.told == [("kraken", [BTC], True)]


def test_an_instrument_that_nobody_can_trade_is_no_silent_feed() -> None:
    market = Market()
    market.price(BTC)
    listed = market.hub.instruments[BTC]
    market.hub.on_instruments([msgspec.structs.replace(listed, state=InstrumentState.SUSPENDED)])
    market.wait(SILENT_AFTER_MS + 1_000)
    assert market.told == []


async def test_it_looks_by_itself() -> None:
    market = Market()
    market.price(BTC)
    task = asyncio.create_task(market.watch.run())
    await market.clock.run_ms(SILENT_AFTER_MS + 2_000)
    task.cancel()
    assert market.told == [("okx", [BTC], True)]
