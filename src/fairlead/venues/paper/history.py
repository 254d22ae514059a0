"""The past of the simulated market: its own prices since somebody asked, before that what might have been.

The market stands still while no process moves it, and nobody keeps its minutes. So what was before is made up, ending
in the price at which it is asked for first: pretend prices before pretend prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.core.model.history import Page, PageFailure
from fairlead.core.model.market import Candle, Quote
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.ports import Clock
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.market import PublicTrade
from fairlead.simulator.okx.candles import Candles

CANDLES_PER_PAGE: Final = 1_000
_LONG: Final[Mapping[str, str]] = {"1h": "1H", "2h": "2H", "4h": "4H", "6h": "6Hutc", "12h": "12Hutc", "1d": "1Dutc"}


class PaperHistory:
    """Candles of the instruments that somebody asked for, at most as many as there are instruments."""

    name: Final = "the simulated market"
    candles_per_page: Final = CANDLES_PER_PAGE

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        """Keep nothing before somebody asks."""
        self._exchange = exchange
        self._clock = clock
        self._candles: dict[str, Candles] = {}

    def note(self, quote: Quote) -> None:
        """Take the last price of an instrument in."""
        candles = self._candles.get(quote.symbol)
        if candles is not None:
            candles.note(PublicTrade(0, quote.last, ZERO, Side.BUY, quote.at_ms))

    async def read_candles(self, symbol: str, timeframe: str, begin_ms: int, end_ms: int) -> Page[Candle] | PageFailure:
        """Closed candles that open in [``begin_ms``, ``end_ms``)."""
        if symbol not in self._exchange.instruments:
            return PageFailure(f"{self.name} lists no {symbol}", is_lasting=True)
        candles, now_ms, length_ms = self._candles_of(symbol), self._clock.now_ms(), TIMEFRAMES_MS[timeframe]
        until_ms = min(end_ms, now_ms - now_ms % length_ms)
        count = max(0, until_ms - begin_ms) // length_ms
        bars = candles.read(_LONG.get(timeframe, timeframe), now_ms, before_ms=until_ms, count=count)
        found = [
            Candle(
                symbol=symbol,
                open_ms=bar.open_ms,
                open=bar.open,
                high=bar.high,
                low=bar.low,
                close=bar.close,
                volume=bar.volume,
            )
            for bar in reversed(bars)
            if bar.open_ms >= begin_ms
        ]
        return Page(tuple(found), until_ms)

    def _candles_of(self, symbol: str) -> Candles:
        candles = self._candles.get(symbol)
        if candles is None:
            quote = self._exchange.markets.quote(symbol)
            instrument = self._exchange.instruments[symbol]
            candles = Candles(instrument, price=quote.last, now_ms=self._clock.now_ms(), seed=0)
            self._candles[symbol] = candles
        return candles
