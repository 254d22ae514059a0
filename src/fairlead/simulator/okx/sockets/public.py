"""The public channels: prices, books, trades, candles and the rules of instruments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.simulator.market import PublicTrade
from fairlead.simulator.okx.bars import BARS
from fairlead.simulator.okx.catalogue import index_of, type_of
from fairlead.simulator.okx.endpoint import Row
from fairlead.simulator.okx.keys import ApiKey
from fairlead.simulator.okx.rows.market import (
    Levels,
    candle_row,
    funding_row,
    index_row,
    instrument_row,
    level_rows,
    mark_row,
    price_limit_row,
    ticker_row,
    trade_row,
)
from fairlead.simulator.okx.sockets.channel import Channel, FirstPushes, Place, Push, Subscription
from fairlead.simulator.okx.sockets.hub import Hub

if TYPE_CHECKING:
    from fairlead.simulator.okx.venue import OkxVenue

BOOK_DEPTHS: Final = {"books5": 5, "bbo-tbt": 1}
"""Channels that tell a whole short book each time it has changed."""

BOOK_CHANNELS: Final = ("books", "books-l2-tbt", "books50-l2-tbt")
QUIET_BOOK_MS: Final = 60_000
"""A book that does not change is told of with no change this often, so that its reader knows."""

_PUBLIC: Final = frozenset({Place.PUBLIC})
_BUSINESS: Final = frozenset({Place.BUSINESS})
_INSTRUMENT: Final = ("instId",)
_CANDLE: Final = "candle"

OneRow = Callable[["OkxVenue", Instrument], Row]


def _one(row: OneRow) -> FirstPushes:
    def first(venue: OkxVenue, wanted: Subscription, _key: ApiKey | None) -> Sequence[Push]:
        instrument = venue.catalogue.find(wanted.symbol)
        return () if instrument is None else (Push(data=[row(venue, instrument)]),)

    return first


def _first_book(venue: OkxVenue, wanted: Subscription, _key: ApiKey | None) -> Sequence[Push]:
    # The book that was told last, so that the next change fits it for old and new listeners alike.
    told, _ = venue.markets.told_books.setdefault(wanted.symbol, (venue.markets.book(wanted.symbol), venue.now_ms()))
    row = _book_row(told.view.asks, told.view.bids, venue, number=told.number, before=-1)
    return (Push(data=[row], extra={"action": "snapshot"}),)


def _first_short_book(depth: int) -> FirstPushes:
    def first(venue: OkxVenue, wanted: Subscription, _key: ApiKey | None) -> Sequence[Push]:
        return (Push(data=[_short_row(venue, wanted.symbol, depth)]),)

    return first


def _first_candle(venue: OkxVenue, wanted: Subscription, _key: ApiKey | None) -> Sequence[Push]:
    return (Push(data=[_candle(venue, wanted.symbol, wanted.channel)]),)


def _first_index(venue: OkxVenue, wanted: Subscription, _key: ApiKey | None) -> Sequence[Push]:
    found = [one for one in venue.catalogue.all() if wanted.symbol in {index_of(one), one.symbol}]
    return tuple(Push(data=[index_row(venue, one, wanted.symbol)]) for one in found[:1])


def _first_instruments(venue: OkxVenue, wanted: Subscription, _key: ApiKey | None) -> Sequence[Push]:
    rows = [instrument_row(venue, one) for one in venue.catalogue.all() if type_of(one) == wanted.instrument_type]
    return (Push(data=rows),) if rows else ()


CHANNELS: Final = (
    Channel(name="tickers", places=_PUBLIC, names=_INSTRUMENT, first=_one(ticker_row)),
    Channel(name="mark-price", places=_PUBLIC, names=_INSTRUMENT, first=_one(mark_row)),
    Channel(name="price-limit", places=_PUBLIC, names=_INSTRUMENT, first=_one(price_limit_row)),
    Channel(name="funding-rate", places=_PUBLIC, names=_INSTRUMENT, first=_one(funding_row)),
    Channel(name="index-tickers", places=_PUBLIC, names=_INSTRUMENT, is_index=True, first=_first_index),
    Channel(name="instruments", places=_PUBLIC, names=("instType",), first=_first_instruments),
    Channel(name="status", places=_PUBLIC),
    Channel(name="trades", places=_PUBLIC, names=_INSTRUMENT),
    Channel(name="trades-all", places=_BUSINESS, names=_INSTRUMENT),
    *(
        Channel(name=name, places=_PUBLIC, names=_INSTRUMENT, needs_login="tbt" in name, first=_first_book)
        for name in BOOK_CHANNELS
    ),
    *(
        Channel(name=name, places=_PUBLIC, names=_INSTRUMENT, first=_first_short_book(depth))
        for name, depth in BOOK_DEPTHS.items()
    ),
    *(
        Channel(name=f"{_CANDLE}{bar}", places=_BUSINESS, names=_INSTRUMENT, first=_first_candle)
        for bar in BARS
        if bar != "1s"
    ),
)


class PublicPushes:
    """Tells listeners what has changed since it looked last; each step of the exchange is one look."""

    def __init__(self, venue: OkxVenue, hub: Hub) -> None:
        """Listen to the trades of the venue."""
        self._venue = venue
        self._hub = hub
        self._told: dict[tuple[str, str], Row] = {}
        self._instruments: dict[str, Instrument] = {one.symbol: one for one in venue.catalogue.all()}
        self.books_skipped: set[str] = set()
        """Instruments whose next change of the book is lost on its way to everybody."""
        venue.markets.listen(self._tell_trade)

    def tick(self) -> None:
        """Tell what has changed."""
        for name, row in _CHANGING.items():
            for symbol in self._hub.symbols(name):
                instrument = self._venue.catalogue.find(symbol)
                if instrument is not None:
                    self._tell_if_new(name, symbol, row(self._venue, instrument))
        for symbol in self._hub.symbols("index-tickers"):
            for push in _first_index(self._venue, Subscription(channel="index-tickers", symbol=symbol), None):
                self._tell_if_new("index-tickers", symbol, push.data[0])
        for name, depth in BOOK_DEPTHS.items():
            for symbol in self._hub.symbols(name):
                self._tell_if_new(name, symbol, _short_row(self._venue, symbol, depth))
        for symbol in set().union(*(self._hub.symbols(name) for name in BOOK_CHANNELS)):
            self._tell_book(symbol)
        self._tell_candles()
        self._tell_instruments()

    def _tell_trade(self, symbol: str, trade: PublicTrade) -> None:
        row = trade_row(symbol, trade)
        self._hub.publish("trades-all", symbol, Push(data=[row]))
        self._hub.publish("trades", symbol, Push(data=[{**row, "count": "1", "seqId": trade.number}]))

    def _tell_if_new(self, channel: str, symbol: str, row: Row) -> None:
        key = (channel, symbol)
        if _without_time(self._told.get(key)) != _without_time(row):
            self._told[key] = row
            self._hub.publish(channel, symbol, Push(data=[row]))

    def _tell_book(self, symbol: str) -> None:
        now, now_ms = self._venue.markets.book(symbol), self._venue.now_ms()
        known, told_ms = self._venue.markets.told_books[symbol]
        if known.number == now.number and now_ms - told_ms < QUIET_BOOK_MS:
            return
        self._venue.markets.told_books[symbol] = (now, now_ms)
        if symbol in self.books_skipped:
            self.books_skipped.discard(symbol)
            return
        asks, bids = _changes(known.view.asks, now.view.asks), _changes(known.view.bids, now.view.bids)
        row = _book_row(asks, bids, self._venue, number=now.number, before=known.number)
        for name in BOOK_CHANNELS:
            self._hub.publish(name, symbol, Push(data=[row], extra={"action": "update"}))

    def _tell_candles(self) -> None:
        for name in self._hub.channels:
            if name.startswith(_CANDLE):
                for symbol in self._hub.symbols(name):
                    self._tell_if_new(name, symbol, _candle(self._venue, symbol, name))

    def _tell_instruments(self) -> None:
        for one in self._venue.catalogue.all():
            if self._instruments.get(one.symbol) != one:
                self._instruments[one.symbol] = one
                push = Push(data=[instrument_row(self._venue, one)])
                for listener, wanted in self._hub.heard("instruments"):
                    if wanted.instrument_type == type_of(one):
                        self._hub.tell(listener, wanted, (push,))


_CHANGING: Final[Mapping[str, OneRow]] = {
    "tickers": ticker_row,
    "mark-price": mark_row,
    "price-limit": price_limit_row,
    "funding-rate": funding_row,
}


def _candle(venue: OkxVenue, symbol: str, channel: str) -> Row:
    instrument = venue.catalogue.find(symbol)
    assert instrument is not None
    bar = channel.removeprefix(_CANDLE)
    newest = venue.markets.candles[symbol].read(bar, venue.now_ms(), before_ms=venue.now_ms() + 1, count=1)[0]
    return candle_row(instrument, newest, is_over=False)


def _short_row(venue: OkxVenue, symbol: str, depth: int) -> dict[str, Any]:
    now = venue.markets.book(symbol)
    return {
        "asks": level_rows(now.view.asks[:depth]),
        "bids": level_rows(now.view.bids[:depth]),
        "instId": symbol,
        "ts": str(venue.now_ms()),
        "seqId": now.number,
    }


def _book_row(asks: Levels, bids: Levels, venue: OkxVenue, *, number: int, before: int) -> dict[str, Any]:
    return {
        "asks": level_rows(asks),
        "bids": level_rows(bids),
        "ts": str(venue.now_ms()),
        "checksum": 0,
        "prevSeqId": before,
        "seqId": number,
    }


def _changes(before: Levels, now: Levels) -> Levels:
    # A quantity of 0 takes a level away (OKX API v5).
    old, new = dict(before), dict(now)
    gone = tuple((price, ZERO) for price in old if price not in new)
    return gone + tuple((price, size) for price, size in now if old.get(price) != size)


def _without_time(row: Row | None) -> object:
    return {name: value for name, value in row.items() if name != "ts"} if isinstance(row, dict) else row
