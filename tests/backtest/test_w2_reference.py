"""The oracle of the martingale workload, on candles whose outcome can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from fairlead.market.candles.series import PRICES, CandleSeries
from tests.backtest.w2_reference import W2Terms, replay_w2

FLAT = (100, 100, 100, 100)


def candles(*rows: Sequence[int]) -> CandleSeries:
    """Rows of open, high, low and close in whole USDT."""
    columns = np.array(rows, dtype=np.int64).T * 100
    return CandleSeries(
        symbol="BTC-USDT",
        timeframe="1m",
        tick=Decimal("0.01"),
        opened_ms=np.arange(len(rows), dtype=np.int64) * 60_000,
        prices=dict(zip(PRICES, columns, strict=True)),
    )


def test_the_first_candle_decides_and_the_second_buys_at_its_open() -> None:
    outcome = replay_w2(candles(FLAT, FLAT, FLAT))
    (fill,) = outcome.fills
    assert (fill.candle, fill.slot, fill.quantity, fill.price, fill.fee) == (
        1,
        "base",
        Decimal(1),
        Decimal(100),
        Decimal("0.1"),
    )
    assert (outcome.cash, outcome.equity, outcome.cycles) == (Decimal("9899.9"), Decimal("9999.9"), 0)


def test_orders_placed_at_a_close_cannot_fill_in_that_candle() -> None:
    outcome = replay_w2(candles(FLAT, (100, 105, 90, 100), FLAT))
    assert [fill.slot for fill in outcome.fills] == ["base"]


def test_a_gain_is_sold_and_the_next_base_order_bought_at_the_next_open() -> None:
    outcome = replay_w2(candles(FLAT, FLAT, (100, 101, 100, 101), (101, 101, 101, 101)))
    assert [(fill.candle, fill.slot) for fill in outcome.fills] == [(1, "base"), (2, "take-profit"), (3, "base")]
    assert outcome.cycles == 1
    assert outcome.cash == Decimal(10_000) - 100 * Decimal("1.001") + 101 * Decimal("0.999") - outcome.fills[2].fee - (
        outcome.fills[2].quantity * 101
    )


def test_safety_orders_that_a_candle_passes_fill_at_its_open_or_at_their_prices() -> None:
    outcome = replay_w2(candles(FLAT, FLAT, (98, 98, 95, 95)))
    assert [(fill.slot, fill.price) for fill in outcome.fills[1:]] == [
        ("safety-1", Decimal(98)),
        ("safety-2", Decimal("97.80")),
        ("safety-3", Decimal("96.36")),
    ]
    assert outcome.fills[1].quantity == Decimal("1.010101")


def test_of_a_candle_that_reaches_both_sides_the_terms_say_what_fills() -> None:
    rows = (FLAT, FLAT, (100, 102, 98, 100))
    gained = replay_w2(candles(*rows))
    assert [fill.slot for fill in gained.fills] == ["base", "take-profit"]
    lost = replay_w2(candles(*rows), W2Terms(exit_first=False))
    assert [fill.slot for fill in lost.fills] == ["base", "safety-1"]
