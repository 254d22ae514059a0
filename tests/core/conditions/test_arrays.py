from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.core.model.conditions import Condition, Expression
from fairlead.core.rules.conditions.arrays import Evaluator, Frame, newest_values
from fairlead.core.rules.conditions.reading import read_condition
from fairlead.core.rules.conditions.vocabulary import (
    adx,
    ago,
    atr,
    bars_kept,
    bollinger_upper,
    close,
    crosses_above,
    crosses_below,
    ema,
    high,
    highest,
    low,
    lowest,
    macd,
    macd_signal,
    roc,
    rsi,
    sma,
    stddev,
    wma,
)

MINUTE_MS = 60_000


class Bars(NamedTuple):
    opened_ms: list[int]
    columns: dict[str, list[float]]


def bars(closes: list[float], step_ms: int = MINUTE_MS, begin: int = 0) -> Bars:
    highs, lows = [one * 1.01 for one in closes], [one * 0.99 for one in closes]
    prices = {"open": closes, "high": highs, "low": lows, "close": closes}
    return Bars([(begin + number) * step_ms for number in range(len(closes))], prices)


def frame(closes: list[float], timeframe: str = "1m", step_ms: int = MINUTE_MS, begin: int = 0) -> Frame:
    return Frame(timeframe, *bars(closes, step_ms, begin))


def newest(expression: Expression, closes: list[float], begin: int = 0) -> float:
    """What a live bot is told."""
    (found,) = newest_values([expression], {"1m": bars(closes, begin=begin)}, "1m")
    return found


def values(expression: Expression, closes: list[float]) -> list[float | None]:
    found = Evaluator({"1m": frame(closes)}, "1m").evaluate(expression)
    return [None if math.isnan(one) else round(float(one), 6) for one in found]


def values_at(expression: Expression, minutes: list[int], closes: list[float]) -> list[float]:
    prices = dict.fromkeys(("open", "high", "low", "close"), closes)
    one = Frame("1m", [minute * MINUTE_MS for minute in minutes], prices)
    return [float(value) for value in Evaluator({"1m": one}, "1m").evaluate(expression)]


def test_means_by_hand() -> None:
    assert values(sma(close, 2), [1, 3, 5]) == [None, 2, 4]
    assert values(wma(close, 2), [1, 4, 7]) == [None, 3, 6]
    # It begins with the mean of two, 2; then 2 + 2/3 (5 - 2) = 4.
    assert values(ema(close, 2), [1, 3, 5]) == [None, 2, 4]
    assert values(stddev(close, 2), [1, 3, 3]) == [None, 1, 0]
    assert values(bollinger_upper(close, 2, 2), [1, 3, 3]) == [None, 4, 3]
    assert values(macd(close, 2, 3), [1, 3, 5]) == [None, None, 1]


def test_extremes_and_changes_by_hand() -> None:
    assert values(highest(close, 2), [1, 3, 2]) == [None, 3, 3]
    assert values(lowest(close, 2), [1, 3, 2]) == [None, 1, 2]
    assert values(roc(close, 2), [100, 1, 110]) == [None, None, 10]
    assert values(ago(close, 1), [1, 2, 3]) == [None, 1, 2]


def test_relative_strength_by_hand() -> None:
    # Gains 2 and 0, losses 0 and 1: means 1 and 0.5, so 100 - 100 / (1 + 2). Then Wilder: 1.5 and 0.25.
    assert values(rsi(close, 2), [10, 12, 11, 13]) == [None, None, 66.666667, 85.714286]


def test_where_nothing_has_moved_nobody_is_strong() -> None:
    assert values(rsi(close, 2), [7.0] * 5) == [None, None, 50, 50, 50]
    assert values(rsi(sma(close, 3), 2), [7.0] * 6) == [None, None, None, None, 50, 50]
    # After the last move it stays what it was, and is forgotten before twice its memory is over.
    fallen = values(rsi(close, 2), [8.0, 9.0, 8.0, 7.0] + [6.0] * 200)
    assert fallen[6] == fallen[59]
    assert fallen[119] == fallen[-1] == 50


@pytest.mark.parametrize("step", [1, 7, 100])
def test_bars_that_are_missing_take_no_memory_away(step: int) -> None:
    walk = [100.0 + number % 7 for number in range(400)]
    sparse = values_at(rsi(close, 4), [step * number for number in range(400)], walk)
    assert sparse[-1] == pytest.approx(values(rsi(close, 4), walk)[-1])
    assert not any(math.isnan(one) for one in sparse[4:])


