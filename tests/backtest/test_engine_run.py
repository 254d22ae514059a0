"""What stands around the engine: sweeps give what single runs give, and a rule that cheats is caught."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from fairlead.backtest.engine_run import EngineRun
from fairlead.backtest.look_ahead import check_look_ahead, draw_cuts
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.run import run_backtest
from fairlead.backtest.spec import BacktestSpec, BotSpec
from fairlead.backtest.sweeps.figures import figures_of
from fairlead.backtest.sweeps.ranking import Objective
from fairlead.backtest.sweeps.search import Plan
from fairlead.backtest.sweeps.space import Axis, Space
from fairlead.backtest.sweeps.sweep import Scene, run_sweep
from fairlead.backtest.sweeps.trials import spec_of
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.series import CandleSeries
from fairlead.rules import Answer, Condition, Rule, View, close, crosses_above, crosses_below, flat, in_base, long, sma
from tests.backtest.w2_reference import W2Terms
from tests.backtest.world import INSTRUMENTS, SYMBOL, w2_spec

MARKET: Final = {SYMBOL: generate_series(SYMBOL, candles=3_000, seed=5)}
SPACE: Final = Space((Axis("step", ("0.1", "0.2", "0.4")), Axis("take_profit", ("0.1", "0.3"))))
RULE: Final = BacktestSpec(
    bots=(BotSpec(name="cross", symbol=SYMBOL, settings=RuleSettings(rule="any:Cross")),), cash=Decimal(100_000)
)
# What a cheating rule looks at; whoever runs it puts the candles of that run here.
ALL_CLOSES: Final[list[float]] = []


class Cross(Rule):
    fast: int = 5
    slow: int = 20

    def conditions(self) -> Mapping[str, Condition]:
        fast, slow = sma(close, self.fast), sma(close, self.slow)
        return {"up": crosses_above(fast, slow), "down": crosses_below(fast, slow)}

    def decide(self, view: View) -> Answer:
        if view.began("up"):
            return long(in_base("0.1"))
        return flat() if view.began("down") else None


class Clairvoyant(Cross):
    def decide(self, view: View) -> Answer:
        last = Decimal(str(ALL_CLOSES[-1]))
        if view.began("up") and view.price < last:
            return long(in_base("0.1"))
        return flat() if view.began("down") else None


class Remembering(Cross):
    def decide(self, view: View) -> Answer:
        ALL_CLOSES.append(0.0)
        return super().decide(view) if len(ALL_CLOSES) % 50 else flat()


class Showing(EngineRun):
    """Also shows every candle to whom it does not concern."""

    def __call__(
        self,
        spec: BacktestSpec,
        market: Mapping[str, CandleSeries],
        instruments: Mapping[str, Instrument],
        *,
        keep_orders: bool = False,
    ) -> BacktestResult:
        ALL_CLOSES[:] = market[SYMBOL].closes.tolist()
        return super().__call__(spec, market, instruments, keep_orders=keep_orders)


def test_a_sweep_on_many_processors_gives_what_single_runs_give(tmp_path: Path) -> None:
    spec = w2_spec(W2Terms())
    scene = Scene(spec=spec, market=MARKET, instruments=INSTRUMENTS, run=EngineRun(), folder=tmp_path, workers=2)
    found = run_sweep(scene, Plan(space=SPACE, objective=Objective("profit")))
    assert len(found.rows) == SPACE.total
    for row in found.rows:
        alone = run_backtest(spec_of(spec, SPACE, row.trial), MARKET, INSTRUMENTS)
        assert alone.fills
        assert row.figures == figures_of(alone)
        assert row.figures.fees == sum(fill.fee for fill in alone.fills)


@pytest.mark.parametrize(
    ("spec", "rule"),
    [(w2_spec(W2Terms(deviation=Decimal("0.001"), take_profit=Decimal("0.001"))), Cross), (RULE, Cross)],
)
def test_no_decision_of_a_rule_knows_the_future(spec: BacktestSpec, rule: type[Rule]) -> None:
    cuts = draw_cuts(MARKET, count=15, seed=2)
    found = check_look_ahead(spec, MARKET, INSTRUMENTS, EngineRun(find_rule=lambda _: rule), cuts=cuts)
    assert found.difference is None
    assert found.fills > 100


def test_a_rule_that_looks_at_candles_to_come_is_caught() -> None:
    cuts = draw_cuts(MARKET, count=15, seed=2)
    found = check_look_ahead(RULE, MARKET, INSTRUMENTS, Showing(find_rule=lambda _: Clairvoyant), cuts=cuts)
    assert found.difference
    assert 0 < found.difference.at_ms <= found.difference.cut_ms


def test_a_rule_that_remembers_something_between_runs_is_caught() -> None:
    found = check_look_ahead(RULE, MARKET, INSTRUMENTS, EngineRun(find_rule=lambda _: Remembering), cuts=())
    assert found.difference
    assert found.difference.cut_ms == 0


def test_what_a_series_needs_is_prepared_once_and_not_sent_along() -> None:
    run = EngineRun()
    first = run(w2_spec(W2Terms()), MARKET, INSTRUMENTS)
    again = run(w2_spec(W2Terms()), MARKET, INSTRUMENTS)
    assert list(first.fills) == list(again.fills)
    assert np.array_equal(first.equity.values, again.equity.values)
    state: dict[str, Any] = run.__getstate__()
    assert state["_searches"] == {}
