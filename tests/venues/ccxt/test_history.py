"""Candles over ccxt: exchanges tell less than they are asked for, and do not say so."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from fairlead.core.model.history import FundingRate, Page, PageFailure
from fairlead.core.model.market import Candle
from fairlead.venues.ccxt.client import CcxtConnection, UnsupportedExchangeError, open_public
from fairlead.venues.ccxt.history import CcxtHistory

MINUTE_MS = 60_000
MARKETS = {
    "BTC/USDT": {"base": "BTC", "quote": "USDT", "spot": True},
    "BTC/USDT:USDT": {"base": "BTC", "quote": "USDT", "settle": "USDT", "swap": True},
}


class Exchange:
    """An exchange that gives ``count`` rows from ``since`` on, out of those that it has."""

    id = "some"

    def __init__(self, minutes: Sequence[int], count: int = 300, *, has: object = True) -> None:
        self.minutes = minutes
        self.count = count
        self.has = {"fetchOHLCV": has, "fetchFundingRateHistory": has}
        self.error: Exception | None = None

    async def load_markets(self, reload: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  # ccxt's
        return MARKETS

    async def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[list[object]]:
        if self.error is not None:
            raise self.error
        found = [minute for minute in self.minutes if minute * MINUTE_MS >= since][: min(self.count, limit)]
        return [[minute * MINUTE_MS, "0.1", "0.3", "0.1", "0.2", None] for minute in found]

    async def fetch_funding_rate_history(self, symbol: str, since: int, limit: int) -> list[dict[str, object]]:
        found = [minute for minute in self.minutes if minute * MINUTE_MS >= since][: self.count]
        return [{"timestamp": minute * MINUTE_MS, "fundingRate": "0.0001"} for minute in found]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # nothing else is asked
        raise AttributeError(name)


async def read(exchange: Any, begin: int, end: int) -> Page[Candle] | PageFailure:  # noqa: ANN401  # a part of ccxt
    return await CcxtHistory(exchange).read_candles("BTC-USDT", "1m", begin * MINUTE_MS, end * MINUTE_MS)


@pytest.mark.parametrize(
    ("has", "count", "told", "until"),
    [
        (range(50), 300, range(10, 20), 20),  # and more that was not asked for
        (range(50), 4, range(10, 14), 14),  # fewer at once than were asked for
        (range(15), 300, range(10, 15), 15),  # nothing later, or nothing yet
        ([*range(12), *range(40, 50)], 300, range(10, 12), 20),  # a gap that ends later
        (range(40, 50), 300, [], 20),  # it was not listed yet
        ([], 300, [], 20),
    ],
)
async def test_a_page_is_complete_as_far_as_it_says(
    has: Sequence[int], count: int, told: Sequence[int], until: int
) -> None:
    page = await read(Exchange(has, count), 10, 20)
    assert isinstance(page, Page)
    assert [candle.open_ms // MINUTE_MS for candle in page.rows] == list(told)
    assert page.until_ms == until * MINUTE_MS


async def test_prices_stay_the_texts_they_came_as_and_no_volume_is_none() -> None:
    page = await read(Exchange(range(20)), 10, 11)
    assert isinstance(page, Page)
    assert (page.rows[0].high, page.rows[0].close, page.rows[0].volume) == (Decimal("0.3"), Decimal("0.2"), Decimal(0))


async def test_funding_rates_are_told_the_same_way() -> None:
    history = CcxtHistory(Exchange(range(480, 2_000, 480), 2))  # type: ignore[arg-type]  # a part of ccxt
    page = await history.read_funding("BTC-USDT-SWAP", 0, 2_000 * MINUTE_MS)
    rates = tuple(FundingRate(minute * MINUTE_MS, Decimal("0.0001")) for minute in (480, 960))
    assert page == Page(rates, 960 * MINUTE_MS + 1)


@pytest.mark.parametrize(
    ("error", "is_lasting"),
    [
        (ccxt.RequestTimeout("https://secret"), False),
        (ccxt.RateLimitExceeded("slow"), False),
        (ccxt.BadSymbol("https://secret"), True),
        (KeyError("odd"), True),
    ],
)
async def test_errors_are_told_by_name_and_whether_they_pass(error: Exception, *, is_lasting: bool) -> None:
    exchange = Exchange(range(20))
    exchange.error = error
    failure = await read(exchange, 10, 20)
    assert failure == PageFailure(f"ccxt some failed: {type(error).__name__}", is_lasting=is_lasting)


@pytest.mark.parametrize("has", [False, None, "emulated"])
async def test_what_is_put_together_out_of_trades_is_no_history(has: object) -> None:
    failure = await read(Exchange(range(20), has=has), 10, 20)
    assert failure == PageFailure("ccxt some has no fetchOHLCV", is_lasting=True)


async def test_what_is_not_listed_is_a_lasting_failure() -> None:
    exchange: Any = Exchange(range(20))
    failure = await CcxtHistory(exchange).read_candles("XYZ-USDT", "1m", 0, MINUTE_MS)
    assert failure == PageFailure("ccxt some lists no XYZ-USDT", is_lasting=True)


def test_an_exchange_needs_no_trading_to_be_read() -> None:
    with pytest.raises(UnsupportedExchangeError, match="addresses"):
        open_public(CcxtConnection(exchange="okx", urls={"nonsense": "http://127.0.0.1:1"}))
