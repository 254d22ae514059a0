"""Limits of several scopes become one: for every threshold the strictest wins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Final

from fairlead.core.model.loss import LossLimits
from fairlead.core.model.risk import RiskLimits, RiskProfile


class Stricter(Enum):
    """Which of two values of a threshold allows less."""

    LOWER = "lower"
    HIGHER = "higher"
    UNION = "union"


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
    "streak_losses_max": Stricter.LOWER,
    "streak_window_ms": Stricter.HIGHER,
    "streak_pause_ms": Stricter.HIGHER,
    "after_stop_pause_ms": Stricter.HIGHER,
    "after_exit_pause_ms": Stricter.HIGHER,
    "repeat_orders_max": Stricter.LOWER,
    "repeat_window_ms": Stricter.HIGHER,
    "fat_finger_multiple": Stricter.LOWER,
    "volume_share_max": Stricter.LOWER,
    "depth_share_max": Stricter.LOWER,
    "cluster_exposure_max": Stricter.LOWER,
    "clusters": Stricter.UNION,
    "funding_edge_share_max": Stricter.LOWER,
    "blackouts": Stricter.UNION,
    "unknown_order_age_max_ms": Stricter.LOWER,
    "user_exposure_max": Stricter.LOWER,
}


def _unite(values: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(sorted({part for value in values for part in value}))


_PICK: Final[Mapping[Stricter, Callable[[Any], Any]]] = {
    Stricter.LOWER: min,
    Stricter.HIGHER: max,
    Stricter.UNION: _unite,
}


def merge_limits(*scopes: RiskLimits) -> RiskLimits:
    """Take the strictest value of each threshold; the order of the scopes does not matter."""
    merged = {
        field: _PICK[stricter](values)
        for field, stricter in DIRECTIONS.items()
        if (values := [value for scope in scopes if (value := getattr(scope, field)) is not None])
    }
    return RiskLimits(**merged)


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
