"""The quick way through a run: one plain ladder on its own account, replayed in whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial

import msgspec
import numpy as np

from fairlead.backtest.checks.ladder_proof import Terms, prove_ladder
from fairlead.backtest.checks.risk_gate import RiskGate
from fairlead.backtest.curves import hold_curve, trace_curves
from fairlead.backtest.ladders.compiled_run import run_compiled
from fairlead.backtest.ladders.fill_log import COLUMNS, LadderDeals, LadderFills, LadderLog, segments_of
from fairlead.backtest.ladders.ladder_gate import LadderGate
from fairlead.backtest.ladders.ladder_holding import CoinHolding, Holding, WholeHolding
from fairlead.backtest.ladders.ladder_plan import LadderPlan, plan_ladder
from fairlead.backtest.ladders.ladder_run import ALWAYS, LadderRun, MayHang, NotPlainError
from fairlead.backtest.result import BacktestResult, Curve
from fairlead.backtest.search import CompiledSearch, Search
from fairlead.backtest.spec import BacktestSpec, BotSpec, FeeCurrency, IntraBar
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.rules.bots.rules import closing_fee
from fairlead.market.candles.series import CandleSeries


class Replayed(msgspec.Struct, frozen=True):
    """A run: its fills, the cash that they moved and the fees, in the plan's units, and what is held at the end."""

    fills: LadderFills
    moved: int
    fee: int
    worth: Decimal
    decisions: int


class Task(msgspec.Struct, frozen=True):
    """What is replayed."""

    spec: BacktestSpec
    settings: MartingaleSettings
    plan: LadderPlan
    series: CandleSeries
    instrument: Instrument

    @property
    def cash(self) -> int:
        """What there is at the beginning, in the plan's unit, rounded down."""
        return int(self.spec.cash // self.plan.value_unit)

    @property
    def exit_first(self) -> bool:
        """What a candle fills that reaches both."""
        return self.spec.terms.intra_bar is IntraBar.EXIT_FIRST

    @property
    def in_coin(self) -> bool:
        """Whether entries pay their fee in the coin."""
        pays = bool(self.plan.maker or self.plan.taker)
        return pays and self.spec.terms.fee_currency is FeeCurrency.RECEIVED

    def fills(self, rows: object) -> LadderFills:
        """What a run did, from rows of any kind.

        Raises:
            NotPlainError: a quantity has more lots than 64 bits tell.
        """
        try:
            columns = np.asarray(rows, dtype=np.int64).reshape(-1, COLUMNS)
        except OverflowError as error:
            raise NotPlainError from error
        return LadderFills(LadderLog(self.plan, self.series, self.instrument, self.in_coin, columns))


def quick_backtest(
    spec: BacktestSpec,
    market: Mapping[str, CandleSeries],
    instruments: Mapping[str, Instrument],
    searches: Mapping[str, Search],
    gate: RiskGate | None = None,
) -> BacktestResult | None:
    """Replay the one bot of a run; None: it is for the rule itself, as it is where a check of ``gate`` may deny."""
    bot = spec.bots[0]
    task = _plan(spec, bot, market[bot.symbol], instruments[bot.symbol])
    if task is None:
        return None
    judge = None
    if gate is not None:
        about = Terms(task.settings, task.instrument, spec.terms.fees, task.series.tick, task.plan.value_unit)
        proof = prove_ladder(gate.room_of(0), about)
        if proof is None:
            return None
        judge = LadderGate(gate, proof, about, task.plan, task.series, spec.cash)
    search = searches[bot.symbol]
    try:
        return _result(task, _run_compiled(task, search, judge) or _run_plain(task, search, judge))
    except NotPlainError:
        return None


def _plan(spec: BacktestSpec, bot: BotSpec, series: CandleSeries, instrument: Instrument) -> Task | None:
    plan = plan_ladder(bot.settings, spec.terms, instrument, series.tick)
    if plan is None or not isinstance(bot.settings, MartingaleSettings):
        return None
    return Task(spec, bot.settings, plan, series, instrument)


def _run_compiled(task: Task, search: Search, judge: LadderGate | None) -> Replayed | None:
    """Replay it compiled; None where that is not to be had, or takes more than numbers of 64 bits."""
    if task.in_coin or not isinstance(search, CompiledSearch):
        return None
    plan, series = task.plan, task.series
    climbed = run_compiled(plan, series, search, task.cash, exit_first=task.exit_first)
    if climbed is None:
        return None
    fills = task.fills(climbed.rows)
    if judge is not None and not judge.admits_all(fills.columns):
        raise NotPlainError
    worth = climbed.lots * int(series.close[-1]) * plan.value_unit
    return Replayed(fills, climbed.moved, climbed.fee, worth, climbed.decisions)


def _run_plain(task: Task, search: Search, judge: LadderGate | None) -> Replayed:
    plan, series, instrument = task.plan, task.series, task.instrument
    holding: Holding = WholeHolding(plan)
    if task.in_coin:
        rate = closing_fee(instrument, task.spec.terms.fees)
        holding = CoinHolding(plan, task.settings, instrument, series.tick, rate)
    run = LadderRun(plan, series, holding, search, task.cash)
    may_hang: MayHang = ALWAYS if judge is None else partial(judge.admits, run, in_coin=task.in_coin)
    run.run(exit_first=task.exit_first, may_hang=may_hang)
    return Replayed(task.fills(run.rows), run.moved, holding.fee, holding.worth(int(series.close[-1])), run.decisions)


def _result(task: Task, replayed: Replayed) -> BacktestResult:
    spec, series, plan = task.spec, task.series, task.plan
    fills = replayed.fills
    equity, held = trace_curves(series, segments_of(fills), cash=float(spec.cash))
    cash = spec.cash + (replayed.moved - Decimal(replayed.fee) / plan.fee_scale) * plan.value_unit
    return BacktestResult(
        spec=spec,
        candles=len(series),
        begin_ms=series.begin_ms,
        end_ms=series.end_ms,
        missing=series.missing,
        fills=fills,
        deals=LadderDeals(fills),
        equity=Curve(series.closed_ms, equity),
        held_value=held,
        make_hold=partial(hold_curve, float(spec.cash), [series], series.closed_ms),
        cash_end=cash,
        equity_end=cash + replayed.worth,
        decisions=replayed.decisions,
    )
