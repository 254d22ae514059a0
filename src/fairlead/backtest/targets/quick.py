"""The quick way through a run of a rule that somebody wrote: one bot on its own account that answers plain targets."""

from __future__ import annotations

from fairlead.backtest.account import ReplayAccount
from fairlead.backtest.checks.risk_gate import RiskGate
from fairlead.backtest.schedule import Schedule
from fairlead.backtest.spec import BacktestSpec, IntraBar
from fairlead.backtest.targets.target_gate import TargetGate
from fairlead.backtest.targets.target_run import NeedsEngineError, TargetRun
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.rules.bots.rules import FindRule
from fairlead.market.candles.series import CandleSeries


def takes_targets(spec: BacktestSpec, instrument: Instrument) -> bool:
    """Whether the one bot of a run may be replayed so, as far as that is known before its rule answers.

    Contracts have funding and margin; latency and paths within candles are for the engine.
    """
    terms = spec.terms
    is_rule = isinstance(spec.bots[0].settings, RuleSettings)
    return is_rule and instrument.is_spot and not terms.latency_ms and terms.intra_bar is not IntraBar.PATH


def quick_targets(
    spec: BacktestSpec,
    series: CandleSeries,
    instrument: Instrument,
    schedule: Schedule,
    find_rule: FindRule,
    gate: RiskGate | None = None,
) -> TargetRun | None:
    """Replay a bot that ``takes_targets``; None: it is for the engine, as it is where a check of ``gate`` may deny."""
    settings = spec.bots[0].settings
    assert isinstance(settings, RuleSettings), settings
    rule = find_rule(settings.rule)(settings.parameters)
    run = TargetRun(rule, instrument, series, ReplayAccount(spec.cash, spec.terms))
    try:
        run.run(schedule, TargetGate(gate, instrument).admits)
    except NeedsEngineError:
        return None
    return run
