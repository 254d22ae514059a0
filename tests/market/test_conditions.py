from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.core.model.bots.user_rule import BarFacts
from fairlead.core.model.conditions import Condition, Series
from fairlead.core.model.market import Quote
from fairlead.core.rules.conditions.arrays import Evaluator, Frame, newest_values
from fairlead.core.rules.conditions.vocabulary import atr, close, crosses_above, ema, on, rsi, sma
from fairlead.market.conditions import ConditionBoard, Watch

MINUTE_MS = 60_000


class Listener:
    """A board, and what it told."""

    def __init__(self, conditions: Mapping[str, Condition], **values: Series) -> None:
        self.told: list[BarFacts] = []
        self.board = ConditionBoard(newest_values, lambda _watcher, facts: self.told.append(facts))
        self.board.watch(Watch(watcher="bot", symbol="BTC-USDT", timeframe="1m", conditions=conditions, values=values))

    def quote(self, price: float, at_ms: int, symbol: str = "BTC-USDT") -> None:
        last = Decimal(str(price))
        zero = Decimal(0)
        self.board.on_quote(
            Quote(
                symbol=symbol,
                bid=last,
                bid_quantity=zero,
                ask=last,
                ask_quantity=zero,
                last=last,
                mark=last,
                index=last,
                at_ms=at_ms,
            )
        )


def test_nothing_is_told_before_every_condition_is_known() -> None:
    listener = Listener({"above": close > sma(close, 3), "high": close > 0}, range=atr(2))
    for minute, price in enumerate([1.0, 2.0, 3.0, 4.0, 1.0, 1.0]):
        listener.quote(price, minute * MINUTE_MS)
    assert [(facts.closed_ms // MINUTE_MS, facts.holds) for facts in listener.told] == [
        (3, ("above", "high")),
        (4, ("above", "high")),
        (5, ("high",)),
    ]
    assert dict(listener.told[0].values)["range"] > 0


def test_a_condition_of_longer_bars_is_looked_at_when_one_closes() -> None:
    listener = Listener({"up": crosses_above(on(close, "5m"), 10)})
    for minute in range(21):
        listener.quote(5.0 + minute, minute * MINUTE_MS)
    # Closes of the bars are 9, 14, 19 and 24: it crosses in the second.
    assert [(facts.closed_ms // MINUTE_MS, facts.holds) for facts in listener.told] == [
        (10, ("up",)),
        (15, ()),
        (20, ()),
    ]


def test_the_clock_closes_bars_of_a_quiet_market() -> None:
    listener = Listener({"high": close > 0})
    listener.quote(1.0, 0)
    listener.board.look_at_time(MINUTE_MS + 1_999)
    assert not listener.told
    listener.board.look_at_time(MINUTE_MS + 2_000)
    assert [facts.closed_ms for facts in listener.told] == [MINUTE_MS]


def test_whoever_does_not_watch_any_more_hears_nothing() -> None:
    listener = Listener({"high": close > 0})
    listener.quote(1.0, 0)
    listener.quote(1.0, 0, symbol="ETH-USDT")
    listener.board.forget("bot")
    listener.quote(1.0, 9 * MINUTE_MS)
    assert not listener.told


@given(st.lists(st.integers(-9, 9), min_size=200, max_size=260))
@settings(max_examples=15)
def test_what_is_told_live_is_what_arrays_say_about_the_same_bars(steps: list[int]) -> None:
    prices = [float(one) for one in np.maximum(100 + np.cumsum(steps), 5)]
    conditions = {"cross": crosses_above(ema(close, 3), sma(close, 7)), "low": rsi(close, 4) < 40}
    listener = Listener(conditions)
    for minute, price in enumerate(prices):
        listener.quote(price, minute * MINUTE_MS)
    opened = [minute * MINUTE_MS for minute in range(len(prices))]
    frame = Frame("1m", opened, dict.fromkeys(("open", "high", "low", "close"), prices))
    evaluator = Evaluator({"1m": frame}, "1m")
    arrays = {name: evaluator.evaluate(condition) for name, condition in conditions.items()}
    told = {facts.closed_ms // MINUTE_MS - 1: facts.holds for facts in listener.told}
    for minute in range(10, len(prices) - 1):
        assert told[minute] == tuple(name for name, values in arrays.items() if values[minute] > 0), minute
