"""Candles that are made up: what every one of them keeps to, and that a seed repeats them."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from fairlead.market.candles.generate import TICK, WIDTH_MAX, YEAR_OF_MINUTES, generate_series


def test_a_seed_gives_the_same_candles_on_every_machine() -> None:
    made = generate_series("BTC-USDT", candles=70_000, seed=7)
    again = generate_series("BTC-USDT", candles=70_000, seed=7)
    for name in ("opened_ms", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(made, name), getattr(again, name)), name
    assert [int(made.close[number]) for number in (0, 1, 65_535, 65_536, -1)] == [
        6_003_092,
        6_004_523,
        6_358_511,
        6_357_388,
        6_212_826,
    ]


def test_another_seed_and_another_symbol_go_other_ways() -> None:
    made = generate_series("BTC-USDT", candles=100, seed=7)
    assert not np.array_equal(made.close, generate_series("BTC-USDT", candles=100, seed=8).close)
    assert not np.array_equal(made.close, generate_series("ETH-USDT", candles=100, seed=7).close)


def test_a_year_opens_where_it_closed_and_has_no_wide_candle() -> None:
    made = generate_series("BTC-USDT", candles=YEAR_OF_MINUTES, seed=1)
    assert made.tick == TICK
    assert np.array_equal(made.open[1:], made.close[:-1])
    assert np.all(np.diff(made.opened_ms) == 60_000)
    assert float(((made.high - made.low) / made.low).max()) <= WIDTH_MAX
    assert made.volume.min() > 0


def test_returns_cluster_and_are_as_wild_as_promised() -> None:
    made = generate_series("BTC-USDT", candles=200_000, seed=3)
    returns = np.diff(made.closes) / made.closes[:-1]
    a_year = float(returns.std()) * YEAR_OF_MINUTES**0.5
    squares = returns**2 - (returns**2).mean()
    clustering = float((squares[1:] * squares[:-1]).mean() / (squares**2).mean())
    assert 0.5 < a_year < 0.7
    assert clustering > 0.05
    # A motion of such a deviation spans 1.6 of them in a candle, on average.
    assert 1.3 < float(((made.high - made.low) / made.open).mean() / returns.std()) < 1.8


def test_longer_candles_begin_at_whole_multiples() -> None:
    made = generate_series("ETH-USDT", candles=500, seed=1, timeframe="1d", start_price=Decimal(3000), begin_ms=90_000)
    assert made.begin_ms == 0
    assert made.length_ms == 86_400_000
    assert float(((made.high - made.low) / made.low).max()) > WIDTH_MAX


@pytest.mark.parametrize(
    ("wrong", "why"),
    [({"candles": 0}, "at least one"), ({"timeframe": "7m"}, "none of"), ({"start_price": Decimal("0.5")}, "below")],
)
def test_what_cannot_be_made_up_is_refused(wrong: dict[str, object], why: str) -> None:
    asked: dict[str, object] = {"candles": 10, "seed": 1} | wrong
    with pytest.raises(ValueError, match=why):
        generate_series("BTC-USDT", **asked)  # type: ignore[arg-type]
