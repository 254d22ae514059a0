"""Candles and funding rates of the past from any exchange that ccxt reads them of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fairlead.core.model.conditions import TIMEFRAMES_MS
from fairlead.core.model.history import FundingRate, Page, PageFailure
from fairlead.core.model.market import Candle
from fairlead.core.model.money import AmountError
from fairlead.venues.ccxt.client import PublicExchange, load_library
from fairlead.venues.ccxt.markets import MarketNames, read_amount

CANDLES_PER_PAGE: Final = 300
"""What nearly every exchange gives at once; where one gives less, the rest is asked for."""

FUNDINGS_PER_PAGE: Final = 100
FUNDING_PAGE_MS: Final = 30 * TIMEFRAMES_MS["1d"]


class CcxtHistory:
    """Reads pages, each as far as the exchange tells it."""

    candles_per_page: Final = CANDLES_PER_PAGE
    funding_page_ms: Final = FUNDING_PAGE_MS

    def __init__(self, client: PublicExchange) -> None:
        """Ask through a client without keys."""
        self.name = f"ccxt {client.id}"
        self._client = client
        self._names = MarketNames(client)

    async def read_candles(self, symbol: str, timeframe: str, begin_ms: int, end_ms: int) -> Page[Candle] | PageFailure:
        """Candles that open in [``begin_ms``, ``end_ms``), which must be over by now: ccxt does not tell which are."""
        theirs = await self._find(symbol, "fetchOHLCV")
        if isinstance(theirs, PageFailure):
            return theirs
        try:
            rows = await self._client.fetch_ohlcv(theirs, timeframe, max(1, begin_ms), CANDLES_PER_PAGE)
            found = sorted((_candle(symbol, row) for row in rows), key=lambda candle: candle.open_ms)
        except Exception as error:
            return self._failure(error)
        times = [candle.open_ms for candle in found]
        inside = tuple(candle for candle in found if begin_ms <= candle.open_ms < end_ms)
        return Page(inside, _complete_until(times, begin_ms, end_ms, step_ms=TIMEFRAMES_MS[timeframe]))

    async def read_funding(self, symbol: str, begin_ms: int, end_ms: int) -> Page[FundingRate] | PageFailure:
        """Settlements in [``begin_ms``, ``end_ms``)."""
        theirs = await self._find(symbol, "fetchFundingRateHistory")
        if isinstance(theirs, PageFailure):
            return theirs
        try:
            rows = await self._client.fetch_funding_rate_history(theirs, max(1, begin_ms), FUNDINGS_PER_PAGE)
            found = sorted((int(row["timestamp"]), read_amount(row["fundingRate"])) for row in rows)
        except Exception as error:
            return self._failure(error)
        inside = tuple(FundingRate(at_ms, rate) for at_ms, rate in found if begin_ms <= at_ms < end_ms)
        return Page(inside, _complete_until([at_ms for at_ms, _ in found], begin_ms, end_ms, step_ms=1))

    async def _find(self, symbol: str, ability: str) -> str | PageFailure:
        # What ccxt puts together out of trades is no history.
        if self._client.has.get(ability) is not True:
            return PageFailure(f"{self.name} has no {ability}", is_lasting=True)
        try:
            await self._names.load()
        except Exception as error:
            return self._failure(error)
        theirs = self._names.theirs(symbol)
        return theirs if theirs is not None else PageFailure(f"{self.name} lists no {symbol}", is_lasting=True)

    def _failure(self, error: Exception) -> PageFailure:
        # The library raises whatever it likes, with addresses in its words.
        is_passing = isinstance(error, load_library().NetworkError)
        return PageFailure(f"{self.name} failed: {type(error).__name__}", is_lasting=not is_passing)


def _complete_until(times: Sequence[int], begin_ms: int, end_ms: int, *, step_ms: int) -> int:
    """Up to where an answer tells everything: exchanges give less than they are asked for and do not say so."""
    inside = [at_ms for at_ms in times if begin_ms <= at_ms < end_ms]
    return end_ms if not inside or times[-1] >= end_ms else min(inside[-1] + step_ms, end_ms)


def _candle(symbol: str, row: Sequence[object]) -> Candle:
    at_ms, *prices = row
    if not isinstance(at_ms, int) or any(price is None for price in prices[:4]):
        raise AmountError("a candle has no time or no price")
    amounts = [read_amount(price) for price in prices]
    return Candle(
        symbol=symbol,
        open_ms=at_ms,
        open=amounts[0],
        high=amounts[1],
        low=amounts[2],
        close=amounts[3],
        volume=amounts[4],
    )
