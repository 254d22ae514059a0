"""May this account send anything now: kill switches, trading state, fresh data, repeats and rate."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.request import SourceKind
from fairlead.core.model.risk import CheckCode, ReasonCode, RiskCheck, TradingState
from fairlead.core.rules.account_book import RecentOrder
from fairlead.core.rules.risk_checks.blackouts import parse_blackout
from fairlead.core.rules.risk_checks.facts import (
    NO_LIMIT,
    Facts,
    Numbers,
    at_least,
    at_most,
    denied,
    measured,
    passed,
    price_unit,
    quantity_unit,
    skipped,
)

MINUTE_MS: Final = 60_000
_UNKNOWN: Final = OrderStatus.UNKNOWN
_PER_MS: Final = Decimal("0.001")


def check_kill(facts: Facts) -> RiskCheck:
    """Kill switches let through only what reduces."""
    latches = facts.view.latches
    if latches and not facts.effect.reduces:
        return denied(CheckCode.KILL, ReasonCode.KILL_SWITCH_ACTIVE, ", ".join(latches))
    return passed(CheckCode.KILL)


def check_state(facts: Facts) -> RiskCheck:
    """A halted account sends nothing, a reducing one only what makes a holding smaller and never flips it.

    The one exception are the reducing orders that the system itself sends, such as those of a kill switch that closes.
    """
    effect, state = facts.effect, facts.view.trading_state
    if facts.request.source_kind is SourceKind.SYSTEM and effect.shrinks:
        return passed(CheckCode.STATE, "the system reduces")
    if not facts.view.account.enabled:
        return denied(CheckCode.STATE, ReasonCode.ACCOUNT_DISABLED)
    if state is TradingState.HALTED:
        return denied(CheckCode.STATE, ReasonCode.TRADING_HALTED)
    if state is TradingState.REDUCING and not effect.shrinks:
        numbers = Numbers(facts.order.quantity, abs(effect.held), quantity_unit(facts), "quantity against what is held")
        return measured(CheckCode.STATE, ReasonCode.ACCOUNT_REDUCING, numbers, is_denied=True)
    return passed(CheckCode.STATE)


def check_quote(facts: Facts) -> RiskCheck:
    """New risk needs a quote that is fresh and makes sense."""
    quote = facts.quote
    if quote is None or facts.reference is None:
        return denied(CheckCode.STALE_DATA, ReasonCode.QUOTE_MISSING, facts.order.symbol)
    if quote.bid > quote.ask > ZERO:
        numbers = Numbers(quote.bid, quote.ask, price_unit(facts), "bid against ask")
        return measured(CheckCode.STALE_DATA, ReasonCode.BOOK_CROSSED, numbers, is_denied=True)
    limit_ms = facts.limits.quote_age_max_ms
    if limit_ms is None:
        return skipped(CheckCode.STALE_DATA, NO_LIMIT)
    # A quote from the future is as wrong as an old one: one of the two clocks lies.
    age_ms = abs(facts.view.now_ms - quote.at_ms)
    return at_most(CheckCode.STALE_DATA, ReasonCode.QUOTE_STALE, Numbers(Decimal(age_ms), Decimal(limit_ms), "ms"))


def check_signal(facts: Facts) -> RiskCheck:
    """A signal that has waited too long is no reason to trade any more."""
    request, limit_ms = facts.request, facts.limits.signal_age_max_ms
    lifetime_ms = request.valid_until_ms - request.cause_at_ms
    allowed_ms = lifetime_ms if limit_ms is None else min(limit_ms, lifetime_ms)
    age_ms = facts.view.now_ms - request.cause_at_ms
    return at_most(CheckCode.STALE_SIGNAL, ReasonCode.SIGNAL_STALE, Numbers(Decimal(age_ms), Decimal(allowed_ms), "ms"))


def check_duplicate(facts: Facts) -> RiskCheck:
    """The same order again within a moment is taken for a repeat; children of one request are not."""
    window_ms = facts.limits.duplicate_window_ms
    if window_ms is None:
        return skipped(CheckCode.DUP, NO_LIMIT)
    order, now_ms = facts.order, facts.view.now_ms
    for recent in reversed(facts.view.book.recent):
        age_ms = now_ms - recent.at_ms
        if age_ms >= window_ms:
            break
        if (
            recent.symbol == order.symbol
            and recent.side is order.side
            and recent.quantity == order.quantity
            and recent.limit_price == order.limit_price
            and recent.position_side is order.position_side
            and recent.request_id != order.request_id
        ):
            numbers = Numbers(Decimal(age_ms), Decimal(window_ms), "ms", f"same as in request {recent.request_id}")
            return at_least(CheckCode.DUP, ReasonCode.DUPLICATE_ORDER, numbers)
    return passed(CheckCode.DUP)


def check_rate(facts: Facts) -> RiskCheck:
    """A token bucket, replayed from the times of the recent orders."""
    rate, burst = facts.limits.orders_per_second_max, facts.limits.orders_burst_max
    if rate is None:
        return skipped(CheckCode.RATE, NO_LIMIT)
    window = tightest_window(
        facts.view.book.recent,
        facts.view.now_ms,
        orders_now=len(facts.pending.reserved),
        rate=rate,
        burst=max(rate, ONE) if burst is None else Decimal(burst),
    )
    return at_most(CheckCode.RATE, ReasonCode.ORDER_RATE, window)


def check_symbol_rate(facts: Facts) -> RiskCheck:
    """Orders of one instrument in the last minute."""
    limit = facts.limits.orders_per_minute_per_symbol_max
    if limit is None:
        return skipped(CheckCode.RATE, NO_LIMIT)
    symbol, since_ms = facts.order.symbol, facts.view.now_ms - MINUTE_MS
    count = sum(1 for order in facts.pending.reserved if order.symbol == symbol)
    for recent in reversed(facts.view.book.recent):
        if recent.at_ms <= since_ms:
            break
        if recent.symbol == symbol:
            count += 1
    numbers = Numbers(Decimal(count), Decimal(limit), "orders", f"{symbol} in 60 s")
    return at_most(CheckCode.RATE, ReasonCode.SYMBOL_ORDER_RATE, numbers)


def check_session(facts: Facts) -> RiskCheck:
    """Scheduled pauses: maintenance of a venue, hours around news."""
    blackouts = facts.limits.blackouts
    if not blackouts:
        return skipped(CheckCode.SESSION, NO_LIMIT)
    for text in blackouts:
        blackout = parse_blackout(text)
        # What cannot be read was meant to stop something.
        if blackout is None or blackout.covers(facts.view.now_ms):
            return denied(CheckCode.SESSION, ReasonCode.TIME_RESTRICTION, text)
    return passed(CheckCode.SESSION)


def check_reconciled(facts: Facts) -> RiskCheck:
    """Our record and the venue's agree, and no order has been in doubt for long."""
    book, limit_ms = facts.view.book, facts.limits.unknown_order_age_max_ms
    if book.drift:
        more = f"; and {len(book.drift) - 1} more" if len(book.drift) > 1 else ""
        return denied(CheckCode.RECON, ReasonCode.DRIFT_OPEN, book.drift[0] + more)
    if limit_ms is None:
        return passed(CheckCode.RECON)
    ages = [facts.view.now_ms - order.created_ms for order in book.orders.values() if order.status is _UNKNOWN]
    if not ages:
        return passed(CheckCode.RECON)
    numbers = Numbers(Decimal(max(ages)), Decimal(limit_ms), "ms", f"{len(ages)} in doubt")
    return at_most(CheckCode.RECON, ReasonCode.ORDER_IN_DOUBT, numbers)


def tightest_window(
    recent: Sequence[RecentOrder],
    now_ms: int,
    *,
    orders_now: int,
    rate: Decimal,
    burst: Decimal,
) -> Numbers:
    """Count the orders of the window that decides whether a token bucket lets one more through.

    A bucket of ``burst`` tokens, refilled with ``rate`` per second, never ran dry exactly when every window up to now
    holds at most ``burst + rate x seconds`` orders. Only windows that could hold too many are looked at: after one with
    room for n orders, the next is the one that begins at order n + 1. ``orders_now`` orders are counted at ``now_ms``.
    """
    count, allowed, age_ms = orders_now, burst, 0
    while count <= allowed:
        index = int(allowed) + 1 - orders_now
        if index > len(recent):
            # The bucket cannot have run dry: there were never that many orders.
            return Numbers(Decimal(orders_now + len(recent)), allowed, "orders", _window(age_ms))
        count = orders_now + index
        age_ms = max(now_ms - recent[-index].at_ms, 0)
        allowed = burst + rate * age_ms * _PER_MS
    return Numbers(Decimal(count), allowed, "orders", _window(age_ms))


def _window(age_ms: int) -> str:
    return f"burst and refill of {age_ms} ms"
