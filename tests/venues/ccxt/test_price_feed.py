"""Prices over ccxt, on an exchange that speaks OKX, and on one that tells them in its book only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from fairlead.clock import SystemClock
from fairlead.core.model.account import PositionMode
from fairlead.core.model.instrument import Instrument, InstrumentState
from fairlead.core.model.market import Quote
from fairlead.venues.ccxt.markets import MarketNames
from fairlead.venues.ccxt.price_feed import SYMBOLS_MAX, CcxtPriceFeed, quote_of
from tests.contracts.venue_worlds import INSTRUMENTS, WAIT_S, CcxtWorld

SPOT, LINEAR = "BTC-USDT", "BTC-USDT-SWAP"
TICKER = {"bid": "99", "ask": "101", "bidVolume": "3", "askVolume": "4", "last": "100.5", "quoteVolume": "5000"}


@dataclass
class Heard:
    """A feed and what it told."""

    feed: CcxtPriceFeed
    instruments: dict[str, Instrument]
    quotes: list[Quote]

    def count(self, symbol: str) -> int:
        return sum(quote.symbol == symbol for quote in self.quotes)


def hear(client: Any) -> Heard:  # noqa: ANN401  # a client of ccxt, or what stands for it
    instruments: dict[str, Instrument] = {}
    quotes: list[Quote] = []

    def list_all(listed: Sequence[Instrument]) -> None:
        instruments.update({one.symbol: one for one in listed})

    names = MarketNames(client)
    feed = CcxtPriceFeed(client, names, SystemClock(), on_instruments=list_all, on_quote=quotes.append)
    return Heard(feed, instruments, quotes)


async def until(is_done: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not is_done():
            await SystemClock().sleep_ms(10)


async def stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture(name="there")
async def _there() -> AsyncIterator[CcxtWorld]:
    world = CcxtWorld(PositionMode.NET)
    await world.start()
    yield world
    await world.close()


@pytest.mark.slow
@pytest.mark.parametrize("has_socket", [True, False])
async def test_what_is_wanted_has_prices_that_stay_fresh(there: CcxtWorld, *, has_socket: bool) -> None:
    there.client.has["watchTicker"] = has_socket
    heard = hear(there.client)
    assert await heard.feed.load() is None
    assert heard.instruments[LINEAR].contract_value == INSTRUMENTS[LINEAR].contract_value
    assert not heard.feed.want("NOBODY-USDT")
    running = asyncio.create_task(heard.feed.run())
    wanted = (SPOT, "ETH-USDT", LINEAR)
    assert all(map(heard.feed.want, wanted))
    # Nothing moves there by itself: what comes again was asked for.
    await until(lambda: all(heard.count(symbol) > 1 for symbol in wanted))
    told = next(quote for quote in reversed(heard.quotes) if quote.symbol == LINEAR)
    seen = there.exchange.markets.quote(LINEAR)
    assert (told.bid, told.ask) == (seen.bid, seen.ask)
    assert abs(told.at_ms - there.now_ms()) < 5_000
    await stop(running)


@pytest.mark.slow
async def test_prices_grow_old_while_nobody_answers(there: CcxtWorld) -> None:
    there.client.has["watchTicker"] = False
    heard = hear(there.client)
    assert await heard.feed.load() is None
    running = asyncio.create_task(heard.feed.run())
    assert heard.feed.want(SPOT)
    await until(lambda: heard.count(SPOT) > 0)
    await there.okx.server.stop()
    told = heard.count(SPOT)
    await SystemClock().sleep_ms(1_500)
    assert heard.count(SPOT) == told
    await stop(running)


class BookOnly:
    """A client of an exchange whose tickers have no bid and no ask; it can list fewer markets."""

    id = "bookonly"
    precisionMode = 4  # noqa: N815  # ccxt's name

    def __init__(self, *bases: str) -> None:
        self.has: dict[str, bool] = {}
        self.listed = bases
        self.books = 0

    @property
    def markets(self) -> dict[str, dict[str, Any]]:
        steps = {"precision": {"price": "0.1", "amount": "0.01"}, "limits": {}}
        return {
            f"{base}/USDT": {"spot": True, "base": base, "quote": "USDT", "settle": None, **steps}
            for base in self.listed
        }

    async def load_markets(self, _reload: object = None) -> dict[str, dict[str, Any]]:
        return self.markets

    async def fetch_ticker(self, _symbol: str) -> dict[str, Any]:
        return {"last": "100"}

    async def fetch_order_book(self, _symbol: str) -> dict[str, Any]:
        self.books += 1
        return {"bids": [["99", "2"], ["98", "9"]], "asks": [["101", "1"]]}


async def test_bid_and_ask_are_taken_from_the_book_where_a_ticker_has_none() -> None:
    heard = hear(BookOnly("AAA"))
    await heard.feed.load()
    heard.feed.want("AAA-USDT")
    running = asyncio.create_task(heard.feed.run())
    await until(lambda: heard.count("AAA-USDT") > 0)
    await stop(running)
    quote = heard.quotes[0]
    assert (quote.bid, quote.bid_quantity, quote.ask, quote.last) == tuple(map(Decimal, (99, 2, 101, 100)))


async def test_what_is_not_listed_any_more_is_suspended() -> None:
    client = BookOnly("AAA", "BBB")
    heard = hear(client)
    await heard.feed.load()
    assert heard.feed.want("BBB-USDT")
    client.listed = ("AAA",)
    await heard.feed.reload()
    assert heard.instruments["BBB-USDT"].state is InstrumentState.SUSPENDED
    assert heard.instruments["AAA-USDT"].state is InstrumentState.LIVE
    running = asyncio.create_task(heard.feed.run())
    assert heard.feed.want("AAA-USDT")
    await until(lambda: heard.count("AAA-USDT") > 0)
    assert not heard.count("BBB-USDT")
    await stop(running)


async def test_there_is_room_for_so_many_instruments() -> None:
    names = [f"A{number}" for number in range(SYMBOLS_MAX + 1)]
    heard = hear(BookOnly(*names))
    await heard.feed.load()
    assert [heard.feed.want(f"{name}-USDT") for name in names] == [True] * SYMBOLS_MAX + [False]
    assert heard.feed.want("A0-USDT")


def test_a_ticker_becomes_a_quote_or_nothing() -> None:
    spot = INSTRUMENTS[SPOT]
    quote = quote_of(spot, TICKER, 7)
    assert quote is not None
    told = (quote.bid, quote.ask, quote.last, quote.mark, quote.index)
    assert told == tuple(map(Decimal, ("99", "101", "100.5", "100.5", "100.5")))
    assert quote.at_ms == 7
    assert quote.volume_24h_usd == 5_000
    perpetual = quote_of(INSTRUMENTS[LINEAR], {**TICKER, "markPrice": "100.1", "indexPrice": "100.2"}, 7)
    assert perpetual is not None
    assert (perpetual.mark, perpetual.index) == (Decimal("100.1"), Decimal("100.2"))
    without_last = quote_of(spot, {**TICKER, "last": None}, 7)
    assert without_last is not None
    assert without_last.last == 100
    elsewhere = quote_of(replace(spot, quote_currency="BTC"), TICKER, 7)
    assert elsewhere is not None
    assert elsewhere.volume_24h_usd is None
    for wrong in ({"bid": None}, {"ask": "0"}, {"bid": "102"}, {"ask": "NaN"}, {"bid": "-1"}):
        assert quote_of(spot, {**TICKER, **wrong}, 7) is None
