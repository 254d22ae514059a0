"""The newest quote of every instrument: overwritten, never queued, never journaled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote


class MarketHub:
    """What desks and pages read prices from; a feed writes into it."""

    def __init__(self) -> None:
        """Start without instruments."""
        self._quotes: dict[str, Quote] = {}
        self._instruments: dict[str, Instrument] = {}

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
        self._instruments.update((instrument.symbol, instrument) for instrument in instruments)

    def on_quote(self, quote: Quote) -> None:
        """Take a quote; one older than what is known is dropped."""
        known = self._quotes.get(quote.symbol)
        if known is None or known.at_ms <= quote.at_ms:
            self._quotes[quote.symbol] = quote
