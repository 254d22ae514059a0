"""A check in one sentence for people, with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from fairlead.core.model.money import format_amount
from fairlead.core.model.risk import CheckOutcome, ReasonCode, RiskCheck

_CENT: Final = Decimal("0.01")

# What was refused; with numbers, "... is above (or below) the limit ..." follows.
_SUBJECTS: Final[Mapping[ReasonCode, str]] = {
    ReasonCode.KILL_SWITCH_ACTIVE: "a kill switch is on",
    ReasonCode.TRADING_HALTED: "trading on this account is halted",
    ReasonCode.ACCOUNT_REDUCING: "the account may only reduce, and this order does not",
    ReasonCode.ACCOUNT_DISABLED: "the account is disabled",
    ReasonCode.QUOTE_MISSING: "there is no price",
    ReasonCode.QUOTE_STALE: "age of the price",
    ReasonCode.BOOK_CROSSED: "the book is crossed",
    ReasonCode.SIGNAL_STALE: "age of the signal",
    ReasonCode.DUPLICATE_ORDER: "the same order was approved before; time since then",
    ReasonCode.ORDER_RATE: "orders of this account",
    ReasonCode.SYMBOL_ORDER_RATE: "orders of this instrument",
    ReasonCode.INSTRUMENT_UNKNOWN: "the instrument is unknown",
    ReasonCode.INSTRUMENT_SUSPENDED: "the instrument does not trade now",
    ReasonCode.BELOW_MIN_SIZE: "order size",
    ReasonCode.ABOVE_MAX_SIZE: "order size",
    ReasonCode.OFF_LOT: "the order size is not a whole number of lots",
    ReasonCode.OFF_TICK: "a price is not a whole number of ticks",
    ReasonCode.BELOW_MIN_NOTIONAL: "order value",
    ReasonCode.NOTHING_TO_REDUCE: "the order may only reduce, and there is nothing to reduce",
    ReasonCode.INSUFFICIENT_BALANCE: "needed for the order",
    ReasonCode.ORDER_NOTIONAL_LIMIT: "order value",
    ReasonCode.PRICE_OUTSIDE_COLLAR: "price",
    ReasonCode.STOP_LOSS_SIDE: "the stop-loss is on the wrong side of the entry",
    ReasonCode.TAKE_PROFIT_SIDE: "the take-profit is on the wrong side of the entry",
    ReasonCode.TRIGGER_SIDE: "the trigger price has been reached already",
    ReasonCode.SELF_MATCH: "the order would trade with an order of the same account",
    ReasonCode.POSITION_LIMIT: "position",
    ReasonCode.GROSS_EXPOSURE_LIMIT: "gross exposure",
    ReasonCode.NET_EXPOSURE_LIMIT: "net exposure",
    ReasonCode.LEVERAGE_LIMIT: "leverage",
    ReasonCode.EXPOSURE_LEVERAGE_LIMIT: "exposure",
    ReasonCode.LIQUIDATION_NEAR: "distance to the liquidation price",
    ReasonCode.TOO_MANY_POSITIONS: "open positions",
    ReasonCode.TOO_MANY_ORDERS: "open orders",
    ReasonCode.DRAWDOWN_DAILY: "the loss of the day",
    ReasonCode.DRAWDOWN_MONTHLY: "the loss of the month",
    ReasonCode.DRAWDOWN_LIMIT: "the loss since the peak",
    ReasonCode.LOSING_STREAK: "the number of losing closes",
    ReasonCode.COOLDOWN: "time since the asset was left",
    ReasonCode.REPEATED_ENTRIES: "decisions of one strategy",
    ReasonCode.FAT_FINGER: "far above what is usual here: order value",
    ReasonCode.VOLUME_SHARE: "order value",
    ReasonCode.VOLUME_UNKNOWN: "nobody says how much is traded in 24 hours",
    ReasonCode.DEPTH_SHARE: "order size",
    ReasonCode.DEPTH_UNKNOWN: "nobody says how much is offered",
    ReasonCode.PORTFOLIO_CORRELATION: "exposure to assets that move together",
    ReasonCode.FUNDING_COST: "the next funding",
    ReasonCode.FUNDING_UNKNOWN: "the next funding is unknown",
    ReasonCode.TIME_RESTRICTION: "nothing new is opened at this time",
    ReasonCode.DRIFT_OPEN: "our record and the venue's differ, so the account may only reduce",
    ReasonCode.ORDER_IN_DOUBT: "age of an order in doubt",
    ReasonCode.USER_EXPOSURE_LIMIT: "exposure of all accounts together",
    ReasonCode.EQUITY_UNKNOWN: "the account's equity is unknown",
    ReasonCode.PRICE_UNKNOWN: "a price that is needed is unknown",
    ReasonCode.EXPOSURE_UNKNOWN: "a holding cannot be valued",
}
# These deny already at the limit, not only beyond it.
_REACHED: Final = frozenset(
    {ReasonCode.DRAWDOWN_DAILY, ReasonCode.DRAWDOWN_MONTHLY, ReasonCode.DRAWDOWN_LIMIT, ReasonCode.LOSING_STREAK},
)
# Here value and limit are two facts beside each other, and neither is a limit of the other.
_PAIRS: Final = frozenset(
    {
        ReasonCode.ACCOUNT_REDUCING,
        ReasonCode.BOOK_CROSSED,
        ReasonCode.OFF_LOT,
        ReasonCode.OFF_TICK,
        ReasonCode.NOTHING_TO_REDUCE,
        ReasonCode.STOP_LOSS_SIDE,
        ReasonCode.TAKE_PROFIT_SIDE,
        ReasonCode.TRIGGER_SIDE,
        ReasonCode.SELF_MATCH,
    },
)


def explain_check(check: RiskCheck) -> str:
    """Say what a check found: ``MAX_ORDER denied: order value 5,012.40 USD is above the limit 1,000.00 USD (...)``."""
    detail = f" ({check.detail})" if check.detail else ""
    if check.outcome is CheckOutcome.SKIPPED:
        return f"{check.code} skipped{detail}"
    if check.outcome is CheckOutcome.PASS:
        numbers = _numbers(check)
        return f"{check.code} passed" + (f": {numbers[0]}, limit {numbers[1]}" if numbers else "") + detail
    return f"{check.code} denied: {_denial(check)}{detail}"


def _denial(check: RiskCheck) -> str:
    subject = _SUBJECTS[check.reason_code]
    numbers = _numbers(check)
    if numbers is None or check.value is None or check.limit is None:
        return subject
    if check.reason_code in _PAIRS:
        return f"{subject}: {numbers[0]} against {numbers[1]}"
    if check.reason_code in _REACHED:
        return f"{subject} {numbers[0]} has reached the limit {numbers[1]}"
    direction = "above" if check.value > check.limit else "below"
    return f"{subject} {numbers[0]} is {direction} the limit {numbers[1]}"


def _numbers(check: RiskCheck) -> tuple[str, str] | None:
    if check.value is None or check.limit is None:
        return None
    value, limit = _show(check.value, check.unit), _show(check.limit, check.unit)
    if value == limit and check.value != check.limit:
        # Two numbers that differ must not read the same.
        value, limit = format_amount(check.value), format_amount(check.limit)
    unit = f" {check.unit}" if check.unit else ""
    return value + unit, limit + unit


def _show(value: Decimal, unit: str) -> str:
    if unit == "USD":
        return f"{value.quantize(_CENT, ROUND_HALF_EVEN):,f}"
    whole, _, fraction = format_amount(value).partition(".")
    return f"{Decimal(whole):,f}" + (f".{fraction}" if fraction else "")
