from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.backtest.result import DealRow
from fairlead.backtest.sweeps import monte_carlo
from fairlead.backtest.sweeps.monte_carlo import MonteCarlo, Redraw, redraw_deals


def deals_of(*profits: int, worst: float = 0.0) -> list[DealRow]:
    return [
        DealRow(bot=0, cycle=number, began_ms=number, ended_ms=number + 1, profit=Decimal(profit), worst=worst)
        for number, profit in enumerate(profits, 1)
    ]


def redraw(deals: list[DealRow], how: Redraw = Redraw.BOOTSTRAP, seed: int = 1, draws: int = 4_000) -> MonteCarlo:
    return redraw_deals(deals, cash=Decimal(100), redraw=how, draws=draws, seed=seed, ruin_at=0.5)


def test_a_shuffle_changes_the_way_and_not_the_profit() -> None:
    found = redraw(deals_of(10, -20, 30), Redraw.SHUFFLE)
    assert found.profit.p5 == found.profit.p95 == 20.0
    assert found.max_drawdown.p5 == pytest.approx(20 / 140)
    assert found.max_drawdown.p95 == pytest.approx(0.2)


def test_a_bootstrap_knows_what_equal_coins_know() -> None:
    found = redraw(deals_of(10, -10), draws=40_000)
    # Two draws of two: both win, both lose, or one of each twice as often.
    assert (found.profit.p5, found.profit.p50, found.profit.p95) == (-20.0, 0.0, 20.0)
    assert found.profit.mean == pytest.approx(0.0, abs=0.2)


def test_ruin_is_the_share_of_draws_that_lost_so_much_at_some_moment() -> None:
    # Half of all shuffles begin with the loss and are at 40, the others never fall below 100.
    found = redraw(deals_of(-60, 60), Redraw.SHUFFLE, draws=40_000)
    assert found.ruin == pytest.approx(0.5, abs=0.01)


def test_what_a_deal_looked_like_at_its_worst_counts() -> None:
    harmless = redraw(deals_of(1, 1, 1), Redraw.SHUFFLE)
    deep = redraw(deals_of(1, 1, 1, worst=-60.0), Redraw.SHUFFLE)
    assert (harmless.max_drawdown.p95, harmless.ruin) == (0.0, 0.0)
    assert deep.ruin == 1.0
    assert deep.max_drawdown.p50 == pytest.approx(0.6)


def test_a_seed_repeats_the_draws_and_memory_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    deals = deals_of(10, -20, 30, -5, 7)
    first = redraw(deals)
    assert redraw(deals) == first
    assert redraw(deals, seed=2) != first
    shuffled = redraw(deals, Redraw.SHUFFLE)
    monkeypatch.setattr(monte_carlo, "CELLS_AT_ONCE", 100)
    assert redraw(deals) == first
    assert redraw(deals, Redraw.SHUFFLE) == shuffled


def test_nothing_is_drawn_from_nothing() -> None:
    with pytest.raises(ValueError, match="no deals"):
        redraw([])
    with pytest.raises(ValueError, match="draws: from 1 to"):
        redraw(deals_of(1), draws=0)
