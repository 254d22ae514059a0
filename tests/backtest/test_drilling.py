"""Orders filled on finer candles than decisions are made on: those tell what came first, and nothing else changes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pytest

from fairlead.accounts.bot_presets import to_settings
from fairlead.backtest.kept.archive import run_id
from fairlead.backtest.measures.statistics import statistics_of
from fairlead.backtest.report.words import Surroundings, assumptions_of, period_of, warnings_of
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.spec import BacktestSpec, BotSpec, IntraBar, ReplayTerms
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.martingale import MartingaleSettings, TakeProfitStep
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.resample import resample
from fairlead.market.candles.series import CandleSeries
from fairlead.rules import Answer, Condition, Rule, View, close, flat, in_base, long, sma
from tests.backtest.world import FEELESS, INSTRUMENTS, SYMBOL, candles, fills_of, quote, replay

FLAT: Final = ("100", "100", "100", "100")
UP: Final = ("100", "101.2", "100", "101.2")
UP_AGAIN: Final = ("98.9", "101.2", "98.9", "101.2")
DOWN: Final = ("100", "100", "98.9", "98.9")
DOWN_AGAIN: Final = ("101.2", "101.2", "98.9", "98.9")
# 100 USDT, then 100 at 1 % below; out at 1 % above the average, and that was it.
ONCE: Final = MartingaleSettings(
    base_order=quote(100),
    safety_order=quote(100),
    max_safety_orders=1,
    active_safety_orders=1,
    take_profit=(TakeProfitStep(percent=Decimal(1)),),
    restart=False,
)


class Cross(Rule):
    def conditions(self) -> Mapping[str, Condition]:
        return {"above": close > sma(close, 8)}

    def decide(self, view: View) -> Answer:
        if view.began("above"):
            return long(in_base("0.01"))
        return flat() if view.ended("above") else None


class ThreeMinutes(Cross):
    timeframe: str = "3m"


RULES: Final[Mapping[str, type[Rule]]] = {"Cross": Cross, "ThreeMinutes": ThreeMinutes}


def drill(**changes: object) -> BacktestSpec:
    terms = ReplayTerms(fees=FEELESS, intra_bar=IntraBar.DRILL)
    known: dict[str, Any] = {
        "bots": (),
        "cash": Decimal(100_000),
        "timeframe": "5m",
        "fill_timeframe": "1m",
        "terms": terms,
    }
    return BacktestSpec(**{**known, **changes})


def drilled(settings: Settings, fine: CandleSeries, **changes: object) -> BacktestResult:
    spec = drill(**{"bots": (BotSpec(name="bot", symbol=SYMBOL, settings=settings),), **changes})
    return run_backtest(spec, {SYMBOL: fine}, INSTRUMENTS, Extras(find_rule=RULES.__getitem__))


def plain(settings: Settings, fine: CandleSeries, **changes: object) -> BacktestResult:
    """The same on the fine candles, without a longer timeframe."""
    known = {"timeframe": "1m", "fill_timeframe": "", "terms": ReplayTerms(fees=FEELESS)}
    return drilled(settings, fine, **{**known, **changes})


def are_equal(one: BacktestResult, other: BacktestResult) -> bool:
    ours, theirs = ((list(run.fills), list(run.deals), run.equity_end) for run in (one, other))
    return ours == theirs and np.array_equal(one.equity.values, other.equity.values)


def five(*rows: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Minutes of one candle of five; it stands where they leave it."""
    return [*rows, *([(rows[-1][-1],) * 4] * (5 - len(rows)))]


def test_fine_candles_tell_that_the_take_profit_came_first() -> None:
    fine = candles(*five(FLAT), *five(FLAT), *five(UP, DOWN_AGAIN), *five(("98.9",) * 4))
    assert fills_of(replay(ONCE, resample(fine, "5m")))[1][1:3] == ("s1", "99")
    assert [fill[1:3] for fill in fills_of(drilled(ONCE, fine))] == [("b", "100"), ("t1", "101")]


def test_fine_candles_tell_that_the_level_came_first() -> None:
    fine = candles(*five(FLAT), *five(FLAT), *five(DOWN, UP_AGAIN), *five(("101.2",) * 4))
    assert [fill[1] for fill in fills_of(replay(ONCE, resample(fine, "5m")))] == ["b", "s1", "t1"]
    found = drilled(ONCE, fine)
    assert [fill[:3] for fill in fills_of(found)] == [(1, "b", "100"), (10, "s1", "99"), (11, "t1", "100.5")]
    assert [deal.is_open for deal in found.deals] == [False]


