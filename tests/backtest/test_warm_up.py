"""Conditions of a window look back at the candles before it, and nothing else of the run does."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.accounts.bot_presets import to_settings
from fairlead.backtest.engine_run import EngineRun
from fairlead.backtest.look_ahead import check_look_ahead, draw_cuts
from fairlead.backtest.report.words import Surroundings, assumptions_of
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.schedule import Schedule
from fairlead.backtest.signals import schedule_of
from fairlead.backtest.spec import BacktestSpec, BotSpec, ReplayTerms
from fairlead.backtest.sweeps.figures import figures_of
from fairlead.backtest.sweeps.ranking import Objective
from fairlead.backtest.sweeps.search import Plan
from fairlead.backtest.sweeps.shared_candles import candles_key, open_candles, shared_candles
from fairlead.backtest.sweeps.space import Axis, Space
from fairlead.backtest.sweeps.start_times import run_start_times
from fairlead.backtest.sweeps.sweep import Scene
from fairlead.backtest.sweeps.walk_forward import make_windows, run_walk_forward
from fairlead.backtest.warming import candles_before
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.series import PRICES, CandleSeries
from fairlead.rules import (
    Answer,
    Condition,
    Rule,
    Series,
    View,
    adx,
    atr,
    close,
    crosses_above,
    ema,
    flat,
    in_base,
    long,
    lowest,
    rsi,
    sma,
)
from tests.backtest.world import FEELESS, INSTRUMENTS, SYMBOL

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
WHOLE: Final = generate_series(SYMBOL, candles=12_000, seed=3)


class Many(Rule):
    """Looks at much of every kind."""

    timeframe: str = "3m"

    def conditions(self) -> Mapping[str, Condition]:
        return {
            "trend": close > ema(close, 20, "15m"),
            "strong": adx(7) > 25,
            "low": rsi(close, 14, "5m") < 45,
            "up": crosses_above(sma(close, 5), sma(rsi(close, 5), 3) + close.ago(4) - 50),
        }

    def values(self) -> Mapping[str, Series]:
        return {"range": atr(14, "30m")}

    def decide(self, view: View) -> Answer:
        if view.holds("low") and view.holds("trend"):
            return long(in_base("0.01"))
        return flat() if view.ended("trend") else None


class Above(Rule):
    """Always in the market, as soon as it knows how low the price has been; ``length`` says how long that takes."""

    length: int = 200

    def conditions(self) -> Mapping[str, Condition]:
        return {"above": close * 2 > lowest(close, self.length)}

    def decide(self, view: View) -> Answer:
        return long(in_base("0.01")) if view.holds("above") else flat()


RULES: Final[dict[str, type[Rule]]] = {"Many": Many, "Above": Above}
MANY: Final = RuleSettings(rule="Many")
TEXTS: Final = {"dip": "rsi(close, 9, 5m) < 40", "calm": "close > ema(close, 30) and adx(5, 15m) < 30"}


def find(name: str) -> type[Rule]:
    return RULES[name]


def with_holes(series: CandleSeries, seed: int, share: float) -> CandleSeries:
    """The same without some candles, alone and in rows."""
    dice = np.random.default_rng(seed)
    kept = dice.random(len(series)) >= share
    for first in dice.integers(0, len(series), size=int(share * 100)):
        kept[first : first + 90] = False
    columns = {name: getattr(series, name)[kept] for name in PRICES}
    times = series.opened_ms[kept]
    return CandleSeries(symbol=SYMBOL, timeframe="1m", tick=series.tick, opened_ms=times, prices=columns)


def alone(series: CandleSeries) -> CandleSeries:
    """The same candles without any before them."""
    columns = {name: getattr(series, name) for name in PRICES}
    return CandleSeries(
        symbol=SYMBOL, timeframe=series.timeframe, tick=series.tick, opened_ms=series.opened_ms, prices=columns
    )


def told(schedule: Schedule, first: int = 0, after: int = 10**9) -> list[tuple[int, object]]:
    """What is told at candles of a window, counted from its first."""
    pairs = zip(schedule.candles, schedule.told, strict=True)
    return [(candle - first, facts) for candle, facts in pairs if first <= candle < after]


def holding(schedule: Schedule, name: str, first: int, after: int) -> list[int]:
    found, candle = [], schedule.next_candle(first, frozenset({name}))
    while candle < after:
        found.append(candle - first)
        candle = schedule.next_candle(candle + 1, frozenset({name}))
    return found


@settings(max_examples=25)
@given(first=st.integers(9_000, 11_000), seed=st.integers(0, 50), share=st.sampled_from([0.0, 0.05]))
def test_a_window_is_told_what_a_longer_run_is_told_there(first: int, seed: int, share: float) -> None:
    whole = with_holes(WHOLE, seed, share)
    first = min(first, len(whole) - 600)
    after = first + 500
    longer, window = schedule_of(MANY, whole, find), schedule_of(MANY, whole.slice(first, after), find)
    ours, theirs = told(window), told(longer, first, after)
    # What holds already is news to a bot that begins.
    fresh = ours[: len(ours) - len(theirs)]
    assert ours[len(fresh) :] == theirs
    assert len(fresh) <= 1
    for candle, facts in fresh:
        known = told(longer, 0, first + candle + 1)[-1][1]
        assert (facts.holds, candle < 3) == (known.holds, True)  # type: ignore[attr-defined]


@settings(max_examples=15)
@given(first=st.integers(9_000, 11_000), seed=st.integers(0, 50), share=st.sampled_from([0.0, 0.05]))
def test_what_a_bot_waits_for_holds_in_a_window_when_it_holds_in_a_longer_run(
    first: int, seed: int, share: float
) -> None:
    whole = with_holes(WHOLE, seed, share)
    first = min(first, len(whole) - 600)
    after = first + 500
    waits = to_settings({"type": "martingale", "conditions": TEXTS})
    longer, window = schedule_of(waits, whole, find), schedule_of(waits, whole.slice(first, after), find)
    for name in TEXTS:
        assert holding(window, name, 0, 500) == holding(longer, name, first, after)


def spec_of(settings: Settings, **changes: object) -> BacktestSpec:
    bots = (BotSpec(name="bot", symbol=SYMBOL, settings=settings),)
    known = {"bots": bots, "cash": Decimal(100_000), "terms": ReplayTerms(fees=FEELESS)}
    return BacktestSpec(**{**known, **changes})  # type: ignore[arg-type]


def replayed(series: CandleSeries, length: int = 200, **changes: object) -> BacktestResult:
    spec = spec_of(RuleSettings(rule="Above", parameters={"length": str(length)}), **changes)
    return run_backtest(spec, {SYMBOL: series}, INSTRUMENTS, Extras(find_rule=find))


def test_the_first_decision_is_made_at_the_first_close() -> None:
    begin_ms = int(WHOLE.opened_ms[5_000])
    found = replayed(WHOLE, begin_ms=begin_ms)
    assert [fill.candle for fill in found.fills] == [1]
    assert found.fills[0].at_ms == begin_ms + MINUTE_MS
    cold = replayed(WHOLE, begin_ms=begin_ms, warm_up=False)
    assert [fill.candle for fill in cold.fills] == [200]


def test_nothing_before_the_window_counts() -> None:
    window = WHOLE.slice(5_000, 6_000)
    found = replayed(window)
    assert (found.begin_ms, found.candles, len(found.equity), found.missing) == (window.begin_ms, 1_000, 1_000, 0)
    assert found.hold[0] == pytest.approx(100_000)
    assert found.equity.values[0] == 100_000
    assert found.equity.at_ms[0] == window.begin_ms + MINUTE_MS


def test_a_report_says_whether_conditions_looked_back() -> None:
    window = WHOLE.slice(5_000, 5_500)
    rows = (assumptions_of(replayed(window, warm_up=one), Surroundings()) for one in (True, False))
    warm, cold = ({one.label: one.value for one in told}["Conditions"] for told in rows)
    assert warm.startswith("also look back")
    assert cold.startswith("begin with the first candle")


def test_without_warm_up_nobody_knows_what_was_before() -> None:
    window = WHOLE.slice(5_000, 6_000)
    cold, fresh = replayed(window, warm_up=False), replayed(alone(window))
    assert list(cold.fills) == list(fresh.fills)
    assert np.array_equal(cold.equity.values, fresh.equity.values)


def test_a_warm_window_knows_no_future() -> None:
    market = {SYMBOL: WHOLE.slice(6_000, 9_000)}
    cuts = draw_cuts(market, count=10, seed=1)
    found = check_look_ahead(spec_of(MANY), market, INSTRUMENTS, EngineRun(find_rule=find), cuts=cuts)
    assert found.difference is None
    assert found.fills > 20
    assert len(market[SYMBOL].with_earlier(50)) == 3_050
    assert market[SYMBOL].with_earlier(50).end_ms == market[SYMBOL].end_ms


def scene_of(folder: Path, series: CandleSeries, *, warm_up: bool) -> Scene:
    return Scene(
        spec=spec_of(RuleSettings(rule="Above"), timeframe="1h", warm_up=warm_up),
        market={SYMBOL: series},
        instruments=INSTRUMENTS,
        run=EngineRun(find_rule=find),
        folder=folder,
        workers=1,
    )


HOURS: Final = generate_series(SYMBOL, candles=24 * 100, seed=7, timeframe="1h")
LENGTHS: Final = Space((Axis("parameters.length", ("1000", "999")),))


class Hourly(Above):
    timeframe: str = "1h"
    length: int = 1_000


@pytest.fixture(name="hourly")
def _hourly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "Above", Hourly)


@pytest.mark.usefixtures("hourly")
def test_tested_windows_of_a_walk_are_warm(tmp_path: Path) -> None:
    plan = Plan(space=LENGTHS, objective=Objective("gain"))
    windows = make_windows(HOURS.begin_ms, HOURS.end_ms, choose_ms=45 * 24 * HOUR_MS, test_ms=20 * 24 * HOUR_MS)
    warm = run_walk_forward(scene_of(tmp_path / "warm", HOURS, warm_up=True), plan, windows)
    cold = run_walk_forward(scene_of(tmp_path / "cold", HOURS, warm_up=False), plan, windows)
    # Its first stretch of 45 days has nothing before it, and 1,000 hours are nearly 42 days.
    assert [step.tested.fills for step in warm.steps if step.tested] == [1, 1]
    assert [step.tested.fills for step in cold.steps if step.tested] == [0, 0]
    step = warm.steps[1]
    by_hand = spec_of(
        RuleSettings(rule="Above", parameters={"length": step.choice["parameters.length"]}),
        timeframe="1h",
        begin_ms=step.window.split_ms,
        end_ms=step.window.end_ms,
    )
    run = run_backtest(by_hand, {SYMBOL: HOURS}, INSTRUMENTS, Extras(find_rule=find))
    assert step.tested == figures_of(run)


@pytest.mark.usefixtures("hourly")
def test_runs_from_random_moments_are_warm_where_there_is_something_before(tmp_path: Path) -> None:
    series = HOURS.slice(1_200, len(HOURS))
    length_ms = 5 * 24 * HOUR_MS
    warm, cold = (
        run_start_times(scene_of(tmp_path / str(one), series, warm_up=one), starts=5, length_ms=length_ms, seed=2)
        for one in (True, False)
    )
    assert warm.gain.p95 > warm.gain.p5
    assert cold.gain.p95 == cold.gain.p5 == 0


def test_workers_map_what_was_before_with_the_candles() -> None:
    market = {SYMBOL: WHOLE.slice(3_000, 4_000, earlier_max=70)}
    with shared_candles(market) as folder:
        (found,) = open_candles(folder).values()
        assert (len(found), found.earlier) == (1_000, 70)
        assert np.array_equal(found.with_earlier(70).close, WHOLE.close[2_930:4_000])
    assert candles_key(market) != candles_key({SYMBOL: alone(market[SYMBOL])})


def test_a_run_says_how_far_it_looks_back() -> None:
    assert candles_before(spec_of(RuleSettings(rule="Above")), find) == {SYMBOL: 204}
    daily = to_settings({"type": "martingale", "conditions": {"up": "close > sma(close, 20, 1d)"}})
    # 20 days, the newest and the one before, one that runs, and one that may be seen in part.
    assert candles_before(spec_of(daily, timeframe="1h"), find) == {SYMBOL: 24 * 24}
    assert candles_before(spec_of(to_settings({"type": "martingale"})), find) == {SYMBOL: 0}


def test_whatever_is_tried_of_a_space_is_warm() -> None:
    space = Space((Axis("parameters.length", ("50", "700", "300")), Axis("leverage", ("1", "2"))))
    assert candles_before(spec_of(RuleSettings(rule="Above")), find, space) == {SYMBOL: 704}
    broken = Space((Axis("parameters.length", ("50", "many")),))
    assert candles_before(spec_of(RuleSettings(rule="Above")), find, broken) == {SYMBOL: 204}
