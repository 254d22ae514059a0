"""What everybody may know of the markets beyond this moment: trades passed on, candles, the last day."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from fairlead.simulator.market import PublicTrade
from fairlead.simulator.okx.candles import Candles
from fairlead.simulator.views import BookView

if TYPE_CHECKING:
    from fairlead.simulator.exchange import Exchange

BOOK_LEVELS: Final = 400
"""A side of the longest book that is told."""


class BookNow(NamedTuple):
    """A book with its number, which grows whenever the book has changed."""

    view: BookView
    number: int


TradeListener = Callable[[str, PublicTrade], None]


class MarketWatch:
    """Reads the tape of every market each time it is asked to."""

    def __init__(self, exchange: Exchange, *, seed: int, now_ms: int) -> None:
        """Begin with the prices of now."""
        self._exchange = exchange
        self._seen = {symbol: exchange.markets.book(symbol, 1).trade_number for symbol in exchange.instruments}
        self._listeners: list[TradeListener] = []
        self._books: dict[str, BookNow] = {}
        self.told_books: dict[str, tuple[BookNow, int]] = {}
        """The book of each instrument that its listeners have, and when they were told."""
        self.candles = {
            symbol: Candles(instrument, price=exchange.markets.quote(symbol).last, now_ms=now_ms, seed=seed)
            for symbol, instrument in exchange.instruments.items()
        }

    def listen(self, listener: TradeListener) -> None:
        """Hear every trade from now on."""
        self._listeners.append(listener)

    def read_tapes(self) -> None:
        """Take in the trades since the last call."""
        for symbol, seen in self._seen.items():
            for trade in self._exchange.markets.trades(symbol, after_number=seen):
                self._seen[symbol] = trade.number
                self.candles[symbol].note(trade)
                for listener in self._listeners:
                    listener(symbol, trade)

    def book(self, symbol: str) -> BookNow:
        """The book of now."""
        view = self._exchange.markets.book(symbol, BOOK_LEVELS)
        known = self._books.get(symbol)
        if known is None or (known.view.bids, known.view.asks) != (view.bids, view.asks):
            known = BookNow(view, 1 if known is None else known.number + 1)
            self._books[symbol] = known
        return known
