"""An exchange on recorded prices follows them from the moment it opens."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.market import Candle
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.recorded import UnlistedPricesError, open_on_prices
from fairlead.simulator.rules import VenueRules

MINUTE_MS = 60_000
RECORDED_MS = 1_600_000_000_000
NOW_MS = 1_767_225_600_000
RULES = VenueRules(volatility=Decimal("0.00001"))


def flat(price: int, symbol: str = "BTC-USDT") -> list[Candle]:
    """Two minutes at a price, then a fall to half of it within the third."""
    half = Decimal(price) / 2
    closes = [Decimal(price), Decimal(price), half]
    return [
        Candle(
            symbol=symbol,
            open_ms=RECORDED_MS + number * MINUTE_MS,
            open=Decimal(price),
            high=Decimal(price),
            low=min(close, Decimal(price)),
            close=close,
            volume=Decimal(1),
        )
        for number, close in enumerate(closes)
    ]


def test_prices_are_followed_from_the_start_on_and_stay_after_the_last() -> None:
    exchange = open_on_prices({"BTC-USDT": flat(31_000)}, DEFAULT_INSTRUMENTS, RULES, seed=1, now_ms=NOW_MS)
    seen = []
    for minute in range(6):
        exchange.advance(NOW_MS + minute * MINUTE_MS)
        seen.append(exchange.markets.quote("BTC-USDT").last)
    assert all(abs(price / 31_000 - 1) < Decimal("0.001") for price in seen[:2])
    assert all(abs(price / 15_500 - 1) < Decimal("0.001") for price in seen[4:])


def test_prices_of_something_that_is_not_listed_are_refused_by_name() -> None:
    with pytest.raises(UnlistedPricesError, match="prices are given for NO-SUCH, which is not listed"):
        open_on_prices({"NO-SUCH": flat(1, "NO-SUCH")}, DEFAULT_INSTRUMENTS, RULES, seed=1, now_ms=NOW_MS)
