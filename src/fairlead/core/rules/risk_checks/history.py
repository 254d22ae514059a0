"""What happened lately: losing streaks, pauses after an exit, repeated entries, and orders larger than usual."""

from __future__ import annotations

from decimal import Decimal
from statistics import median
from typing import Final

from fairlead.core.model.ids import moment_of
from fairlead.core.model.request import SourceKind
from fairlead.core.model.risk import CheckCode, ReasonCode, RiskCheck
from fairlead.core.rules.risk_checks.facts import (
    NO_LIMIT,
    Facts,
    Numbers,
    at_least,
    at_most,
    denied,
    measured,
    passed,
    skipped,
)

# A median of fewer says nothing about what is usual.
COMPARED_MIN: Final = 10


def check_streak(facts: Facts) -> RiskCheck:
    """So many losing closes in the window, and the pause after the last of them is not over."""
    limits, now_ms = facts.limits, facts.view.now_ms
    most, window_ms, pause_ms = limits.streak_losses_max, limits.streak_window_ms, limits.streak_pause_ms
    if most is None or window_ms is None or pause_ms is None:
        return skipped(CheckCode.STREAK, NO_LIMIT)
    lost = [
        trade.at_ms for trade in facts.view.book.trades.closes if trade.is_loss and now_ms - trade.at_ms < window_ms
    ]
    is_paused = len(lost) >= most and now_ms - max(lost) < pause_ms
    detail = f"losing closes in {_hours(window_ms)}, then a pause of {_hours(pause_ms)}"
    numbers = Numbers(Decimal(len(lost)), Decimal(most), "", detail)
    return measured(CheckCode.STREAK, ReasonCode.LOSING_STREAK, numbers, is_denied=is_paused)


def check_cooldown(facts: Facts) -> RiskCheck:
    """The asset was left a short while ago; the further legs of the request that left it may go on."""
    after_stop_ms, after_exit_ms = facts.limits.after_stop_pause_ms, facts.limits.after_exit_pause_ms
    if after_stop_ms is None and after_exit_ms is None:
        return skipped(CheckCode.COOLDOWN, NO_LIMIT)
    instrument = facts.instrument
    if instrument is None:
        return denied(CheckCode.COOLDOWN, ReasonCode.INSTRUMENT_UNKNOWN, facts.order.symbol)
    for trade in reversed(facts.view.book.trades.closes):
        if trade.asset != instrument.base_currency or trade.request_id == facts.request.request_id:
            continue
        age_ms = facts.view.now_ms - trade.at_ms
        pause_ms = max(after_exit_ms or 0, (after_stop_ms or 0) if trade.by_stop else 0)
        if age_ms < pause_ms:
            detail = f"{trade.asset} was {'stopped out' if trade.by_stop else 'closed'}"
            numbers = Numbers(Decimal(age_ms), Decimal(pause_ms), "ms", detail)
            return at_least(CheckCode.COOLDOWN, ReasonCode.COOLDOWN, numbers)
    return passed(CheckCode.COOLDOWN)


def check_repeat(facts: Facts) -> RiskCheck:
    """Decisions of one strategy for the same side of an instrument that were approved in the window."""
    most, window_ms = facts.limits.repeat_orders_max, facts.limits.repeat_window_ms
    if most is None or window_ms is None:
        return skipped(CheckCode.REPEAT, NO_LIMIT)
    order, request, since_ms = facts.order, facts.request, facts.view.now_ms - window_ms
    seen = {_decision_of(request.request_id, request.source_kind)}
    for recent in reversed(facts.view.book.recent):
        if recent.at_ms <= since_ms:
            break
        if (
            recent.symbol == order.symbol
            and recent.side is order.side
            and recent.source == request.source_id
            and recent.strategy == request.strategy_id
        ):
            seen.add(_decision_of(recent.request_id, request.source_kind))
    numbers = Numbers(Decimal(len(seen)), Decimal(most), "", f"{order.side.value} decisions in {_hours(window_ms)}")
    return at_most(CheckCode.REPEAT, ReasonCode.REPEATED_ENTRIES, numbers)


def check_fat_finger(facts: Facts) -> RiskCheck:
    """Far larger than what this account usually orders."""
    multiple = facts.limits.fat_finger_multiple
    if multiple is None:
        return skipped(CheckCode.FAT_FINGER, NO_LIMIT)
    usual = facts.view.book.trades.notionals
    if len(usual) < COMPARED_MIN:
        return skipped(CheckCode.FAT_FINGER, "too few orders to compare with")
    if facts.order_usd is None:
        return denied(CheckCode.FAT_FINGER, ReasonCode.PRICE_UNKNOWN, facts.order.symbol)
    middle = median(usual)
    detail = f"{multiple:f} x the median of {len(usual)} orders; fat_finger_multiple of the risk profile says how far"
    return at_most(
        CheckCode.FAT_FINGER, ReasonCode.FAT_FINGER, Numbers(facts.order_usd, multiple * middle, "USD", detail)
    )


def _decision_of(request_id: str, kind: SourceKind) -> str:
    """What a request was decided with.

    A bot asks for a whole ladder at once, and the ids of all its requests begin with that moment. Of every other source
    a request is a decision.
    """
    return moment_of(request_id) if kind is SourceKind.BOT else request_id


def _hours(duration_ms: int) -> str:
    hours, rest = divmod(duration_ms, 3_600_000)
    return f"{hours} h" if not rest else f"{duration_ms / 60_000:g} min"
