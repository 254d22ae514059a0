# ruff: noqa: INP001 (run as the other engines are)
"""The workloads in Fairlead: the martingale is the rule that trades live, with the risk checks of a paper account.

Beyond the task the command line may say ``unchecked`` (no risk profile) or ``without-numba`` (as if it were not
installed). A run has fills, deals, equity of each candle, drawdown and the
statistics; what is prepared once for all runs on the same candles is not in its time.
"""

from __future__ import annotations

import tempfile
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import numpy as np
import outcome

from fairlead.backtest.measures.statistics import statistics_of
from fairlead.backtest.result import BacktestResult
from fairlead.backtest.run import Extras, run_backtest
from fairlead.backtest.search import make_search
from fairlead.backtest.spec import BacktestSpec, BotSpec, FeeCurrency, IntraBar, ReplayTerms
from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.martingale import MartingaleSettings, PriceRounding, TakeProfitStep
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.request import Size, SizeUnit
from fairlead.market.candles.series import CandleSeries
from fairlead.wiring.rule_files import RuleFiles

SYMBOL = "BTC-USDT"
HUNDRED = Size(amount=Decimal(100), unit=SizeUnit.QUOTE)
CROSS = """
from decimal import Decimal
from fairlead.rules import Rule, close, crosses_above, crosses_below, flat, in_base, long, sma


class SmaCross(Rule):
    timeframe: str = "1m"

    def conditions(self):
        return {"above": sma(close, 50) > sma(close, 200)}

    def decide(self, view):
        if view.began("above"):
            return long(in_base(Decimal("0.01")))
        return flat() if view.ended("above") else None
"""


def make_series(task: outcome.Task) -> CandleSeries:
    """The candles, in ticks of a cent."""
    prices = {name: np.rint(task.columns[name] * 100).astype(np.int64) for name in ("open", "high", "low", "close")}
    return CandleSeries(
        symbol=SYMBOL, timeframe="1m", tick=Decimal("0.01"), opened_ms=task.columns["opened_ms"], prices=prices
    )


def make_instrument() -> Instrument:
    """Ticks of a cent, lots of a millionth."""
    return Instrument(
        symbol=SYMBOL,
        kind=InstrumentKind.SPOT,
        base_currency="BTC",
        quote_currency="USDT",
        settle_currency="USDT",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.000001"),
        quantity_min=Decimal("0.000001"),
        limit_quantity_max=Decimal(9_000),
        market_quantity_max=Decimal(9_000),
    )


def make_spec(workload: str, variant: str) -> BacktestSpec:
    """The run as a user would describe it."""
    is_cross, is_active = workload == "W1", workload == outcome.ACTIVE
    settings: MartingaleSettings | RuleSettings = RuleSettings(rule="cross:SmaCross")
    if not is_cross:
        percent = Decimal(str(outcome.ACTIVE_GAIN if is_active else outcome.GAIN)) * 100
        settings = MartingaleSettings(
            base_order=HUNDRED,
            safety_order=HUNDRED,
            max_safety_orders=outcome.SAFETY_ORDERS,
            active_safety_orders=outcome.SAFETY_ORDERS,
            step=Decimal(str(outcome.ACTIVE_STEP if is_active else outcome.STEP)) * 100,
            step_scale=Decimal(str(outcome.ACTIVE_SCALE if is_active else outcome.SCALE)),
            volume_scale=Decimal("1.5"),
            take_profit=(TakeProfitStep(percent=percent),),
            take_profit_after_fees=False,
            price_rounding=PriceRounding.NEAREST,
        )
    fee = Decimal(str(outcome.CROSS_FEE if is_cross else outcome.FEE))
    terms = ReplayTerms(
        fees=FeeRates(spot_maker=fee, spot_taker=fee),
        fee_currency=FeeCurrency.QUOTE,
        intra_bar=IntraBar.EXIT_FIRST,
    )
    return BacktestSpec(
        bots=(BotSpec(name="bench", symbol=SYMBOL, settings=settings),),
        cash=Decimal(str(outcome.cash_of(workload))),
        terms=terms,
        risk_profile="" if variant == "unchecked" else "paper",
    )


def describe(result: BacktestResult) -> outcome.Outcome:
    """What came of a run, to be compared."""
    sales = sum(not fill.is_buy for fill in result.fills)
    return outcome.Outcome(len(result.fills), sales, float(result.fees), float(result.equity_end))


def main() -> None:
    """Do the task."""
    task, variant = outcome.read_task(), outcome.variant()
    spec, market, instruments = (
        make_spec(task.workload, variant),
        {SYMBOL: make_series(task)},
        {SYMBOL: make_instrument()},
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cross.py").write_text(CROSS)
        # Prepared once for a data set, as a sweep does.
        searches = {SYMBOL: make_search(market[SYMBOL])}
        extras = Extras(find_rule=RuleFiles(Path(folder)).find, searches=searches)

        def run() -> BacktestResult:
            result = run_backtest(spec, market, instruments, extras)
            statistics_of(result)
            return result

        outcome.measure("Fairlead", version("fairlead"), task, run, variant, describe)


if __name__ == "__main__":
    main()
