"""One site of OKX for this process: its connection, its instruments, and the prices that its accounts look at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final

import msgspec

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.rules.account_book import AccountBook
from fairlead.market.hub import MarketHub
from fairlead.ports import Clock, Journal, Record, Unit
from fairlead.venues.okx.connection import OkxConnection
from fairlead.venues.okx.governor import RateGovernor
from fairlead.venues.okx.market_feed import OkxMarketFeed
from fairlead.venues.okx.outcomes import Failure
from fairlead.venues.okx.sites import OkxSite
from fairlead.worker import TaskSupervisor

INSTRUMENT_SPACE: Final = "instrument"
"""Records of the instruments that accounts have looked at, by site and symbol: what reads their facts needs them."""
FIRST_QUOTE_MS_MAX: Final = 2_500
FEED_AGAIN_MS: Final = 5_000


class OkxMarket:
    """Opened by the first account that needs it; nothing connects before."""

    def __init__(self, site: OkxSite, governor: RateGovernor, clock: Clock, journal: Journal | None) -> None:
        """Prepare."""
        self.hub = MarketHub()
        self.connection = OkxConnection(site, clock)
        self._clock = clock
        self._journal = journal
        self._noted: dict[str, Instrument] = {}
        self._opening = asyncio.Lock()
        self._is_open = False
        self._first: dict[str, asyncio.Event] = {}
        self._feed = OkxMarketFeed(
            self.connection,
            governor,
            clock,
            symbols=(),
            on_instruments=self._take_instruments,
            on_quote=self._take_quote,
        )

    async def open(self, tasks: TaskSupervisor) -> Failure | None:
        """Connect and read what is listed, once; from then on prices of what is wanted come by themselves."""
        async with self._opening:
            if self._is_open:
                return None
            await self._read_noted()
            await self.connection.open()
            failure = await self._feed.load()
            if failure is None:
                self._is_open = True
                self._run(tasks)
            return failure

    async def close(self) -> None:
        """Let go of the connection."""
        await self.connection.close()

    def want(self, symbol: str) -> Awaitable[None] | None:
        """Follow an instrument; what to wait for until its first price, or None if there is one, or none will come."""
        instrument = self.hub.instruments.get(symbol)
        if instrument is None or symbol in self.hub.quotes or not self._feed.want(symbol):
            return None
        self._note(instrument)
        return self._wait(self._first.setdefault(symbol, asyncio.Event()))

    def follow(self, book: AccountBook) -> None:
        """Follow everything that says what an account is worth."""
        held = [symbol for symbol, _ in book.positions]
        asked = [order.symbol for order in book.orders.values()]
        cash = [f"{currency}-USDT" for currency, balance in book.balances.items() if balance.total]
        for symbol in dict.fromkeys((*held, *asked, *cash)):
            instrument = self.hub.instruments.get(symbol)
            if instrument is not None and self._feed.want(symbol):
                self._note(instrument)

    def _run(self, tasks: TaskSupervisor) -> None:
        name = f"okx prices {self.connection.site.rest_url}"
        tasks.start(name, self._feed.run(), lambda _: tasks.start(name, self._run_later(tasks)))

    async def _run_later(self, tasks: TaskSupervisor) -> None:
        await self._clock.sleep_ms(FEED_AGAIN_MS)
        self._run(tasks)

    async def _read_noted(self) -> None:
        # One that is not listed any more may still be in an account's books.
        records = () if self._journal is None else await self._journal.read_records(INSTRUMENT_SPACE)
        for record in records:
            if record.owner == self._name and record.body is not None:
                self._noted[record.key] = msgspec.json.decode(record.body, type=Instrument)
        self.hub.on_instruments(self._noted.values())

    @property
    def _name(self) -> str:
        return self.connection.site.rest_url

    def _take_instruments(self, instruments: Sequence[Instrument]) -> None:
        self.hub.on_instruments(instruments)
        for instrument in instruments:
            if instrument.symbol in self._noted:
                self._note(instrument)

    def _take_quote(self, quote: Quote) -> None:
        self.hub.on_quote(quote)
        first = self._first.pop(quote.symbol, None)
        if first is not None:
            first.set()

    def _note(self, instrument: Instrument) -> None:
        if self._journal is None or self._noted.get(instrument.symbol) == instrument:
            return
        self._noted[instrument.symbol] = instrument
        body = msgspec.json.encode(instrument)
        record = Record(space=INSTRUMENT_SPACE, owner=self._name, key=instrument.symbol, body=body)
        self._journal.append(Unit(records=(record,)), lambda _: None)

    async def _wait(self, first: asyncio.Event) -> None:
        waiting = asyncio.ensure_future(first.wait())
        patience = asyncio.ensure_future(self._clock.sleep_ms(FIRST_QUOTE_MS_MAX))
        try:
            await asyncio.wait({waiting, patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            patience.cancel()
