"""The nouns of what an account may still lose: periods, the peak, and the limits that were reached."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.money import ZERO
from fairlead.core.model.risk import TradingState


class PeriodKind(StrEnum):
    """A span of local time whose losses are counted from its first instant."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class LossStep(StrEnum):
    """A rung of the ladder, mildest first within its span."""

    DAY_REDUCE = "day_reduce"
    DAY_HALT = "day_halt"
    WEEK_HALVE = "week_halve"
    MONTH_HALT = "month_halt"
    DRAWDOWN_REDUCE = "drawdown_reduce"
    DRAWDOWN_HALT = "drawdown_halt"


class LossLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Losses as positive fractions of equity; ``None`` sets no limit.

    ``day_reduce`` allows only reducing orders until the next local day; ``day_halt`` and ``month_halt`` stop all until
    a person resumes; ``week_halve`` halves sizes until the next local week. The drawdown ones count from the peak:
    sizes shrink in a line from 1 at ``drawdown_taper`` to a quarter at ``drawdown_reduce``, and are halved at least
    from ``drawdown_halve`` on; ``drawdown_reduce`` and ``drawdown_halt`` stay until a person resumes. With
    ``halt_flattens`` a halt also closes what is held.
    """

    day_reduce: Decimal | None = None
    day_halt: Decimal | None = None
    week_halve: Decimal | None = None
    month_halt: Decimal | None = None
    drawdown_taper: Decimal | None = None
    drawdown_halve: Decimal | None = None
    drawdown_reduce: Decimal | None = None
    drawdown_halt: Decimal | None = None
    halt_flattens: bool = False


class LossPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """A day, week or month of the user's time zone: UTC milliseconds, ``end_ms`` excluded; money in USD.

    ``transfers`` is what came in (positive) or went out since: neither a profit nor a loss.
    """

    kind: PeriodKind
    start_ms: int
    end_ms: int
    start_equity: Decimal
    transfers: Decimal = ZERO


class LossLatch(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that was reached, with its numbers; ``until_ms`` 0 means until a person resumes."""

    step: LossStep
    loss: Decimal
    limit: Decimal
    at_ms: int
    until_ms: int = 0


class LossState(msgspec.Struct, frozen=True, kw_only=True):
    """What must outlive a restart: the running periods, the peak equity in USD, and the latches."""

    periods: tuple[LossPeriod, ...] = ()
    peak_equity: Decimal = ZERO
    latches: tuple[LossLatch, ...] = ()


class PeriodStarted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A local day, week or month began."""

    period: LossPeriod


class PeakMoved(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Equity rose clearly above its highest so far."""

    peak_equity: Decimal


class LimitReached(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A limit was reached and holds until its latch says."""

    latch: LossLatch


class LimitLifted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person resumed: from now on losses are counted from ``equity``."""

    step: LossStep
    equity: Decimal


LossChange = PeriodStarted | PeakMoved | LimitReached | LimitLifted


class LossStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What the ladder allows at one moment, and the losses so far as fractions; None while they cannot be told.

    ``size_factor`` multiplies the size of whatever adds risk.
    """

    trading_state: TradingState = TradingState.ACTIVE
    size_factor: Decimal = Decimal(1)
    latches: tuple[LossLatch, ...] = ()
    day_loss: Decimal | None = None
    week_loss: Decimal | None = None
    month_loss: Decimal | None = None
    drawdown: Decimal | None = None
