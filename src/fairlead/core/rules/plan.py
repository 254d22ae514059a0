"""What planning a request can come to: orders, cancels, nothing to do, or a refusal with numbers."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.events import SizingLine
from fairlead.core.model.order import Order


class PlanReason(StrEnum):
    """Why a request became no order; the first group are refusals, the second successes with quantity zero."""

    INSTRUMENT_UNKNOWN = "instrument_unknown"
    INSTRUMENT_SUSPENDED = "instrument_suspended"
    QUOTE_MISSING = "quote_missing"
    VALUE_UNKNOWN = "equity_unknown"
    ORDER_TYPE_NOT_AVAILABLE = "order_type_not_available"
    LIMIT_PRICE_MISSING = "limit_price_missing"
    SIZE_MISSING = "size_missing"
    SIZE_INVALID = "size_invalid"
    BELOW_MIN_SIZE = "below_min_size"
    BELOW_MIN_NOTIONAL = "below_min_notional"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    TOO_MANY_LEGS = "too_many_legs"
    LEVERAGE_INVALID = "leverage_invalid"
    LEVERAGE_ABOVE_MAX = "leverage_above_max"
    MARGIN_MODE_MISSING = "margin_mode_missing"
    MARGIN_MODE_CONFLICT = "margin_mode_conflict"
    TARGET_NOT_POSSIBLE = "target_not_possible"

    NO_POSITION = "no_position"
    REDUCE_ONLY_NO_POSITION = "reduce_only_no_position"
    ALREADY_CLOSING = "already_closing"
    TARGET_REACHED = "target_reached"
    NOTHING_TO_CANCEL = "nothing_to_cancel"


class LeverageChange(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that the venue must have before the legs are sent."""

    symbol: str
    margin_mode: MarginMode
    position_side: PositionSide
    leverage: Decimal


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Orders to check and send. ``more``: once they are done, the request is to be planned again for its next part."""

    legs: tuple[Order, ...]
    sizing: tuple[SizingLine, ...]
    leverage_changes: tuple[LeverageChange, ...] = ()
    more: bool = False


class CancelPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Open orders to cancel. ``first``: once they are gone, the request is planned for what it is really about."""

    orders: tuple[Order, ...]
    first: bool = False


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """All is as wished already: a success with quantity zero."""

    reason_code: str
    message: str
    lines: tuple[SizingLine, ...] = ()


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """There is no sound order for this wish; nothing leaves us."""

    reason_code: str
    message: str
    numbers: dict[str, str] = {}
    lines: tuple[SizingLine, ...] = ()


PlanOutcome = Plan | CancelPlan | Nothing | Refusal
