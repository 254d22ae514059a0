"""Rules that answer plain targets take a quick way: the same run, bit for bit, as the engine makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.backtest import run as running
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.spec import BacktestSpec, BotSpec, FeeCurrency, IntraBar, ReplayTerms
from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.market.candles.generate import generate_series
from fairlead.market.candles.series import CandleSeries
from fairlead.rules import (
    Answer,
    Condition,
    Rule,
    Series,
    View,
    close,
    crosses_above,
    ema,
    flat,
    in_base,
    in_quote,
    long,
    rsi,
    short,
    sma,
)
from tests.backtest.world import INSTRUMENTS, SYMBOL


class Cross(Rule):
    """Long while a fast mean is above a slow one."""

    def conditions(self) -> Mapping[str, Condition]:
        return {"above": sma(close, 3) > sma(close, 8)}

    def decide(self, view: View) -> Answer:
        if view.began("above"):
            return long(in_base("0.01"))
        return flat() if view.ended("above") else None


class Steps(Rule):
    """Buys more and sells some, by what it holds, what that cost, and how far the price is from a mean."""

    amount: Decimal = Decimal(150)

    def conditions(self) -> Mapping[str, Condition]:
        return {"low": rsi(close, 5) < 40, "high": rsi(close, 5) > 60, "day": close > ema(close, 4, "5m")}

    def values(self) -> Mapping[str, Series]:
        return {"mean": sma(close, 5, "3m")}

    def decide(self, view: View) -> Answer:
        if view.began("low"):
            return long(in_quote(self.amount + view.position * view.average))
        if view.holds("high") and view.price > view.values["mean"]:
            return long(in_base(view.position / 2)) if view.average < view.price else flat()
        return short(in_quote(10)) if view.ended("day") and not view.position else None


class Restless(Rule):
    """Wants something else whenever it is asked, also right after a fill."""

    def conditions(self) -> Mapping[str, Condition]:
        return {"up": crosses_above(close, sma(close, 4))}

    def decide(self, view: View) -> Answer:
        if view.position > Decimal("0.02"):
            return flat()
        return long(in_base(view.position + Decimal("0.0071"))) if view.holding or view.position else flat()


class Careful(Cross):
    """Has a stop, but only sometimes."""

    def decide(self, view: View) -> Answer:
        answer = super().decide(view)
        wants_stop = view.began("above") and int(view.price) % 3 == 0
        return long(in_base("0.01"), stop=view.price - 50) if wants_stop else answer


RULES: Final[Mapping[str, type[Rule]]] = {one.__name__: one for one in (Cross, Steps, Restless, Careful)}
FEES = st.sampled_from(["0", "0.0005", "0.001"]).map(Decimal)
TERMS = st.fixed_dictionaries(
    {
        "fees": FEES.map(lambda fee: FeeRates(spot_maker=fee, spot_taker=fee)),
        "fee_currency": st.sampled_from(FeeCurrency),
        "intra_bar": st.sampled_from([IntraBar.PESSIMISTIC, IntraBar.EXIT_FIRST]),
        "slippage": st.sampled_from(["0", "0.0003"]).map(Decimal),
    }
)


def replayed(
    name: str, series: CandleSeries, terms: ReplayTerms, cash: int, profile: str = "", *, by_engine: bool = False
) -> BacktestResult:
    bot = BotSpec(name="bot", symbol=SYMBOL, settings=RuleSettings(rule=name))
    spec = BacktestSpec(bots=(bot,), cash=Decimal(cash), terms=terms, risk_profile=profile)
    # Whoever wants to see how long orders rested gets the engine.
    return run_backtest(spec, {SYMBOL: series}, INSTRUMENTS, Extras(find_rule=RULES.__getitem__, keep_orders=by_engine))


@settings(max_examples=40)
@given(
    name=st.sampled_from(sorted(RULES)),
    chosen=TERMS,
    seed=st.integers(0, 500),
    cash=st.sampled_from([100_000, 700]),
    profile=st.sampled_from(["", "paper", "strict"]),
)
def test_it_is_the_run_of_the_engine_bit_for_bit(
    name: str, chosen: dict[str, Any], seed: int, cash: int, profile: str
) -> None:
    series = generate_series(SYMBOL, candles=240, seed=seed)
    series = series if seed % 2 else without_some(series)
    terms = ReplayTerms(**chosen)
    quick = replayed(name, series, terms, cash, profile)
    slow = replayed(name, series, terms, cash, profile, by_engine=True)
    assert list(quick.fills) == list(slow.fills)
    assert list(quick.deals) == list(slow.deals)
    assert list(quick.denials) == list(slow.denials)
    assert (quick.cash_end, quick.equity_end, quick.decisions) == (slow.cash_end, slow.equity_end, slow.decisions)
    assert np.array_equal(quick.equity.values, slow.equity.values)
    assert np.array_equal(quick.held_value, slow.held_value)


def without_some(series: CandleSeries) -> CandleSeries:
    """The same candles with gaps, so that bars close late or together."""
    kept = np.flatnonzero(np.arange(len(series)) % 37 > 6)
    prices = {name: getattr(series, name)[kept] for name in ("open", "high", "low", "close")}
    return CandleSeries(
        symbol=SYMBOL, timeframe="1m", tick=series.tick, opened_ms=series.opened_ms[kept], prices=prices
    )


@pytest.mark.parametrize("profile", ["", "paper"])
@pytest.mark.parametrize("name", ["Cross", "Steps", "Restless"])
def test_plain_targets_need_no_engine(name: str, profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(running, "BotReplay")
    series = generate_series(SYMBOL, candles=400, seed=1)
    assert len(replayed(name, series, ReplayTerms(), 100_000, profile).fills) > 10


def test_a_rule_that_wants_a_stop_gets_the_engine() -> None:
    series = generate_series(SYMBOL, candles=400, seed=1)
    quick = replayed("Careful", series, ReplayTerms(), 100_000)
    assert list(quick.fills) == list(replayed("Careful", series, ReplayTerms(), 100_000, by_engine=True).fills)
