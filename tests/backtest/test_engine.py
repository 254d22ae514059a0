"""The engine: what fills in which candle and at which price, and that it agrees with a loop that looks at every one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.search import make_search
from fairlead.backtest.spec import BacktestSpec, BotSpec, IntraBar, ReplayTerms
from fairlead.core.model.account import FeeRates, MarginMode
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.martingale import EntryMode, MartingaleSettings, StopLoss, TakeProfitStep
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.series import CandleSeries
from tests.backtest.w2_reference import W2Terms, replay_w2
from tests.backtest.world import FEELESS, INSTRUMENTS, SYMBOL, candles, fills_of, funding, quote, replay, w2_spec

FLAT = ("100", "100", "100", "100")


def ladder(**changes: object) -> MartingaleSettings:
    """100 USDT, then 100 at 1 % and at 2 % below; out at 1 % above the average."""
    plain = {
        "base_order": quote(100),
        "safety_order": quote(100),
        "max_safety_orders": 2,
        "active_safety_orders": 2,
        "take_profit": (TakeProfitStep(percent=Decimal(1)),),
    }
    return MartingaleSettings(**{**plain, **changes})  # type: ignore[arg-type]


CHOICES = st.fixed_dictionaries(
    {
        "safety_orders": st.integers(0, 8),
        "deviation": st.sampled_from([Decimal(one) for one in ("0.0005", "0.002", "0.006", "0.01")]),
        "step_scale": st.sampled_from([Decimal(one) for one in ("1", "1.2", "1.4")]),
        "size_scale": st.sampled_from([Decimal(one) for one in ("1", "1.5", "1.8")]),
        "take_profit": st.sampled_from([Decimal(one) for one in ("0.0006", "0.003", "0.01")]),
        "exit_first": st.booleans(),
    }
)


@settings(max_examples=25)
@given(choices=CHOICES, seed=st.integers(0, 1_000))
def test_it_does_what_a_plain_loop_over_every_candle_does(choices: dict[str, Any], seed: int) -> None:
    terms = W2Terms(cash=Decimal(1_000_000), **choices)
    series = generate_series(SYMBOL, candles=600, seed=seed)
    expected = replay_w2(series, terms)
    result = run_backtest(w2_spec(terms), {SYMBOL: series}, INSTRUMENTS)
    ours = [(fill.candle, fill.is_buy, fill.quantity, fill.price, fill.fee) for fill in result.fills]
    assert ours == [(fill.candle, fill.is_buy, fill.quantity, fill.price, fill.fee) for fill in expected.fills]
    assert result.equity_end == expected.equity
    assert result.cash_end == expected.cash
    assert sum(not deal.is_open for deal in result.deals) == expected.cycles
    assert result.equity.values[-1] == pytest.approx(float(expected.equity), abs=1e-6)


@given(
    prices=st.lists(st.integers(1, 30), min_size=1, max_size=700),
    start=st.integers(0, 700),
    buy=st.integers(-1, 40),
    sell=st.integers(0, 40),
)
def test_both_searches_find_the_first_candle_that_is_touched(
    prices: list[int], start: int, buy: int, sell: int
) -> None:
    closes = np.array(prices, dtype=np.int64)
    series = CandleSeries(
        symbol=SYMBOL,
        timeframe="1m",
        tick=Decimal("0.01"),
        opened_ms=np.arange(len(prices), dtype=np.int64) * 60_000,
        prices={"open": closes, "high": closes + 1, "low": closes, "close": closes},
    )
    touched = [at for at in range(start, len(prices)) if prices[at] <= buy or prices[at] + 1 >= sell]
    expected = touched[0] if touched else len(prices)
    for compiled in (True, False):
        assert min(make_search(series, compiled=compiled)(start, buy, sell), len(prices)) == expected, compiled


def test_what_is_decided_at_a_close_fills_from_the_next_candle_on() -> None:
    series = candles(("100", "100", "90", "100"), ("100", "100", "99.5", "99.5"), ("99.5", "101", "99.5", "101"))
    result = replay(ladder(), series)
    # The low of 90 was before anything rested.
    assert fills_of(result) == [(1, "b", "100", "1"), (2, "t1", "101", "-1")]


def test_a_buy_never_costs_more_than_its_price_and_a_gap_gives_the_open() -> None:
    series = candles(FLAT, FLAT, ("98.5", "98.6", "98.4", "98.5"))
    assert fills_of(replay(ladder(), series))[1] == (2, "s1", "98.5", "1.010101")


BOTH_SIDES = (FLAT, FLAT, ("100", "101", "99", "100.5"), ("100.5", "100.6", "100.4", "100.5"))


def test_a_candle_that_touches_both_sides_buys_and_lets_the_exit_wait() -> None:
    fills = fills_of(replay(ladder(), candles(*BOTH_SIDES)))
    assert fills[1] == (2, "s1", "99", "1.010101")
    assert fills[2][:2] == (3, "t1")


def test_with_exits_first_such_a_candle_ends_the_deal() -> None:
    terms = ReplayTerms(fees=FEELESS, intra_bar=IntraBar.EXIT_FIRST)
    fills = fills_of(replay(ladder(), candles(*BOTH_SIDES), terms))
    assert fills[1] == (2, "t1", "101", "-1")
    assert fills[2] == (3, "b", "100.5", "0.995024")


def test_along_a_path_the_close_tells_which_side_came_first() -> None:
    terms = ReplayTerms(fees=FEELESS, intra_bar=IntraBar.PATH)
    rises = candles(FLAT, FLAT, ("100", "102", "99", "101"))
    # Down to 99 first; the exit moves to the new average and is met on the way up, where the next deal begins and ends.
    assert [fill[1] for fill in fills_of(replay(ladder(), rises, terms))] == ["b", "s1", "t1", "b", "t1", "b"]
    falls = candles(FLAT, FLAT, ("100", "102", "99", "99.5"))
    fills = fills_of(replay(ladder(), falls, terms))
    assert fills[1] == (2, "t1", "101", "-1")
    assert fills[2][:3] == (2, "b", "101")


def test_a_stop_loss_is_met_at_its_price_or_at_an_open_beyond_it() -> None:
    stop = StopLoss(percent=Decimal(3))
    within = candles(FLAT, FLAT, ("100", "100", "96", "96.5"), FLAT)
    settings = ladder(max_safety_orders=0, stop_loss=stop)
    assert fills_of(replay(settings, within))[1] == (2, "c", "97", "-1")
    beyond = candles(FLAT, FLAT, ("95", "96", "94", "95"), FLAT)
    result = replay(settings, beyond)
    assert fills_of(result)[1] == (2, "c", "95", "-1")
    assert [(deal.why, deal.profit) for deal in result.deals] == [("stop_loss", Decimal(-5))]


def test_slippage_makes_what_is_done_at_once_worse_and_leaves_limit_orders_alone() -> None:
    terms = ReplayTerms(fees=FEELESS, slippage=Decimal("0.001"))
    series = candles(FLAT, FLAT, ("101.2", "101.3", "101.2", "101.2"))
    fills = fills_of(replay(ladder(), series, terms))
    assert fills == [(1, "b", "100.1", "1"), (2, "t1", "101.2", "-1")]


def test_latency_keeps_orders_back_until_a_candle_that_opens_late_enough() -> None:
    terms = ReplayTerms(fees=FEELESS, latency_ms=60_000)
    assert fills_of(replay(ladder(), candles(FLAT, FLAT, FLAT), terms)) == [(2, "b", "100", "1")]


def test_levels_that_wait_for_their_price_are_bought_when_it_comes() -> None:
    series = candles(FLAT, FLAT, ("100", "100", "97.9", "98.5"))
    fills = fills_of(replay(ladder(entry_mode=EntryMode.TRIGGER), series))
    assert [fill[:2] for fill in fills] == [(1, "b"), (2, "s1"), (2, "s2")]
    assert all(Decimal(price) >= 98 for _, _, price, _ in fills)


def test_a_trailing_exit_follows_the_highest_price_and_leaves_below_it() -> None:
    settings = ladder(trailing=Decimal(1), max_safety_orders=0)
    series = candles(FLAT, FLAT, ("100", "105", "100", "104.5"), ("104.5", "104.6", "103", "103.2"), FLAT)
    result = replay(settings, series)
    # The peak is 105, so a fall to 103.95 ends it.
    assert fills_of(result)[1] == (3, "c", "103.95", "-1")
    assert result.deals[0].why == "trailing_take_profit"


def test_a_short_mirrors_a_long() -> None:
    settings = ladder(direction=Direction.SHORT, leverage=Decimal(5))
    series = candles(FLAT, FLAT, ("100", "101", "100", "101"), ("101", "101", "99", "99.2"), symbol="BTC-USDT-SWAP")
    result = replay(settings, series, cash=1_000)
    assert [fill[:3] for fill in fills_of(result)] == [(1, "b", "100"), (2, "s1", "101"), (3, "t1", "99.4")]
    assert result.equity_end == result.cash_end
    assert result.profit == sum((deal.profit for deal in result.deals), Decimal(0)) > 0


def test_funding_is_charged_while_something_is_held() -> None:
    series = candles(*[FLAT] * 6, symbol="BTC-USDT-SWAP")
    paid = Extras(funding={"BTC-USDT-SWAP": funding((0, "0.01"), (3, "0.01"), (4, "-0.005"))})
    result = replay(ladder(leverage=Decimal(2)), series, extras=paid)
    assert result.funding == Decimal("-0.5")
    assert result.deals[0].funding == Decimal("-0.5")
    assert result.equity_end == Decimal(9999) + Decimal("0.5")
    assert result.equity.values[-1] == pytest.approx(9999.5)


@pytest.mark.parametrize(("mode", "left"), [(MarginMode.ISOLATED, Decimal(80)), (MarginMode.CROSS, Decimal(0))])
def test_a_position_whose_margin_is_gone_is_taken_away_and_lost(mode: MarginMode, left: Decimal) -> None:
    settings = ladder(
        base_order=quote(200 if mode is MarginMode.ISOLATED else 900),
        leverage=Decimal(10),
        margin_mode=mode,
        max_safety_orders=0,
        restart=False,
    )
    series = candles(FLAT, FLAT, ("100", "100", "88", "95"), FLAT, symbol="BTC-USDT-SWAP")
    result = replay(settings, series, cash=100)
    taken = result.fills[1]
    assert (taken.slot, taken.candle, taken.is_buy) == ("liquidation", 2, False)
    assert taken.price == Decimal(90) if mode is MarginMode.ISOLATED else Decimal("88.8") < taken.price < 89
    assert result.is_liquidated
    assert round(result.equity_end, 12) == left
    assert result.equity.values[-1] == pytest.approx(float(left))
    assert [deal.why for deal in result.deals] == ["closed"]


def test_a_stop_loss_before_the_liquidation_price_comes_first() -> None:
    settings = ladder(leverage=Decimal(10), max_safety_orders=0, stop_loss=StopLoss(percent=Decimal(3)))
    series = candles(FLAT, FLAT, ("100", "100", "88", "95"), FLAT, symbol="BTC-USDT-SWAP")
    result = replay(settings, series, cash=100)
    assert [fill[:3] for fill in fills_of(result)] == [(1, "b", "100"), (2, "c", "97")]
    assert not result.is_liquidated


def test_an_order_that_cash_does_not_cover_is_refused_and_told() -> None:
    result = replay(ladder(), candles(FLAT, FLAT, ("100", "100", "97", "98")), cash=150)
    assert [fill[1] for fill in fills_of(result)] == ["b"]
    assert {denial.slot for denial in result.denials} == {"s1", "s2"}
    assert result.denials[0].why == "insufficient_balance: needs 99.999999, free 50"


def test_a_fee_in_the_coin_makes_the_holding_smaller_and_one_in_quote_the_cash() -> None:
    fees = FeeRates(spot_maker=Decimal("0.001"), spot_taker=Decimal("0.001"))
    result = replay(ladder(), candles(FLAT, FLAT), ReplayTerms(fees=fees))
    assert result.cash_end == Decimal(9900)
    assert result.equity_end == Decimal("9999.9")
    assert result.fills[0].fee == Decimal("0.1")


def test_what_happened_before_a_cut_does_not_depend_on_what_came_after() -> None:
    series = generate_series(SYMBOL, candles=5_000, seed=3)
    settings = ladder(step=Decimal("0.2"), take_profit=(TakeProfitStep(percent=Decimal("0.3")),))
    whole = replay(settings, series)
    cut = replay(settings, series.slice(0, 3_000))
    assert len(cut.fills) > 20
    assert list(cut.fills) == [fill for fill in whole.fills if fill.candle < 3_000]


def test_bots_of_one_account_share_its_cash() -> None:
    series = candles(FLAT, FLAT, FLAT)
    bots = tuple(BotSpec(name=name, symbol=SYMBOL, settings=ladder(max_safety_orders=0)) for name in ("one", "two"))
    spec = BacktestSpec(bots=bots, cash=Decimal(150), terms=ReplayTerms(fees=FEELESS))
    result = run_backtest(spec, {SYMBOL: series}, INSTRUMENTS)
    assert [fill.bot for fill in result.fills] == [0]
    assert [denial.bot for denial in result.denials][:1] == [1]
    assert result.equity.values.tolist() == [150.0, 150.0, 150.0]
