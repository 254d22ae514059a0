"""Instruments and quotes of one exchange, for all accounts there: asked for, and heard over a socket where it has one.

A socket may be quiet because nothing changed, or because it is dead, and ccxt does not tell which. So an instrument of
which nothing was heard for a second is asked about; prices grow old only when the exchange does not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec
import structlog

from fairlead.core.model.instrument import Instrument, InstrumentState
from fairlead.core.model.market import Quote
from fairlead.core.model.money import USD_CURRENCIES, ZERO, AmountError
from fairlead.core.model.reports import Unknown
from fairlead.ports import Clock
from fairlead.venues.ccxt.client import PublicExchange, Row
from fairlead.venues.ccxt.markets import MarketNames, read_amount
from fairlead.venues.ccxt.pausing import pause

SYMBOLS_MAX: Final = 100
ASK_AFTER_MS: Final = 1_000
"""Of what nothing was heard for so long it is asked; ccxt holds requests back to what the exchange allows."""
LOOK_MS: Final = 200
TOGETHER_MIN: Final = 2
AGAIN_FIRST_MS: Final = 1_000
ASK_AGAIN_MAX_MS: Final = 5_000
HEAR_AGAIN_MAX_MS: Final = 30_000
LIST_EVERY_MS: Final = 3_600_000

_log = structlog.get_logger("fairlead.venues.ccxt")


class CcxtPriceFeed:
    """Reads the rules of everything that is listed, and follows the prices of what is wanted."""

    def __init__(
        self,
        client: PublicExchange,
        names: MarketNames,
        clock: Clock,
        *,
        on_instruments: Callable[[Sequence[Instrument]], None],
        on_quote: Callable[[Quote], None],
    ) -> None:
        """Take a client, which needs no key; ``load`` asks, ``run`` follows."""
        self._client = client
        self._names = names
        self._clock = clock
        self._on_instruments = on_instruments
        self._on_quote = on_quote
        self._instruments: dict[str, Instrument] = {}
        self._heard_ms: dict[str, int] = {}
        self._asked_ms: dict[str, int] = {}
        self._wanted = asyncio.Event()

    async def load(self) -> Unknown | None:
        """Read all spot pairs and perpetuals whose rules the exchange tells; None: it worked."""
        try:
            await self._names.load()
            self._take_listed()
        except Exception as error:
            # The library raises whatever it likes, with addresses in its words.
            return Unknown(message=f"{self._client.id} does not tell what it lists: {type(error).__name__}")
        return None

    async def reload(self) -> None:
        """Read again what is listed; what is not any more takes no orders."""
        await self._names.reload()
        self._take_listed()

    def want(self, symbol: str) -> bool:
        """Follow one more instrument, from now on; False when it is not listed, or when there is no room for it."""
        if symbol in self._heard_ms:
            return True
        if symbol not in self._instruments or len(self._heard_ms) >= SYMBOLS_MAX:
            return False
        self._heard_ms[symbol] = 0
        self._wanted.set()
        return True

    async def run(self) -> None:
        """Follow prices for ever; errors of the exchange only make prices grow old."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask_for_ever())
            group.create_task(self._list_for_ever())
            if self._client.has.get("watchTicker"):
                group.create_task(self._hear_all(group))

    async def _hear_all(self, group: asyncio.TaskGroup) -> None:
        listening: set[str] = set()
        while True:
            new = [symbol for symbol in self._heard_ms if symbol not in listening]
            listening.update(new)
            for symbol in new:
                group.create_task(self._hear(symbol))
            await self._clock.sleep_ms(LOOK_MS)

    async def _hear(self, symbol: str) -> None:
        again_ms = AGAIN_FIRST_MS
        while True:
            try:
                self._take(symbol, await self._client.watch_ticker(self._theirs(symbol)), self._clock.now_ms())
            except Exception:
                # Without its socket it is still asked about.
                await self._clock.sleep_ms(again_ms)
                again_ms = min(2 * again_ms, HEAR_AGAIN_MAX_MS)
            else:
                again_ms = AGAIN_FIRST_MS

    async def _ask_for_ever(self) -> None:
        again_ms = AGAIN_FIRST_MS
        while True:
            self._wanted.clear()
            quiet = self._quiet()
            if quiet and not await self._ask(quiet):
                _log.warning("ccxt_prices_missing", exchange=self._client.id, symbols=quiet, again_in_ms=again_ms)
                await self._clock.sleep_ms(again_ms)
                again_ms = min(2 * again_ms, ASK_AGAIN_MAX_MS)
            else:
                again_ms = AGAIN_FIRST_MS
            await pause(self._clock, LOOK_MS, self._wanted)

    def _quiet(self) -> Sequence[str]:
        """What was neither heard nor asked for a second and is still listed, longest ago first."""
        since_ms = self._clock.now_ms() - ASK_AFTER_MS
        last_ms = {symbol: max(heard, self._asked_ms.get(symbol, 0)) for symbol, heard in self._heard_ms.items()}
        listed = [symbol for symbol in last_ms if self._names.theirs(symbol) is not None]
        return sorted((symbol for symbol in listed if last_ms[symbol] <= since_ms), key=lambda one: last_ms[one])

    async def _ask(self, symbols: Sequence[str]) -> bool:
        """Ask for prices; False if there was none."""
        told = await self._ask_together(symbols) if self._client.has.get("fetchTickers") else set()
        for symbol in symbols:
            if symbol not in told and await self._ask_one(symbol):
                told.add(symbol)
        return bool(told)

    async def _ask_together(self, symbols: Sequence[str]) -> set[str]:
        """Ask for what is asked with one question: several markets of one kind. Gives what was told."""
        told: set[str] = set()
        spot = [symbol for symbol in symbols if self._instruments[symbol].is_spot]
        for kind in (spot, [symbol for symbol in symbols if symbol not in spot]):
            if len(kind) < TOGETHER_MIN:
                continue
            asked_ms = self._clock.now_ms()
            try:
                tickers = await self._client.fetch_tickers([self._theirs(symbol) for symbol in kind])
            except Exception:
                # One that is not known there any more spoils the question: each is asked for alone.
                tickers = {}
            told.update(one for one in kind if self._take(one, tickers.get(self._theirs(one)) or {}, asked_ms))
            self._asked_ms |= dict.fromkeys(kind, asked_ms)
        return told

    async def _ask_one(self, symbol: str) -> bool:
        # Its answer is at least as new as the question.
        asked_ms = self._asked_ms[symbol] = self._clock.now_ms()
        try:
            ticker = await self._client.fetch_ticker(self._theirs(symbol))
            if self._take(symbol, ticker, asked_ms):
                return True
            # Some exchanges tell bid and ask in their book only.
            book = await self._client.fetch_order_book(self._theirs(symbol))
        except Exception:
            # Its price grows old, and a risk check says so.
            return False
        return self._take(symbol, {**ticker, **_best_of(book)}, asked_ms)

    def _take(self, symbol: str, ticker: Row, at_ms: int) -> bool:
        """Tell a quote; False if a ticker has no bid and ask that fit together."""
        quote = quote_of(self._instruments[symbol], ticker, at_ms)
        if quote is None:
            return False
        self._heard_ms[symbol] = max(at_ms, self._heard_ms.get(symbol, 0))
        self._on_quote(quote)
        return True

    async def _list_for_ever(self) -> None:
        while True:
            await self._clock.sleep_ms(LIST_EVERY_MS)
            try:
                await self.reload()
            except Exception as error:
                # What was listed an hour ago still is, or the exchange refuses its orders.
                _log.warning("ccxt_listing_missing", exchange=self._client.id, reason=type(error).__name__)

    def _take_listed(self) -> None:
        listed = {instrument.symbol: instrument for instrument in self._names.instruments()}
        gone = [one for symbol, one in self._instruments.items() if symbol not in listed]
        suspended = [msgspec.structs.replace(one, state=InstrumentState.SUSPENDED) for one in gone]
        self._instruments |= listed | {one.symbol: one for one in suspended}
        self._on_instruments([*listed.values(), *suspended])

    def _theirs(self, symbol: str) -> str:
        return self._names.theirs(symbol) or symbol


