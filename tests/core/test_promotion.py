from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from fairlead.accounts.promotion import built_in_stages, parse_stages
from fairlead.core.model.account import ExecutionMode
from fairlead.core.model.stage import Measure, StageName
from fairlead.core.rules.promotion import describe_finding, judge, sharpe_error, stage_of

D = Decimal
PAPER = built_in_stages()[StageName.PAPER]
ENOUGH = {
    Measure.DAYS_IN_STAGE: D(14),
    Measure.SHARPE: D("1.51"),
    Measure.DRAWDOWN: D("0.049"),
    Measure.WIN_RATE: D("0.551"),
    Measure.KILL_SWITCH_TESTED: D(1),
    Measure.MANUAL_APPROVAL: D(1),
    Measure.BACKTEST_MONTHS: D(6),
    Measure.RECOVERY_TESTED: D(1),
    Measure.SECURITY_AUDITED: D(1),
}


def test_every_stage_is_there_and_leads_to_the_next() -> None:
    stages = built_in_stages()
    assert set(stages) == set(StageName)
    assert [stage.next_stage for stage in stages.values()] == [*list(StageName)[1:], None]
    assert stages[StageName.LIVE_START].limits.position_equity_share_max == D("0.0025")


def test_whoever_meets_everything_may_go_on() -> None:
    assert all(finding.is_met for finding in judge(PAPER, ENOUGH))


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        (Measure.DAYS_IN_STAGE, "13.99"),
        (Measure.SHARPE, "1.5"),
        (Measure.DRAWDOWN, "0.05"),
        (Measure.WIN_RATE, "0.55"),
        (Measure.MANUAL_APPROVAL, "0"),
    ],
)
def test_a_condition_at_its_boundary_is_exact(measure: Measure, value: str) -> None:
    unmet = [one.condition.measure for one in judge(PAPER, ENOUGH | {measure: D(value)}) if not one.is_met]
    assert unmet == [measure]


@pytest.mark.parametrize("measure", list(ENOUGH))
def test_what_nobody_measured_is_unmet(measure: Measure) -> None:
    record = {name: value for name, value in ENOUGH.items() if name is not measure}
    (unmet,) = [one for one in judge(PAPER, record) if not one.is_met]
    assert unmet.condition.measure is measure
    assert "not measured yet" in describe_finding(unmet, record)


def test_a_sharpe_ratio_comes_with_its_standard_error() -> None:
    assert [sharpe_error(D(days)).quantize(D("0.1")) for days in (7, 14)] == [D("7.2"), D("5.1")]
    sharpe = next(one for one in judge(PAPER, ENOUGH) if one.condition.measure is Measure.SHARPE)
    assert describe_finding(sharpe, ENOUGH) == "met: sharpe above 1.5, is 1.51 (standard error about 5.1)"


def test_a_wrong_stage_file_is_refused() -> None:
    for text in ("[moon]\n", "[paper]\nlimit = 1\n", '[paper]\nconditions = [{measure = "luck"}]\n'):
        with pytest.raises(msgspec.ValidationError):
            parse_stages(text)


def test_every_mode_has_a_stage() -> None:
    assert {stage_of(mode) for mode in ExecutionMode} == {StageName.DEMO, StageName.PAPER, StageName.LIVE_START}
