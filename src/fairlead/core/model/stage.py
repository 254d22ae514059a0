"""The nouns of promotion: stages of an account, what must be true before the next one, and what was found."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


class StageName(StrEnum):
    """How far an account has come, from pretend money to all of it."""

    DEMO = "demo"
    PAPER = "paper"
    LIVE_START = "live_start"
    LIVE_FULL = "live_full"


class Measure(StrEnum):
    """What a condition looks at; yes and no are 1 and 0, shares are fractions, Sharpe ratios are annualised."""

    DAYS_IN_STAGE = "days_in_stage"
    TRADES = "trades"
    EVENTS_REPLAYED = "events_replayed"
    SHARPE = "sharpe"
    BACKTEST_SHARPE = "backtest_sharpe"
    BACKTEST_MONTHS = "backtest_months"
    DRAWDOWN = "drawdown"
    WIN_RATE = "win_rate"
    KILL_SWITCH_TESTED = "kill_switch_tested"
    MANUAL_APPROVAL = "manual_approval"
    RECOVERY_TESTED = "recovery_tested"
    SECURITY_AUDITED = "security_audited"


class Bound(StrEnum):
    """How a value is compared with its limit."""

    AT_LEAST = "at_least"
    ABOVE = "above"
    BELOW = "below"


class StageCondition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that must be true."""

    measure: Measure
    bound: Bound
    limit: Decimal


class StageLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account may do in a stage; fractions of equity unless the name says another unit."""

    position_equity_share_max: Decimal
    day_loss_max: Decimal
    leverage_max: Decimal
    open_positions_max: int
    slippage: Decimal = Decimal(0)


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stage, its limits, and what leads to ``next_stage``; None after the last."""

    limits: StageLimits
    next_stage: StageName | None = None
    conditions: tuple[StageCondition, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A condition and what was found: ``value`` is None when nobody has measured it, which is unmet."""

    condition: StageCondition
    value: Decimal | None
    is_met: bool
