"""Limits of several scopes become one: for every threshold the strictest wins."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Final

from fairlead.core.model.loss import LossLimits
from fairlead.core.model.risk import RiskLimits, RiskProfile


class Stricter(Enum):
    """Which of two values of a threshold allows less."""

    LOWER = "lower"
    HIGHER = "higher"


# Closed: a test proves that every field of RiskLimits has its direction here.
DIRECTIONS: Final[Mapping[str, Stricter]] = {
    "order_notional_max_usd": Stricter.LOWER,
    "order_equity_share_max": Stricter.LOWER,
    "price_collar": Stricter.LOWER,
    "price_collar_passive": Stricter.LOWER,
    "quote_age_max_ms": Stricter.LOWER,
    "signal_age_max_ms": Stricter.LOWER,
    "duplicate_window_ms": Stricter.HIGHER,
    "orders_per_second_max": Stricter.LOWER,
    "orders_burst_max": Stricter.LOWER,
    "orders_per_minute_per_symbol_max": Stricter.LOWER,
    "position_equity_share_max_spot": Stricter.LOWER,
    "position_equity_share_max_perpetual": Stricter.LOWER,
    "position_dust_usd": Stricter.LOWER,
    "gross_exposure_max": Stricter.LOWER,
    "net_exposure_max": Stricter.LOWER,
    "exposure_leverage_max": Stricter.LOWER,
    "leverage_max": Stricter.LOWER,
    "liquidation_distance_min": Stricter.HIGHER,
    "open_positions_max": Stricter.LOWER,
    "open_orders_max": Stricter.LOWER,
    "day_loss_reduce": Stricter.LOWER,
    "day_loss_halt": Stricter.LOWER,
    "week_loss_halve": Stricter.LOWER,
    "month_loss_halt": Stricter.LOWER,
    "drawdown_taper": Stricter.LOWER,
    "drawdown_halve": Stricter.LOWER,
    "drawdown_reduce": Stricter.LOWER,
    "drawdown_halt": Stricter.LOWER,
    "loss_halt_flattens": Stricter.HIGHER,
}


def merge_limits(*scopes: RiskLimits) -> RiskLimits:
    """Take the strictest value of each threshold; the order of the scopes does not matter."""
    merged: dict[str, Decimal | int] = {}
    for field, stricter in DIRECTIONS.items():
        values: list[Decimal | int] = [value for scope in scopes if (value := getattr(scope, field)) is not None]
        if values:
            merged[field] = min(values) if stricter is Stricter.LOWER else max(values)
    return RiskLimits(**merged)  # type: ignore[arg-type]  # each value came from the field of the same name


def loss_limits(limits: RiskLimits) -> LossLimits:
    """Take the loss ladder out of an account's limits."""
    return LossLimits(
        day_reduce=limits.day_loss_reduce,
        day_halt=limits.day_loss_halt,
        week_halve=limits.week_loss_halve,
        month_halt=limits.month_loss_halt,
        drawdown_taper=limits.drawdown_taper,
        drawdown_halve=limits.drawdown_halve,
        drawdown_reduce=limits.drawdown_reduce,
        drawdown_halt=limits.drawdown_halt,
        halt_flattens=bool(limits.loss_halt_flattens),
    )


def limits_of(profile: RiskProfile, symbol: str) -> RiskLimits:
    """Take a profile's limits for one instrument: its own, tightened by what it says about that symbol."""
    special = profile.instruments.get(symbol)
    return profile.limits if special is None else merge_limits(profile.limits, special)