def test_within_a_fine_candle_it_is_pessimistic() -> None:
    both = ("100", "101.2", "98.9", "100")
    fine = candles(*five(FLAT), *five(FLAT), *five(both, ("100",) * 4))
    assert [fill[1] for fill in fills_of(drilled(ONCE, fine))] == ["b", "s1"]


@pytest.mark.parametrize("profile", ["", "paper"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_is_the_run_on_the_fine_candles_whose_conditions_name_the_timeframe(seed: int, profile: str) -> None:
    fine = generate_series(SYMBOL, candles=6_000, seed=seed)

    def dip(text: str) -> Settings:
        start = {"type": "signal", "signal": "dip"}
        steps = [{"percent": "0.3"}]
        return to_settings(
            {"type": "martingale", "conditions": {"dip": text}, "start": start, "take_profit": steps, "step": "0.2"}
        )

    found = drilled(dip("rsi(close, 5) < 40"), fine, risk_profile=profile)
    assert len(found.fills) > 10
    assert are_equal(found, plain(dip("rsi(close, 5, 5m) < 40"), fine, risk_profile=profile))
    assert not are_equal(found, plain(dip("rsi(close, 5) < 40"), fine, risk_profile=profile))


def test_a_rule_that_names_no_timeframe_looks_at_the_longer_bars_and_one_that_does_at_its_own() -> None:
    fine = generate_series(SYMBOL, candles=6_000, seed=4)
    found = drilled(RuleSettings(rule="Cross"), fine)
    assert len(found.fills) > 10
    assert are_equal(found, plain(RuleSettings(rule="Cross", parameters={"timeframe": "5m"}), fine))
    own = drilled(RuleSettings(rule="ThreeMinutes"), fine)
    assert are_equal(own, plain(RuleSettings(rule="ThreeMinutes"), fine))
    typed = RuleSettings(rule="Cross", parameters={"timeframe": "1m"})
    assert are_equal(drilled(typed, fine), plain(typed, fine))


def test_two_bots_drill_on_one_clock() -> None:
    fine = generate_series(SYMBOL, candles=3_000, seed=5)
    bots = tuple(
        BotSpec(name=name, symbol=SYMBOL, settings=settings)
        for name, settings in (("dip", ONCE), ("cross", RuleSettings(rule="Cross")))
    )
    found = run_backtest(drill(bots=bots), {SYMBOL: fine}, INSTRUMENTS, Extras(find_rule=RULES.__getitem__))
    assert {fill.bot for fill in found.fills} == {0, 1}
    alone = drilled(RuleSettings(rule="Cross"), fine)
    assert [fill.price for fill in found.fills if fill.bot == 1] == [fill.price for fill in alone.fills]


def test_the_report_says_both_timeframes_and_what_a_live_bot_would_look_at() -> None:
    found = drilled(RuleSettings(rule="Cross"), generate_series(SYMBOL, candles=3_000, seed=6))
    assert period_of(found).endswith("3,000 candles of 1m for decisions on 5m")
    told = {one.label: one.value for one in assumptions_of(found, Surroundings())}
    assert told["Within a candle"].startswith("drill: ")
    (warning,) = [one for one in warnings_of(found, statistics_of(found), Surroundings()) if "timeframe" in one]
    assert "bars of 5m, live they look at bars of 1m" in warning


def test_the_finer_timeframe_belongs_to_what_a_run_is() -> None:
    ids = {run_id(drill(timeframe=timeframe), {SYMBOL: "candles"}) for timeframe in ("5m", "15m")}
    assert len({*ids, run_id(drill(fill_timeframe="3m"), {SYMBOL: "candles"})}) == 3


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"fill_timeframe": ""}, "intra_bar is drill, fill_timeframe ''"),
        ({"terms": ReplayTerms()}, "intra_bar is pessimistic, fill_timeframe '1m'"),
        ({"fill_timeframe": "3m"}, "candles of BTC-USDT are of 1m: orders fill on 3m"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        drilled(ONCE, generate_series(SYMBOL, candles=10, seed=1), **changes)
