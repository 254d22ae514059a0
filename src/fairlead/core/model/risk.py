"""The nouns of the risk engine: limits, checks with their numbers, verdicts."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

ONLY_REDUCES: Final = "the order only reduces"
"""What a check that was skipped for that reason says."""


class CheckCode(StrEnum):
    """Closed set of risk checks, in the order in which they are reported (docs/decisions/0003)."""

    KILL = "KILL"
    STATE = "STATE"
    SIZE = "SIZE"
    BALANCE = "BALANCE"
    STOP_SIDE = "STOP_SIDE"
    STALE_DATA = "STALE_DATA"
    STALE_SIGNAL = "STALE_SIGNAL"
    DUP = "DUP"
    RATE = "RATE"
    MAX_ORDER = "MAX_ORDER"
    COLLAR = "COLLAR"
    SELF_MATCH = "SELF_MATCH"
    POS = "POS"
    GROSS = "GROSS"
    NET = "NET"
    LEV = "LEV"
    LIQ_DIST = "LIQ_DIST"
    MAX_OPEN = "MAX_OPEN"
    DAY_LOSS = "DAY_LOSS"
    WEEK_LOSS = "WEEK_LOSS"
    DD = "DD"
    STREAK = "STREAK"
    COOLDOWN = "COOLDOWN"
    REPEAT = "REPEAT"
    FAT_FINGER = "FAT_FINGER"
    ADV = "ADV"
    CORR = "CORR"
    FUNDING = "FUNDING"
    SESSION = "SESSION"
    RECON = "RECON"
    EXPOSURE_USER = "EXPOSURE_USER"


class ReasonCode(StrEnum):
    """Why a check denied: stable words for programs and reports; ``NONE`` while it did not."""

    NONE = ""
    KILL_SWITCH_ACTIVE = "kill_switch_active"
    TRADING_HALTED = "trading_halted"
    ACCOUNT_REDUCING = "account_reducing"
    ACCOUNT_DISABLED = "account_disabled"
    QUOTE_MISSING = "quote_missing"
    QUOTE_STALE = "quote_stale"
    BOOK_CROSSED = "book_crossed"
    SIGNAL_STALE = "signal_stale"
    DUPLICATE_ORDER = "duplicate_order"
    ORDER_RATE = "order_rate"
    SYMBOL_ORDER_RATE = "symbol_order_rate"
    INSTRUMENT_UNKNOWN = "instrument_unknown"
    INSTRUMENT_SUSPENDED = "instrument_suspended"
    BELOW_MIN_SIZE = "below_min_size"
    ABOVE_MAX_SIZE = "above_max_size"
    OFF_LOT = "off_lot"
    OFF_TICK = "off_tick"
    BELOW_MIN_NOTIONAL = "below_min_notional"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    ORDER_NOTIONAL_LIMIT = "order_notional_limit"
    PRICE_OUTSIDE_COLLAR = "price_outside_collar"
    STOP_LOSS_SIDE = "stop_loss_side"
    TAKE_PROFIT_SIDE = "take_profit_side"
    TRIGGER_SIDE = "trigger_side"
    SELF_MATCH = "self_match"
    POSITION_LIMIT = "position_limit"
    GROSS_EXPOSURE_LIMIT = "gross_exposure_limit"
    NET_EXPOSURE_LIMIT = "net_exposure_limit"
    LEVERAGE_LIMIT = "leverage_limit"
    EXPOSURE_LEVERAGE_LIMIT = "exposure_leverage_limit"
    LIQUIDATION_NEAR = "liquidation_near"
    TOO_MANY_POSITIONS = "too_many_positions"
    TOO_MANY_ORDERS = "too_many_orders"
    DRAWDOWN_DAILY = "drawdown_daily"
    DRAWDOWN_MONTHLY = "drawdown_monthly"
    DRAWDOWN_LIMIT = "drawdown_limit"
    LOSING_STREAK = "losing_streak"
    COOLDOWN = "cooldown"
    REPEATED_ENTRIES = "repeated_entries"
    FAT_FINGER = "fat_finger"
    VOLUME_SHARE = "volume_share"
    VOLUME_UNKNOWN = "volume_unknown"
    DEPTH_SHARE = "depth_share"
    DEPTH_UNKNOWN = "depth_unknown"
    PORTFOLIO_CORRELATION = "portfolio_correlation"
    FUNDING_COST = "funding_cost"
    FUNDING_UNKNOWN = "funding_unknown"
    TIME_RESTRICTION = "time_restriction"
    DRIFT_OPEN = "drift_open"
    ORDER_IN_DOUBT = "order_in_doubt"
    USER_EXPOSURE_LIMIT = "user_exposure_limit"
    EQUITY_UNKNOWN = "equity_unknown"
    PRICE_UNKNOWN = "price_unknown"
    EXPOSURE_UNKNOWN = "exposure_unknown"


class CheckOutcome(StrEnum):
    """What one check said; ``skipped`` names why in ``detail``."""

    PASS = "pass"  # noqa: S105  # no password
    DENY = "deny"
    SKIPPED = "skipped"


class RiskCheck(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One check with its numbers: denied when ``value`` is beyond ``limit``, both in ``unit``; equal passes."""

    code: CheckCode
    outcome: CheckOutcome
    reason_code: ReasonCode = ReasonCode.NONE
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

    @property
    def only_reduces(self) -> bool:
        """Whether the order was found to add no risk, so that no limit was asked of it."""
        return ONLY_REDUCES in [check.detail for check in self.checks]


