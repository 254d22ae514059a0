"""One market that is not in this process: its instruments, and the prices that accounts look at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.valuation import valued_by
from fairlead.market.hub import MarketHub
from fairlead.ports import Clock, Journal, Record, Unit
from fairlead.wiring.venue_kinds import INSTRUMENT_SPACE, LISTING_SPACE
from fairlead.worker import TaskSupervisor

FIRST_QUOTE_MS_MAX: Final = 2_500
FEED_AGAIN_MS: Final = 5_000


class Reason(Protocol):
    """Why something did not work."""

    @property
    def message(self) -> str:
        """In words."""
        ...


class PriceFeed(Protocol):
    """Reads what is listed, and follows the prices of what is wanted."""

    async def open(self) -> Reason | None:
        """Connect and read what is listed, or say why that did not work."""
        ...

    def want(self, symbol: str) -> bool:
        """Follow one more instrument; False when it is not listed, or when there is no room for it."""
        ...

    async def run(self) -> None:
        """Follow prices for ever."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...


class FarMarket:
    """Opened by the first account that needs it; nothing connects before. ``feed`` writes into it."""

    feed: PriceFeed

    def __init__(self, name: str, exchange: str, clock: Clock, journal: Journal | None) -> None:
        """Prepare; ``name`` tells it from every other market, ``exchange`` is what alerts call it."""
        self.hub = MarketHub(exchange=exchange)
        self.name = name
        self._clock = clock
        self._journal = journal
        self._noted: dict[str, Instrument] = {}
        self._opening = asyncio.Lock()
        self._is_open = False
        # One for each instrument whose price was waited for; the feed follows no more than it has room for.
        self._first: dict[str, _FirstQuote] = {}

    async def open(self, tasks: TaskSupervisor) -> Reason | None:
        """Connect and read what is listed, once; from then on prices of what is wanted come by themselves."""
        async with self._opening:
            if self._is_open:
                return None
            await self._read_noted()
            failure = await self.feed.open()
            if failure is None:
                self._is_open = True
                self._run(tasks)
            return failure

    async def close(self) -> None:
        """Let go of the connection."""
        await self.feed.close()

    def want(self, symbols: Iterable[str]) -> Awaitable[None] | None:
        """Follow instruments; what to wait for until each has a price, or None if all have one, or none will come."""
        now_ms = self._clock.now_ms()
        missing = [symbol for symbol in symbols if self._follow(symbol) and symbol not in self.hub.quotes]
        for symbol in missing:
            self._first.setdefault(symbol, _FirstQuote(until_ms=now_ms + FIRST_QUOTE_MS_MAX))
        awaited = [self._first[symbol] for symbol in missing if self._first[symbol].until_ms > now_ms]
        return self._wait(awaited, now_ms) if awaited else None

    def follow(self, book: AccountBook) -> None:
        """Follow everything that an account holds and has open orders for."""
        asked = [order.symbol for order in book.orders.values()]
        for symbol in (*valued_by(book, self.hub.instruments), *asked):
            self._follow(symbol)

    def note_account(self, account_id: str) -> None:
        """Keep it that an account trades what is listed here: whoever reads its facts needs these instruments."""
        if self._journal is not None:
            body = msgspec.json.encode(self.name)
            record = Record(space=LISTING_SPACE, owner=account_id, key="", body=body)
            self._journal.append(Unit(records=(record,)), lambda _: None)

    def take_instruments(self, instruments: Sequence[Instrument]) -> None:
        """Hear from the feed what is listed."""
        self.hub.on_instruments(instruments)
        for instrument in instruments:
            if instrument.symbol in self._noted:
                self._note(instrument)

    def take_quote(self, quote: Quote) -> None:
        """Hear a price from the feed."""
        self.hub.on_quote(quote)
        first = self._first.pop(quote.symbol, None)
        if first is not None:
            first.came.set()

    def _follow(self, symbol: str) -> bool:
        instrument = self.hub.instruments.get(symbol)
        if instrument is None or not self.feed.want(symbol):
            return False
        self._note(instrument)
        return True

    def _run(self, tasks: TaskSupervisor) -> None:
        name = f"prices {self.name}"
        tasks.start(name, self.feed.run(), lambda _: tasks.start(name, self._run_later(tasks)))

    async def _run_later(self, tasks: TaskSupervisor) -> None:
        await self._clock.sleep_ms(FEED_AGAIN_MS)
        self._run(tasks)

    async def _read_noted(self) -> None:
        # One that is not listed any more may still be in an account's books.
        records = () if self._journal is None else await self._journal.read_records(INSTRUMENT_SPACE)
        for record in records:
            if record.owner == self.name and record.body is not None:
                self._noted[record.key] = msgspec.json.decode(record.body, type=Instrument)
        self.hub.on_instruments(self._noted.values())

    def _note(self, instrument: Instrument) -> None:
        if self._journal is None or self._noted.get(instrument.symbol) == instrument:
            return
        self._noted[instrument.symbol] = instrument
        body = msgspec.json.encode(instrument)
        record = Record(space=INSTRUMENT_SPACE, owner=self.name, key=instrument.symbol, body=body)
        self._journal.append(Unit(records=(record,)), lambda _: None)

    async def _wait(self, awaited: Sequence[_FirstQuote], now_ms: int) -> None:
        patience_ms = max(first.until_ms for first in awaited) - now_ms
        patience = asyncio.ensure_future(self._clock.sleep_ms(patience_ms))
        quotes = asyncio.ensure_future(_wait_for_all(awaited))
        try:
            await asyncio.wait({quotes, patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            quotes.cancel()
            patience.cancel()


@dataclass(slots=True)
class _FirstQuote:
    """A price that is to come, and until when somebody waits for it."""

    until_ms: int
    came: asyncio.Event = field(default_factory=asyncio.Event)


async def _wait_for_all(awaited: Sequence[_FirstQuote]) -> None:
    for first in awaited:
        await first.came.wait()
