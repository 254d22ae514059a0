from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from fairlead.core.model.instrument import InstrumentState
from fairlead.core.model.market import Quote
from fairlead.market.hub import MarketHub
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS

SYMBOL = "BTC-USDT"


def quote(price: int, at_ms: int, symbol: str = SYMBOL) -> Quote:
    one = Decimal(price)
    return Quote(
        symbol=symbol,
        bid=one,
        bid_quantity=Decimal(1),
        ask=one + 1,
        ask_quantity=Decimal(1),
        last=one,
        mark=one,
        index=one,
        at_ms=at_ms,
    )


def test_the_newest_quote_wins() -> None:
    hub = MarketHub()
    hub.on_quote(quote(100, 1))
    hub.on_quote(quote(101, 2))
    assert hub.quotes[SYMBOL].bid == 101


def test_a_quote_that_comes_late_is_dropped() -> None:
    hub = MarketHub()
    hub.on_quote(quote(101, 2))
    hub.on_quote(quote(100, 1))
    assert hub.quotes[SYMBOL].bid == 101


def test_of_two_quotes_of_one_moment_the_later_word_counts() -> None:
    hub = MarketHub()
    hub.on_quote(quote(100, 1))
    hub.on_quote(quote(101, 1))
    assert hub.quotes[SYMBOL].bid == 101


def test_instruments_do_not_disturb_each_other() -> None:
    hub = MarketHub()
    hub.on_quote(quote(100, 5))
    hub.on_quote(quote(7, 1, "ETH-USDT"))
    assert {symbol: one.bid for symbol, one in hub.quotes.items()} == {SYMBOL: 100, "ETH-USDT": 7}


def test_whoever_holds_the_view_sees_what_comes_later() -> None:
    hub = MarketHub()
    quotes, instruments = hub.quotes, hub.instruments
    hub.on_quote(quote(100, 1))
    hub.on_instruments(DEFAULT_INSTRUMENTS)
    assert quotes[SYMBOL].bid == 100
    assert len(instruments) == len(DEFAULT_INSTRUMENTS)


def test_an_instrument_whose_rules_change_is_replaced() -> None:
    hub = MarketHub()
    hub.on_instruments(DEFAULT_INSTRUMENTS)
    changed = msgspec.structs.replace(hub.instruments[SYMBOL], state=InstrumentState.SUSPENDED)
    hub.on_instruments([changed])
    assert hub.instruments[SYMBOL] is changed
    assert len(hub.instruments) == len(DEFAULT_INSTRUMENTS)


def test_a_market_nobody_quotes_has_no_price() -> None:
    with pytest.raises(KeyError):
        MarketHub().quotes[SYMBOL]
