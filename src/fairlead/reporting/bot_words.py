"""Words for what bots do: their slots, their reasons, and what they wait for."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from fairlead.core.model.bots.bars import BarsSeen
from fairlead.core.model.bots.decision import Reason, Tripwire, Urgency, WireKind
from fairlead.core.rules.sizing import show
from fairlead.reporting.times import time_text

_SLOTS: Final[Mapping[str, str]] = {
    "b": "base order",
    "s": "safety",
    "t": "take-profit",
    "c": "close",
    "i": "first position",
    "m": "added by hand",
    "q": "closed by hand",
}
_NUMBERED: Final = frozenset("stmq")
_REASONS: Final[Mapping[str, str]] = {
    "cycle_started": "a cycle began",
    "grid_started": "the grid began",
    "grid_moved": "the grid moved",
    "filled": "an order of its own ended",
    "take_profit": "the take-profit was filled",
    "trailing_take_profit": "the price turned back after the take-profit",
    "stop_loss": "the stop-loss was reached",
    "stop_below": "the price fell below the grid's stop",
    "stop_above": "the price rose above the grid's stop",
    "close_timeout": "the deal took too long",
    "close_signal": "the signal to close came",
    "asked_to_close": "a person asked to close",
    "replan": "newer settings count for the running cycle",
    "closed": "nothing is held any more",
    "closed_by_others": "somebody else closed a part of it",
    "too_small": "what is left is too small to sell",
    "not_now": "what was asked cannot be done now",
    "no_entries_now": "it may not buy now",
    "above_total_max": "it would be more than total_max",
    "below_min_size": "it would be less than the least order",
    "too_many_by_hand": "too many orders by hand at once",
}
_PURPOSES: Final = {Urgency.STOP: "stop", Urgency.EXIT: "exit", Urgency.ENTRY: "entry"}


def slot_name(slot: str) -> str:
    """A slot in words: ``b`` is the base order, ``s3`` the third safety order, ``b9.0`` what opens line 9 of a grid."""
    kind, number = slot[:1], slot[1:]
    line, dot, _ = number.partition(".")
    if dot:
        return f"line {line} {'opens' if kind == 'b' else 'closes'}"
    name = _SLOTS.get(kind)
    if name is None or (number and not number.isdigit()):
        return slot
    return f"{name} {number}" if kind in _NUMBERED else name


def reason_text(reason: Reason) -> str:
    """Why a rule answered as it did, with its numbers: ``a cycle began: price 60,000, factor 1``."""
    word = _REASONS.get(reason.code, reason.code.replace("_", " "))
    numbers = ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in reason.numbers)
    return f"{word}: {numbers}" if numbers else word


def bars_text(seen: BarsSeen) -> str:
    """What bars a condition has, or waits for: ``1h: warmed with 786 bars from OKX API v5``."""
    own = f"made of quotes since {time_text(seen.since_ms)}" if seen.since_ms else "made of quotes, once there are any"
    if seen.is_enough:
        return f"{seen.timeframe}: " + (f"warmed with {seen.past} bars from {seen.source}" if seen.past else own)
    waits = f"waits for {seen.needed} bars of {seen.timeframe}, "
    if seen.failure:
        return f"{waits}{own}, for {seen.source} told of none: {seen.failure}"
    return waits + (f"asks {seen.source} for them" if seen.source else f"{own}, for its market has no history")


def wire_text(wire: Tripwire) -> str:
    """What a tripwire waits for: ``last price at or below 59,000 (entry)``."""
    purpose = _PURPOSES[wire.urgency]
    match wire.kind:
        case WireKind.AT_OR_BELOW:
            return f"last price at or below {_number(wire.price)} ({purpose})"
        case WireKind.AT_OR_ABOVE:
            return f"last price at or above {_number(wire.price)} ({purpose})"
        case WireKind.AT_TIME:
            return f"{time_text(wire.at_ms)} ({purpose})"
        case WireKind.SIGNAL:
            return f"signal {wire.signal} ({purpose})"


def _number(value: Decimal) -> str:
    return show(round(value, 8))