def test_crossings_are_told_once() -> None:
    closes: list[float] = [1, 2, 3, 3, 2, 1]
    assert values(crosses_above(close, 2.5), closes) == [None, 0, 1, 0, 0, 0]
    assert values(crosses_below(close, 2.5), closes) == [None, 0, 0, 0, 1, 0]


def test_what_is_unknown_stays_unknown() -> None:
    assert values(~(sma(close, 3) > 1), [1, 2, 3]) == [None, None, 0]
    assert values((close > 0) | (sma(close, 3) > 1), [1, 2, 3]) == [None, None, 1]
    assert values(close / (close - 2), [1, 2]) == [-1, None]
    assert math.isnan(newest(close > 1, []))


def test_a_longer_bar_counts_from_its_close_on() -> None:
    minutes = frame([1, 2, 3, 4, 5, 6])
    threes = frame([3, 6], "3m", 3 * MINUTE_MS)
    found = Evaluator({"1m": minutes, "3m": threes}, "1m").evaluate(read_condition("close >= on(close, 3m)"))
    # The first three minutes close at minute 3, which is the close of the third bar.
    assert [None if math.isnan(one) else int(one) for one in found] == [None, None, 1, 1, 1, 1]


def test_a_flat_market_crosses_nothing() -> None:
    walk = [100.1 + (number % 7) * 0.3 for number in range(300)] + [100.1] * 900
    flat = slice(-300, None)
    for condition in (
        crosses_above(sma(close, 50), sma(close, 200)),
        crosses_below(sma(close, 50), sma(close, 200)),
        close > sma(close, 50),
        close < sma(close, 50),
        macd(close) > 0,
        macd(close) < 0,
        macd_signal(close) > 0,
    ):
        assert not Evaluator({"1m": frame(walk)}, "1m").evaluate(condition)[flat].any(), condition


CONDITIONS: list[Condition] = [
    crosses_above(sma(close, 5), sma(close, 12)),
    crosses_below(ema(close, 4), ema(close, 9)),
    rsi(close, 6) < 30,
    close > ago(highest(high, 10), 1),
    (low < lowest(low, 10).ago(1)) | (adx(4) > 25),
    macd(close, 3, 6) > macd_signal(close, 3, 6, 4),
    close > bollinger_upper(close, 10, 1.5),
    close - ago(close, 3) > atr(5),
    (wma(close, 4) > sma(close, 8)) & ~(roc(close, 3) > 1),
    sma(rsi(close, 4), 3) >= 50,
]


MOVES = st.tuples(st.integers(-9, 9), st.sampled_from([1, 1, 1, 1, 3, 40, 160, 400]))
"""A step, and for how many bars nothing moves after it."""


VALUES: list[Expression] = [
    *(rsi(close, 2), rsi(close, 6), adx(4), atr(5)),
    *(rsi(roc(close, 3), 5), rsi(rsi(close, 3), 4), rsi(sma(close, 4), 5), rsi(highest(high, 9) - close, 3)),
]


@given(
    st.lists(MOVES, min_size=30, max_size=300),
    st.integers(0, 10**6),
    st.integers(1, 600),
    st.sampled_from([Decimal(1), Decimal("0.1"), Decimal("0.000001")]),
    st.sampled_from([*CONDITIONS, *VALUES]),
)
@settings(max_examples=60)
def test_live_on_the_newest_bars_is_what_the_whole_array_says(
    moves: list[tuple[int, int]], begin: int, back: int, tick: Decimal, watched: Expression
) -> None:
    steps = [step for move, count in moves for step in (move, *[0] * (count - 1))]
    closes = list(np.maximum(100 + np.cumsum(steps), 5).astype(float) * float(tick))
    whole = Evaluator({"1m": frame(closes, begin=begin)}, "1m").evaluate(watched)
    until = max(1, len(closes) - back)
    first = max(0, until - bars_kept(watched, "1m")["1m"])
    live = newest(watched, closes[first:until], begin + first)
    assert np.array_equal(live, whole[until - 1], equal_nan=True)


@given(st.lists(st.integers(-9, 9), min_size=60, max_size=120), st.sampled_from(CONDITIONS))
@settings(max_examples=40)
def test_no_value_changes_when_the_future_comes(steps: list[int], condition: Condition) -> None:
    closes = list(np.maximum(100 + np.cumsum(steps), 5).astype(float) * 0.1)
    whole = Evaluator({"1m": frame(closes)}, "1m").evaluate(condition)
    early = Evaluator({"1m": frame(closes[:50])}, "1m").evaluate(condition)
    assert np.array_equal(whole[:50], early, equal_nan=True)
