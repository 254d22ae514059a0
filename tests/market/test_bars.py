from __future__ import annotations

import math

import pytest

from fairlead.core.model.conditions import Expression, Indicator
from fairlead.core.rules.conditions.arrays import newest_values
from fairlead.core.rules.conditions.vocabulary import (
    AGO_MAX,
    LENGTH_MAX,
    SHAPES,
    ago,
    bars_awaited,
    bars_kept,
    close,
    crosses_above,
)
from fairlead.market.bars import BARS_KEPT_MAX, BarBuilder, Bars, Forming

MINUTE_MS = 60_000


def bars_of(builder: BarBuilder, timeframe: str) -> list[tuple[int, float, float, float, float]]:
    bars = builder.bars[timeframe]
    fields = (bars.columns[field] for field in ("open", "high", "low", "close"))
    return list(zip((opened_ms // MINUTE_MS for opened_ms in bars.opened_ms), *fields, strict=True))


def builder_of(*timeframes: str) -> BarBuilder:
    builder = BarBuilder()
    for timeframe in timeframes:
        builder.want(timeframe, 10)
    return builder


def test_a_minute_is_made_of_its_prices_and_closed_by_the_next() -> None:
    builder = builder_of("1m")
    for at_ms, price in ((0, 5.0), (10_000, 9.0), (20_000, 3.0), (59_999, 4.0)):
        assert not builder.take(price, at_ms)
    assert builder.take(7.0, MINUTE_MS) == {"1m"}
    assert bars_of(builder, "1m") == [(0, 5, 9, 3, 4)]


def test_a_longer_bar_is_made_of_minutes() -> None:
    builder = builder_of("1m", "3m")
    for minute in range(7):
        builder.take(10.0 + minute, minute * MINUTE_MS)
        builder.take(10.5 + minute, minute * MINUTE_MS + 30_000)
    assert bars_of(builder, "3m") == [(0, 10, 12.5, 10, 12.5), (3, 13, 15.5, 13, 15.5)]


def test_a_bar_that_was_only_partly_seen_is_left_out() -> None:
    builder = builder_of("1m", "3m")
    for minute in range(1, 8):
        builder.take(float(minute), minute * MINUTE_MS + 10)
    assert [one[0] for one in bars_of(builder, "1m")] == [2, 3, 4, 5, 6]
    assert [one[0] for one in bars_of(builder, "3m")] == [3]


def test_a_length_that_is_wanted_later_begins_with_its_next_whole_bar() -> None:
    builder = builder_of("1m")
    builder.take(1.0, 0)
    builder.take(2.0, MINUTE_MS)
    builder.want("3m", 5)
    for minute in range(2, 10):
        builder.take(float(minute), minute * MINUTE_MS)
    assert [one[0] for one in bars_of(builder, "3m")] == [3, 6]


def test_the_clock_closes_a_bar_that_no_quote_closes_and_what_comes_later_is_too_late() -> None:
    builder = builder_of("1m")
    builder.take(5.0, 0)
    assert builder.close_until(MINUTE_MS) == {"1m"}
    assert not builder.take(9.0, 59_000)
    assert not builder.close_until(2 * MINUTE_MS)
    assert bars_of(builder, "1m") == [(0, 5, 5, 5, 5)]


def test_a_minute_without_quotes_makes_no_bar() -> None:
    builder = builder_of("1m")
    builder.take(5.0, 0)
    builder.take(6.0, 5 * MINUTE_MS)
    builder.take(7.0, 6 * MINUTE_MS)
    assert [one[0] for one in bars_of(builder, "1m")] == [0, 5]


def test_only_so_many_bars_are_kept() -> None:
    builder = builder_of("1m")
    for minute in range(200):
        builder.take(float(minute), minute * MINUTE_MS)
    assert 10 <= len(builder.bars["1m"].opened_ms) <= 20
    assert bars_of(builder, "1m")[-1][0] == 198


@pytest.mark.parametrize("name", SHAPES)
def test_no_indicator_looks_back_further_than_bars_are_kept(name: str) -> None:
    longest = Indicator(name, (close,), LENGTH_MAX, "")
    assert bars_kept(crosses_above(longest, ago(longest, AGO_MAX)), "1m")["1m"] <= BARS_KEPT_MAX


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("crosses", [False, True])
def test_a_value_is_known_from_as_many_bars_on_as_is_said(name: str, *, crosses: bool) -> None:
    inner = Indicator(name, () if name in {"atr", "adx"} else (close,), 5, "")
    expression: Expression = crosses_above(ago(inner, 3), 1) if crosses else inner
    needed = bars_awaited(expression, "1m")["1m"]
    bars = Bars("1m")
    bars.keep(1_000)
    for minute in range(needed):
        (before,) = newest_values([expression], {"1m": bars}, "1m")
        assert math.isnan(before), minute
        bars.add(Forming(minute * MINUTE_MS, 100.0 + minute % 3))
    (found,) = newest_values([expression], {"1m": bars}, "1m")
    assert not math.isnan(found)
