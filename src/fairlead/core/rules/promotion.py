"""May an account go on to its next stage? Every condition is judged and shown with its number."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from fairlead.core.model.account import ExecutionMode
from fairlead.core.model.money import ZERO, format_amount
from fairlead.core.model.stage import Bound, Finding, Measure, Stage, StageCondition, StageName

DAYS_A_YEAR: Final = Decimal(365)
_SHOWN: Final = Decimal("0.0001")
_SHOWN_ERROR: Final = Decimal("0.1")
_STAGES: Final[Mapping[ExecutionMode, StageName]] = {
    ExecutionMode.DEMO: StageName.DEMO,
    ExecutionMode.PAPER: StageName.PAPER,
    ExecutionMode.DRY_RUN: StageName.PAPER,
    ExecutionMode.LIVE: StageName.LIVE_START,
}


def stage_of(mode: ExecutionMode) -> StageName:
    """The stage that a mode begins in."""
    return _STAGES[mode]


def judge(stage: Stage, record: Mapping[Measure, Decimal]) -> tuple[Finding, ...]:
    """Compare every condition with what was measured; what was not is unmet."""
    return tuple(_find(condition, record.get(condition.measure)) for condition in stage.conditions)


def describe_finding(finding: Finding, record: Mapping[Measure, Decimal]) -> str:
    """One line for people; a Sharpe ratio comes with its standard error, which a few days make large."""
    condition = finding.condition
    wanted = (
        f"{condition.measure.replace('_', ' ')} {condition.bound.replace('_', ' ')} {format_amount(condition.limit)}"
    )
    found = "not measured yet" if finding.value is None else f"is {format_amount(finding.value.quantize(_SHOWN))}"
    error = ""
    days = record.get(Measure.DAYS_IN_STAGE, ZERO)
    if condition.measure is Measure.SHARPE and days > ZERO:
        error = f" (standard error about {format_amount(sharpe_error(days).quantize(_SHOWN_ERROR))})"
    return f"{'met' if finding.is_met else 'unmet'}: {wanted}, {found}{error}"


def sharpe_error(days: Decimal) -> Decimal:
    """Standard error of an annualised Sharpe ratio of so many days: sqrt(365 / n), if daily ratios are small."""
    return (DAYS_A_YEAR / days).sqrt()


def _find(condition: StageCondition, value: Decimal | None) -> Finding:
    is_met = value is not None and _holds(condition.bound, value, condition.limit)
    return Finding(condition=condition, value=value, is_met=is_met)


def _holds(bound: Bound, value: Decimal, limit: Decimal) -> bool:
    match bound:
        case Bound.AT_LEAST:
            return value >= limit
        case Bound.ABOVE:
            return value > limit
        case Bound.BELOW:
            return value < limit
