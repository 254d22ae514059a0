"""The quick way through a run: one plain ladder on its own account, replayed in whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fairlead.backtest.checks.ladder_proof import Terms
from fairlead.backtest.checks.risk_gate import RiskGate
from fairlead.backtest.curves import hold_curve, trace_curves
from fairlead.backtest.ladders.fill_log import LadderDeals, LadderFills, LadderLog, segments_of
from fairlead.backtest.ladders.ladder_gate import LadderGate
from fairlead.backtest.ladders.ladder_holding import CoinHolding, Holding, WholeHolding
from fairlead.backtest.ladders.ladder_plan import plan_ladder
from fairlead.backtest.ladders.ladder_run import ALWAYS, LadderRun, NotPlainError
from fairlead.backtest.result import BacktestResult, Curve
from fairlead.backtest.search import Search
from fairlead.backtest.spec import BacktestSpec, FeeCurrency, IntraBar
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.rules.bots.rules import closing_fee
from fairlead.market.candles.series import CandleSeries


def quick_backtest(
    spec: BacktestSpec,
    market: Mapping[str, CandleSeries],
    instruments: Mapping[str, Instrument],
    searches: Mapping[str, Search],
    gate: RiskGate | None = None,
) -> BacktestResult | None:
    """Replay the one bot of a run; None: it is for the rule itself, as it is where a check of ``gate`` may deny."""
    bot, terms = spec.bots[0], spec.terms
    series, instrument = market[bot.symbol], instruments[bot.symbol]
    plan = plan_ladder(bot.settings, terms, instrument, series.tick)
    if plan is None or not isinstance(bot.settings, MartingaleSettings):
        return None
    in_coin = terms.fee_currency is FeeCurrency.RECEIVED and bool(plan.maker or plan.taker)
    holding: Holding = WholeHolding(plan)
    if in_coin:
        holding = CoinHolding(plan, bot.settings, instrument, series.tick, closing_fee(instrument, terms.fees))
    log = LadderLog(plan, series, instrument, in_coin, [])
    run = LadderRun(log, holding, searches[bot.symbol], int(spec.cash // plan.value_unit))
    may_hang = ALWAYS
    if gate is not None:
        about = Terms(bot.settings, instrument, terms.fees, series.tick, plan.value_unit)
        may_hang = LadderGate(gate, about, run, spec.cash).admits
    try:
        run.run(exit_first=terms.intra_bar is IntraBar.EXIT_FIRST, may_hang=may_hang)
    except NotPlainError:
        return None
    return _result(spec, run)


def _result(spec: BacktestSpec, run: LadderRun) -> BacktestResult:
    log, series = run.log, run.log.series
    curves = trace_curves(series, segments_of(log))
    curves[0] += float(spec.cash)
    fills = LadderFills(log)
    cash = spec.cash + (run.moved - Decimal(run.holding.fee) / log.plan.fee_scale) * log.plan.value_unit
    return BacktestResult(
        spec=spec,
        candles=len(series),
        begin_ms=series.begin_ms,
        end_ms=series.end_ms,
        missing=series.missing,
        fills=fills,
        deals=LadderDeals(fills),
        equity=Curve(series.closed_ms, curves[0]),
        held_value=curves[1],
        hold=hold_curve(float(spec.cash), [series], series.closed_ms),
        cash_end=cash,
        equity_end=cash + run.holding.worth(int(series.close[-1])),
        decisions=run.decisions,
    )