def quote_of(instrument: Instrument, ticker: Mapping[str, object], at_ms: int) -> Quote | None:
    """A ticker of ccxt as a quote; None without a bid and an ask that fit together."""
    try:
        bid, ask, last, mark, index = _prices(ticker, ("bid", "ask", "last", "markPrice", "indexPrice"))
        bid_quantity, ask_quantity, volume = _prices(ticker, ("bidVolume", "askVolume", "quoteVolume"))
    except AmountError:
        return None
    if not ZERO < bid <= ask:
        return None
    last = last or (bid + ask) / 2
    mark = (ZERO if instrument.is_spot else mark) or last
    is_usd = instrument.quote_currency in USD_CURRENCIES
    return Quote(
        symbol=instrument.symbol,
        bid=bid,
        bid_quantity=bid_quantity,
        ask=ask,
        ask_quantity=ask_quantity,
        last=last,
        mark=mark,
        index=index or mark,
        at_ms=at_ms,
        volume_24h_usd=volume if is_usd and volume else None,
    )


def _prices(ticker: Mapping[str, object], names: Iterable[str]) -> list[Decimal]:
    return [read_amount(ticker.get(name)) for name in names]


def _best_of(book: Mapping[str, object]) -> Row:
    """Bid and ask of a book, as a ticker has them."""
    best: Row = {}
    for side, price, quantity in (("bids", "bid", "bidVolume"), ("asks", "ask", "askVolume")):
        rows = book.get(side)
        if isinstance(rows, list) and rows:
            best |= {price: rows[0][0], quantity: rows[0][1]}
    return best
