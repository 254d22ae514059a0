from __future__ import annotations

import pytest

from fairlead.core.model.conditions import Logic
from fairlead.core.rules.conditions.reading import read_condition
from fairlead.core.rules.conditions.vocabulary import (
    ago,
    bars_kept,
    bollinger_upper,
    close,
    crosses_above,
    crosses_below,
    ema,
    high,
    highest,
    on,
    rsi,
    sma,
    timeframe_of,
)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("rsi(close, 14, 5m) crosses below 30", crosses_below(rsi(close, 14, "5m"), 30)),
        ("crosses_above(sma(close, 50), sma(close, 200))", crosses_above(sma(close, 50), sma(close, 200))),
        ("close > ago(highest(high, 20), 1)", close > ago(highest(high, 20), 1)),
        ("close * 1.01 - 2 >= ema(close, 9) / 2", close * 1.01 - 2 >= ema(close, 9) / 2),
        ("close > 1 and (close < 5 or not high > 3)", (close > 1) & ((close < 5) | ~(high > 3))),
        (
            "on(close, 1h) > bollinger_upper(close, 20, 2.5, 1d)",
            on(close, "1h") > bollinger_upper(close, 20, 2.5, "1d"),
        ),
        ("close > -1", close > -1),
    ],
)
def test_a_text_means_the_same_as_its_expression(text: str, means: object) -> None:
    assert read_condition(text) == means


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "ends too early"),
        ("close", "compare it"),
        ("close > ", "ends too early"),
        ("close > 5 5", "does not go on"),
        ("close and open", "compare it"),
        ("(close > 1) > 2", "as if it were a number"),
        ("import > 1", "is no word here"),
        ("__class__ > 1", "is no word here"),
        ("close.field > 1", "character 6"),
        ("sma(close) > 1", "does not take 1"),
        ("sma(close, 1) > 1", "2 to 1000"),
        ("sma(close, 2.5) > 1", "whole number"),
        ("sma(5, 5) > 1", "does not take 2 such values"),
        ("on(sma(close, 5), 1h) > 1", "does not take 2 such values"),
        ("sma(close, 20, 7m) > 1", "7m"),
        ("ago(close, 0) > 1", "into the future"),
        ("ago(close, -1) > 1", "into the future"),
        ("close crosses 5", "above or below"),
        ("close > " + "(" * 30 + "1" + ")" * 30, "nested"),
        ("close > 1" + " and close > 1" * 60, "at most 500"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_condition(text)
    assert says in str(caught.value)


def test_a_condition_is_not_true_or_false_by_itself() -> None:
    with pytest.raises(TypeError, match="bar by bar"):
        bool(close > 1)
    assert isinstance((close > 1) & (close < 2), Logic)


def test_an_expression_is_of_the_shortest_bars_that_it_looks_at() -> None:
    assert timeframe_of(crosses_above(sma(close, 5, "1h"), sma(close, 5, "5m")), "1m") == "5m"
    assert timeframe_of(close > sma(close, 5, "5m"), "1m") == "1m"
    assert timeframe_of(sma(rsi(close, 5, "5m"), 3), "1h") == "5m"


def test_bars_are_kept_until_what_came_before_is_forgotten() -> None:
    assert bars_kept(crosses_above(sma(close, 50, "1h"), ema(close, 10)), "1m") == {"1h": 52, "1m": 142}
    assert bars_kept(rsi(close, 14), "1m") == {"1m": 785}
