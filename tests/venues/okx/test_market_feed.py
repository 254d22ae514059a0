"""Instruments and quotes as they come from OKX's public side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal

import pytest

from fairlead.core.model.instrument import Instrument, InstrumentState
from fairlead.core.model.market import Quote
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.okx.faults.rules import FaultKind, FaultRule, Match
from fairlead.venues.okx.market_feed import OkxMarketFeed
from tests.venues.okx.okx_floor import SPOT, SWAP, OkxFloor, open_floor, until


class Watcher:
    """What a market hub would know."""

    def __init__(self, floor: OkxFloor, *symbols: str) -> None:
        self.instruments: dict[str, Instrument] = {}
        self.quotes: dict[str, Quote] = {}
        self.feed = OkxMarketFeed(
            floor.connection,
            floor.governor,
            floor.clock,
            symbols=symbols,
            on_instruments=lambda found: self.instruments.update({one.symbol: one for one in found}),
            on_quote=lambda quote: self.quotes.update({quote.symbol: quote}),
        )
        self.running = asyncio.create_task(self.feed.run())

    async def stop(self) -> None:
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running


@pytest.fixture(name="floor")
async def _floor() -> AsyncIterator[OkxFloor]:
    async with open_floor() as floor:
        yield floor


@pytest.fixture(name="watcher")
async def _watcher(floor: OkxFloor) -> AsyncIterator[Watcher]:
    watcher = Watcher(floor, SPOT, SWAP)
    yield watcher
    await watcher.stop()


async def test_every_instrument_is_what_the_exchange_lists(floor: OkxFloor, watcher: Watcher) -> None:
    await until(lambda: SWAP in watcher.quotes)
    for listed in DEFAULT_INSTRUMENTS:
        told = watcher.instruments[listed.symbol]
        assert (told.kind, told.tick_size, told.lot_size, told.quantity_min, told.contract_value) == (
            listed.kind,
            listed.tick_size,
            listed.lot_size,
            listed.quantity_min,
            listed.contract_value,
        )
        assert (told.base_currency, told.settle_currency) == (listed.base_currency, listed.settle_currency)
    assert watcher.instruments[SWAP].maintenance_margin_rate == Decimal("0.004")
    assert floor.connection.codes[SWAP] == floor.okx.venue.catalogue.code_of(SWAP)


async def test_quotes_follow_the_exchange_with_mark_index_volume_and_funding(floor: OkxFloor, watcher: Watcher) -> None:
    await until(lambda: SPOT in watcher.quotes and SWAP in watcher.quotes)
    first = watcher.quotes[SWAP]
    assert first.bid < first.ask
    assert first.volume_24h_usd is not None
    await until(lambda: watcher.quotes[SWAP].at_ms > first.at_ms and watcher.quotes[SWAP].funding_rate is not None)
    seen = floor.okx.exchange.markets.quote(SWAP)
    assert abs(watcher.quotes[SWAP].mark / seen.mark - 1) < Decimal("0.01")
    assert abs(watcher.quotes[SPOT].mid / floor.price(SPOT) - 1) < Decimal("0.01")


async def test_an_instrument_that_comes_to_be_wanted_is_followed_from_then_on(watcher: Watcher) -> None:
    await until(lambda: SWAP in watcher.quotes)
    assert not watcher.feed.want("NO-SUCH-SWAP")
    assert watcher.feed.want("ETH-USDT-SWAP")
    await until(lambda: "ETH-USDT-SWAP" in watcher.quotes)
    assert watcher.instruments["ETH-USDT-SWAP"].maintenance_margin_rate == Decimal("0.004")


async def test_a_suspended_instrument_is_known_to_be(floor: OkxFloor, watcher: Watcher) -> None:
    await until(lambda: SWAP in watcher.quotes)
    floor.okx.faults.acts.set_state(SWAP, InstrumentState.SUSPENDED)
    await until(lambda: watcher.instruments[SWAP].state is InstrumentState.SUSPENDED)


async def test_quotes_go_on_after_the_socket_broke(floor: OkxFloor, watcher: Watcher) -> None:
    await until(lambda: SWAP in watcher.quotes)
    rule = FaultRule(id="drop", kind=FaultKind.SOCKET_DROP, match=Match(endpoint="tickers"), count=1)
    floor.okx.faults.plan.add(rule)
    await until(lambda: floor.okx.faults.plan.states[0].struck == 1)
    broken_ms = floor.clock.now_ms()
    await until(lambda: watcher.quotes[SWAP].at_ms > broken_ms)


async def test_what_came_to_be_wanted_is_followed_again_after_the_socket_broke(
    floor: OkxFloor, watcher: Watcher
) -> None:
    await until(lambda: SWAP in watcher.quotes)
    assert watcher.feed.want("ETH-USDT-SWAP")
    await until(lambda: "ETH-USDT-SWAP" in watcher.quotes)
    rule = FaultRule(id="drop", kind=FaultKind.SOCKET_DROP, match=Match(endpoint="tickers"), count=1)
    floor.okx.faults.plan.add(rule)
    await until(lambda: floor.okx.faults.plan.states[0].struck == 1)
    broken_ms = floor.clock.now_ms()
    # Everything that anybody wants, and whoever wants it twice has it once.
    assert watcher.feed.want("ETH-USDT-SWAP")
    assert watcher.feed.symbols == (SPOT, SWAP, "ETH-USDT-SWAP")
    wanted = watcher.feed.symbols
    await until(lambda: all(watcher.quotes[symbol].at_ms > broken_ms for symbol in wanted))
