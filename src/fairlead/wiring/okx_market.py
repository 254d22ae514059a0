"""One site of OKX for this process: its connection, its instruments, and the prices that its accounts look at."""

from __future__ import annotations

from fairlead.ports import Clock, Journal
from fairlead.venues.okx.connection import OkxConnection
from fairlead.venues.okx.governor import RateGovernor
from fairlead.venues.okx.market_feed import OkxMarketFeed
from fairlead.venues.okx.outcomes import Failure
from fairlead.venues.okx.sites import OkxSite
from fairlead.wiring.far_market import FarMarket
from fairlead.wiring.venue_kinds import OKX


class OkxMarket(FarMarket):
    """The market of one site, and the connection that its accounts share."""

    def __init__(self, site: OkxSite, governor: RateGovernor, clock: Clock, journal: Journal | None) -> None:
        """Prepare."""
        super().__init__(site.rest_url, OKX, clock, journal)
        self.connection = OkxConnection(site, clock)
        feed = OkxMarketFeed(
            self.connection,
            governor,
            clock,
            symbols=(),
            on_instruments=self.take_instruments,
            on_quote=self.take_quote,
        )
        self.feed = _ConnectedFeed(self.connection, feed)


class _ConnectedFeed:
    """The feed with the connection that it needs."""

    def __init__(self, connection: OkxConnection, feed: OkxMarketFeed) -> None:
        self._connection = connection
        self.want = feed.want
        self.run = feed.run
        self._feed = feed

    async def open(self) -> Failure | None:
        await self._connection.open()
        return await self._feed.load()

    async def close(self) -> None:
        await self._connection.close()
