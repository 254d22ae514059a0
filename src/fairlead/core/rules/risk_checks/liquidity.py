"""What the market bears: a share of its volume and of what stands at the touch, and what holding would cost."""

from __future__ import annotations

from decimal import Decimal

from fairlead.core.model.money import HUNDRED, ZERO
from fairlead.core.model.request import Side
from fairlead.core.model.risk import CheckCode, ReasonCode, RiskCheck
from fairlead.core.rules.risk_checks.facts import NO_LIMIT, Facts, Numbers, at_most, denied, quantity_unit, skipped
from fairlead.core.rules.risk_checks.order import percent


def check_volume(facts: Facts) -> RiskCheck:
    """Value of the order as a share of what was traded in 24 hours."""
    share = facts.limits.volume_share_max
    if share is None:
        return skipped(CheckCode.ADV, NO_LIMIT)
    volume = None if facts.quote is None else facts.quote.volume_24h_usd
    if volume is None:
        return denied(CheckCode.ADV, ReasonCode.VOLUME_UNKNOWN, facts.order.symbol)
    if facts.order_usd is None:
        return denied(CheckCode.ADV, ReasonCode.PRICE_UNKNOWN, facts.order.symbol)
    detail = f"{percent(share)} of the volume of 24 h"
    return at_most(CheckCode.ADV, ReasonCode.VOLUME_SHARE, Numbers(facts.order_usd, share * volume, "USD", detail))


def check_depth(facts: Facts) -> RiskCheck:
    """Size of an order that takes, as a share of what stands at the best price; the book behind it is not seen."""
    share, order, quote = facts.limits.depth_share_max, facts.order, facts.quote
    if share is None:
        return skipped(CheckCode.ADV, NO_LIMIT)
    if order.limit_price is not None:
        return skipped(CheckCode.ADV, "a limit order waits for what it does not find")
    offered = ZERO if quote is None else quote.ask_quantity if order.side is Side.BUY else quote.bid_quantity
    touch = facts.touch
    if offered <= ZERO or touch is None:
        return denied(CheckCode.ADV, ReasonCode.DEPTH_UNKNOWN, order.symbol)
    # A quote amount is compared at the price that it would meet.
    value, unit = order.quantity, quantity_unit(facts)
    if order.in_quote:
        offered, unit = offered * touch, "quote"
    return at_most(CheckCode.ADV, ReasonCode.DEPTH_SHARE, Numbers(value, share * offered, unit, "of the best price"))


def check_funding(facts: Facts) -> RiskCheck:
    """What the next funding takes, as a share of the way to the take-profit: the only edge that a request names."""
    share, order, instrument = facts.limits.funding_edge_share_max, facts.order, facts.instrument
    if share is None:
        return skipped(CheckCode.FUNDING, NO_LIMIT)
    if instrument is not None and instrument.is_spot:
        return skipped(CheckCode.FUNDING, "spot pays no funding")
    if order.take_profit_price is None:
        return skipped(CheckCode.FUNDING, "without a take-profit there is no edge to compare with")
    entry = order.limit_price or facts.touch
    if entry is None:
        return denied(CheckCode.FUNDING, ReasonCode.PRICE_UNKNOWN, order.symbol)
    rate = None if facts.quote is None else facts.quote.funding_rate
    if rate is None:
        return denied(CheckCode.FUNDING, ReasonCode.FUNDING_UNKNOWN, order.symbol)
    cost = rate if order.side is Side.BUY else -rate
    edge = abs(order.take_profit_price - entry) / entry
    numbers = Numbers(cost * HUNDRED, _cut(share * edge * HUNDRED), "%", f"{percent(share)} of the way to the target")
    return at_most(CheckCode.FUNDING, ReasonCode.FUNDING_COST, numbers)


def _cut(value: Decimal) -> Decimal:
    return value.quantize(Decimal("1E-8"))
