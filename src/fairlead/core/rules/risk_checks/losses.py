"""What the loss ladder still allows: the losses of the day, the week and the month, and the distance to the peak."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple

from fairlead.core.model.loss import LossStep
from fairlead.core.model.money import HUNDRED
from fairlead.core.model.risk import CheckCode, ReasonCode, RiskCheck
from fairlead.core.rules.risk_checks.facts import NO_LIMIT, Facts, Numbers, denied, measured, skipped

RESUME: Final = "until a person resumes"


class _Span(NamedTuple):
    """What is asked about one span of time, and the steps of the ladder that forbid new risk in it."""

    code: CheckCode
    reason_code: ReasonCode
    name: str
    steps: frozenset[LossStep]


_DAY: Final = _Span(
    CheckCode.DAY_LOSS,
    ReasonCode.DRAWDOWN_DAILY,
    "today",
    frozenset({LossStep.DAY_REDUCE, LossStep.DAY_HALT}),
)
_MONTH: Final = _Span(CheckCode.DD, ReasonCode.DRAWDOWN_MONTHLY, "this month", frozenset({LossStep.MONTH_HALT}))
_PEAK: Final = _Span(
    CheckCode.DD,
    ReasonCode.DRAWDOWN_LIMIT,
    "since the peak",
    frozenset({LossStep.DRAWDOWN_REDUCE, LossStep.DRAWDOWN_HALT}),
)


def check_day_loss(facts: Facts) -> RiskCheck:
    """What the account has lost of its equity since its user's midnight, or a limit of today that was reached."""
    limits = facts.limits
    return _judge(facts, _DAY, facts.view.losses.day_loss, (limits.day_loss_reduce, limits.day_loss_halt))


def check_week_loss(facts: Facts) -> RiskCheck:
    """What the account has lost since Monday: it halves sizes and refuses nothing, unless nobody can tell."""
    limit, loss = facts.limits.week_loss_halve, facts.view.losses.week_loss
    if limit is None:
        return skipped(CheckCode.WEEK_LOSS, NO_LIMIT)
    if loss is None:
        return denied(CheckCode.WEEK_LOSS, ReasonCode.EQUITY_UNKNOWN)
    is_halved = any(latch.step is LossStep.WEEK_HALVE for latch in facts.view.losses.latches)
    numbers = Numbers(loss * HUNDRED, limit * HUNDRED, "%", "this week" + (", sizes are halved" if is_halved else ""))
    return measured(CheckCode.WEEK_LOSS, ReasonCode.NONE, numbers, is_denied=False)


def check_month_loss(facts: Facts) -> RiskCheck:
    """What the account has lost since the first of its user's month."""
    return _judge(facts, _MONTH, facts.view.losses.month_loss, (facts.limits.month_loss_halt,))


def check_drawdown(facts: Facts) -> RiskCheck:
    """How far the account is below its peak, with transfers taken out."""
    limits = facts.limits
    return _judge(facts, _PEAK, facts.view.losses.drawdown, (limits.drawdown_reduce, limits.drawdown_halt))


def _judge(facts: Facts, span: _Span, loss: Decimal | None, limits: Iterable[Decimal | None]) -> RiskCheck:
    # What was reached stays reached, whatever the price does and whichever profile asks.
    for latch in facts.view.losses.latches:
        if latch.step in span.steps:
            detail = f"{span.name}; {RESUME if not latch.until_ms else 'until the next local day'}"
            numbers = Numbers(latch.loss * HUNDRED, latch.limit * HUNDRED, "%", detail)
            return measured(span.code, span.reason_code, numbers, is_denied=True)
    limit = min((one for one in limits if one is not None), default=None)
    if limit is None:
        return skipped(span.code, NO_LIMIT)
    if loss is None:
        return denied(span.code, ReasonCode.EQUITY_UNKNOWN)
    numbers = Numbers(loss * HUNDRED, limit * HUNDRED, "%", span.name)
    return measured(span.code, span.reason_code, numbers, is_denied=loss >= limit)
