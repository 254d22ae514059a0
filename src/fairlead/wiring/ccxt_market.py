"""One exchange over ccxt in this process: a client without keys, its instruments, and the prices that are looked at."""

from __future__ import annotations

import asyncio

from fairlead.core.model.reports import Unknown
from fairlead.ports import Clock, Journal
from fairlead.venues.ccxt.client import (
    CcxtConnection,
    CcxtKeys,
    LibraryMissingError,
    PublicExchange,
    UnknownExchangeError,
    UnsupportedExchangeError,
    load_library,
    open_client,
)
from fairlead.venues.ccxt.markets import MarketNames
from fairlead.venues.ccxt.price_feed import CcxtPriceFeed
from fairlead.wiring.far_market import FarMarket


class CcxtMarket(FarMarket):
    """The market of one exchange, live or demo; ``public`` is there once it is open."""

    def __init__(self, connection: CcxtConnection, clock: Clock, journal: Journal | None) -> None:
        """Prepare; ccxt is loaded when it is opened."""
        name = f"ccxt {name_of(connection)}"
        super().__init__(name, connection.exchange, clock, journal)
        self.connection = connection
        self.feed = _LateFeed(self, clock)

    @property
    def public(self) -> PublicExchange | None:
        """The client that read what is listed."""
        return self.feed.client if isinstance(self.feed, _LateFeed) else None


def name_of(connection: CcxtConnection) -> str:
    """What tells one exchange from every other, and its demo from the real one."""
    place = connection.urls.get("rest", "")
    return " ".join(filter(None, (connection.exchange, "demo" if connection.is_sandbox else "", place)))


class _LateFeed:
    """The feed once there is a client: ccxt takes a second and a half to load, which nobody else waits for."""

    def __init__(self, market: CcxtMarket, clock: Clock) -> None:
        self._market = market
        self._clock = clock
        self.client: PublicExchange | None = None
        self._feed: CcxtPriceFeed | None = None

    async def open(self) -> Unknown | None:
        if self._feed is None:
            try:
                await asyncio.to_thread(load_library)
                self.client = open_client(self._market.connection, lambda: CcxtKeys(fields={}))
            except (LibraryMissingError, UnknownExchangeError, UnsupportedExchangeError) as error:
                return Unknown(message=str(error))
            self._feed = CcxtPriceFeed(
                self.client,
                MarketNames(self.client),
                self._clock,
                on_instruments=self._market.take_instruments,
                on_quote=self._market.take_quote,
            )
        return await self._feed.load()

    def want(self, symbol: str) -> bool:
        return self._feed is not None and self._feed.want(symbol)

    async def run(self) -> None:
        assert self._feed is not None, "it runs once it is open"
        await self._feed.run()

    async def close(self) -> None:
        if self.client is not None:
            await self.client.close()
