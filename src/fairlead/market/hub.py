"""The newest quote of every instrument: overwritten, never queued, never journaled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote

T = TypeVar("T")


class MarketHub:
    """What desks and pages read prices from; a feed writes into it."""

    def __init__(self, *, exchange: str = "okx") -> None:
        """Start without instruments; ``exchange`` is what alerts call the place that these prices are of."""
        self.exchange = exchange
        self.listings = 0
        """How often instruments came or changed: whoever made something of them makes it anew."""
        self._quotes: dict[str, Quote] = {}
        self._instruments: dict[str, Instrument] = {}
        self._listeners: list[Callable[[Quote], None]] = []

    def listen(self, on_quote: Callable[[Quote], None]) -> None:
        """Call this with each quote that is taken, from now on."""
        self._listeners.append(on_quote)

    @property
    def quotes(self) -> Mapping[str, Quote]:
        """Newest quote by symbol; a live view."""
        return self._quotes

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Instruments by symbol; a live view."""
        return self._instruments

    def on_instruments(self, instruments: Iterable[Instrument]) -> None:
        """Take instruments, new or with changed rules."""
        told = {instrument.symbol: instrument for instrument in instruments}
        self.listings += any(self._instruments.get(symbol) != one for symbol, one in told.items())
        self._instruments.update(told)

    def on_quote(self, quote: Quote) -> None:
        """Take a quote; one older than what is known is dropped."""
        known = self._quotes.get(quote.symbol)
        if known is None or known.at_ms <= quote.at_ms:
            self._quotes[quote.symbol] = quote
            for listener in self._listeners:
                listener(quote)


class JoinedMarket:
    """Several markets as one, for whoever only tells; where two know an instrument, that of the first is shown."""

    def __init__(self, hubs: Callable[[], Iterable[MarketHub]]) -> None:
        """Look at those that are open at the moment of asking."""
        self._hubs = hubs
        self._quotes: Mapping[str, Quote] = _Joined(lambda: [hub.quotes for hub in hubs()])
        self._instruments: Mapping[str, Instrument] = _Joined(lambda: [hub.instruments for hub in hubs()])

    @property
    def quotes(self) -> Mapping[str, Quote]:
        """Newest quote by symbol; a live view."""
        return self._quotes

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Instruments by symbol; a live view."""
        return self._instruments

    def at(self, exchange: str) -> JoinedMarket:
        """The part of it that is at one exchange, as alerts call it."""
        return JoinedMarket(lambda: [hub for hub in self._hubs() if hub.exchange == exchange])

    @property
    def listings(self) -> int:
        """How often instruments came or changed in any of them."""
        return sum(hub.listings for hub in self._hubs())


class _Joined(Mapping[str, T]):
    def __init__(self, parts: Callable[[], Iterable[Mapping[str, T]]]) -> None:
        self._parts = parts

    def __getitem__(self, symbol: str) -> T:
        for part in self._parts():
            if symbol in part:
                return part[symbol]
        raise KeyError(symbol)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(symbol for part in self._parts() for symbol in part))

    def __len__(self) -> int:
        return sum(1 for _ in self)
