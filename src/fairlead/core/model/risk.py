"""The nouns of the risk engine: limits, checks with their numbers, verdicts."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


class CheckCode(StrEnum):
    """Closed set of risk checks (risk-engine.md 3)."""

    KILL = "KILL"
    STATE = "STATE"
    STALE_DATA = "STALE_DATA"
    STALE_SIGNAL = "STALE_SIGNAL"
    DUP = "DUP"
    SIZE = "SIZE"
    BALANCE = "BALANCE"
    MAX_ORDER = "MAX_ORDER"
    COLLAR = "COLLAR"
    RATE = "RATE"
    POS = "POS"
    GROSS = "GROSS"
    NET = "NET"
    LEV = "LEV"
    LIQ_DIST = "LIQ_DIST"
    MAX_OPEN = "MAX_OPEN"
    SELF_MATCH = "SELF_MATCH"
    STOP_SIDE = "STOP_SIDE"


class CheckOutcome(StrEnum):
    """What one check said; ``skipped`` names why in ``detail``."""

    PASS = "pass"
    DENY = "deny"
    SKIPPED = "skipped"


class RiskCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One check with its numbers: denied when ``value`` is beyond ``limit``, both in ``unit``."""

    code: CheckCode
    outcome: CheckOutcome
    reason_code: str
    value: Decimal | None = None
    limit: Decimal | None = None
    unit: str = ""
    detail: str = ""


class RiskVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of one order, and the profile and version whose limits were used."""

    order_id: str
    approved: bool
    profile: str
    checks: tuple[RiskCheck, ...]

    @property
    def denials(self) -> tuple[RiskCheck, ...]:
        """The checks that said no."""
        return tuple(check for check in self.checks if check.outcome is CheckOutcome.DENY)


class TradingState(StrEnum):
    """What an account may do."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds; ``None`` leaves one to a wider scope. Fractions of equity unless the name says another unit."""

    order_notional_max_usd: Decimal | None = None
    order_equity_share_max: Decimal | None = None
    price_collar: Decimal | None = None
    quote_age_max_ms: int | None = None
    signal_age_max_ms: int | None = None
    duplicate_window_ms: int | None = None
    orders_per_second_max: Decimal | None = None
    orders_burst_max: Decimal | None = None
    orders_per_minute_per_symbol_max: int | None = None
    position_equity_share_max_spot: Decimal | None = None
    position_equity_share_max_perpetual: Decimal | None = None
    gross_exposure_max: Decimal | None = None
    net_exposure_max: Decimal | None = None
    leverage_max: Decimal | None = None
    liquidation_distance_min: Decimal | None = None
    open_positions_max: int | None = None
    open_orders_max: int | None = None


class RiskProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Named limits as data; sources and accounts name a profile."""

    name: str
    version: int
    description: str
    limits: RiskLimits