class TradingState(StrEnum):
    """What an account may do."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Thresholds; ``None`` leaves one to a wider scope. Fractions of equity unless the name says another unit.

    ``price_collar`` bounds what is worse than the reference price (a buy above, a sell below), ``price_collar_passive``
    what is better. ``exposure_leverage_max`` is about all holdings over equity, ``leverage_max`` about the venue's
    setting of one instrument. Holdings not above ``position_dust_usd`` do not count as open positions. The losses are
    those of ``LossLimits``; ``loss_halt_flattens`` is 1 where a halt also closes what is held. ``fat_finger_multiple``
    counts medians of the last orders, ``volume_share_max`` and ``depth_share_max`` are shares of what the market trades
    and offers, ``funding_edge_share_max`` of the way to the take-profit, ``user_exposure_max`` of the equity of all
    accounts of a tenant. ``blackouts`` are pauses (``Wed 06:00 + 60 min``, ``2026-12-10T18:30Z + 90 min``, UTC),
    ``clusters`` assets that move together.
    """

    order_notional_max_usd: Decimal | None = None
    order_equity_share_max: Decimal | None = None
    price_collar: Decimal | None = None
    price_collar_passive: Decimal | None = None
    quote_age_max_ms: int | None = None
    signal_age_max_ms: int | None = None
    duplicate_window_ms: int | None = None
    orders_per_second_max: Decimal | None = None
    orders_burst_max: int | None = None
    orders_per_minute_per_symbol_max: int | None = None
    position_equity_share_max_spot: Decimal | None = None
    position_equity_share_max_perpetual: Decimal | None = None
    position_dust_usd: Decimal | None = None
    gross_exposure_max: Decimal | None = None
    net_exposure_max: Decimal | None = None
    exposure_leverage_max: Decimal | None = None
    leverage_max: Decimal | None = None
    liquidation_distance_min: Decimal | None = None
    open_positions_max: int | None = None
    open_orders_max: int | None = None
    day_loss_reduce: Decimal | None = None
    day_loss_halt: Decimal | None = None
    week_loss_halve: Decimal | None = None
    month_loss_halt: Decimal | None = None
    drawdown_taper: Decimal | None = None
    drawdown_halve: Decimal | None = None
    drawdown_reduce: Decimal | None = None
    drawdown_halt: Decimal | None = None
    loss_halt_flattens: int | None = None
    streak_losses_max: int | None = None
    streak_window_ms: int | None = None
    streak_pause_ms: int | None = None
    after_stop_pause_ms: int | None = None
    after_exit_pause_ms: int | None = None
    repeat_orders_max: int | None = None
    repeat_window_ms: int | None = None
    fat_finger_multiple: Decimal | None = None
    volume_share_max: Decimal | None = None
    depth_share_max: Decimal | None = None
    cluster_exposure_max: Decimal | None = None
    clusters: tuple[tuple[str, ...], ...] | None = None
    funding_edge_share_max: Decimal | None = None
    blackouts: tuple[str, ...] | None = None
    unknown_order_age_max_ms: int | None = None
    user_exposure_max: Decimal | None = None


class UserExposure(msgspec.Struct, frozen=True, kw_only=True):
    """What the other accounts of a tenant hold and own at their worst, in USD."""

    gross_usd: Decimal
    equity_usd: Decimal


class RiskProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Named limits as data; sources and accounts name a profile.

    ``instruments`` holds limits of single symbols, which tighten the profile's own and never loosen them.
    """

    name: str
    version: int
    description: str
    limits: RiskLimits
    instruments: dict[str, RiskLimits] = {}
