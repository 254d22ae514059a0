"""Can the account pay for the order, and how near would it bring the liquidation price."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import Final

import msgspec

from fairlead.core.model.account import MarginMode, Position
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import Side
from fairlead.core.model.risk import ONLY_REDUCES, CheckCode, ReasonCode, RiskCheck
from fairlead.core.rules.holds import hold_of, opening_quantity
from fairlead.core.rules.margin import average_entry, initial_margin, liquidation_price
from fairlead.core.rules.risk_checks.facts import (
    NO_LIMIT,
    Facts,
    Numbers,
    at_least,
    at_most,
    denied,
    passed,
    skipped,
)
from fairlead.core.rules.valuation import available_of

_PERCENT_STEP: Final = Decimal("0.0001")


def check_balance(facts: Facts) -> RiskCheck:
    """What the order would hold (cost, or margin and fee) against what is free; the orders just before it count."""
    order, instrument, view = facts.order, facts.instrument, facts.view
    if instrument is None:
        return denied(CheckCode.BALANCE, ReasonCode.INSTRUMENT_UNKNOWN, order.symbol)
    if facts.effect.reduces and not instrument.is_spot:
        return skipped(CheckCode.BALANCE, ONLY_REDUCES)
    price = order.limit_price or order.reference_price or facts.touch
    if price is None:
        return denied(CheckCode.BALANCE, ReasonCode.PRICE_UNKNOWN, order.symbol)
    currency, needed = _hold(order, instrument, facts.effect.held, price)
    available = available_of(view.book, currency, facts.pending.values)
    if available is None:
        return denied(CheckCode.BALANCE, ReasonCode.EQUITY_UNKNOWN, currency)
    for earlier in facts.pending.reserved[:-1]:
        held_currency, held = _hold(earlier, instrument, facts.effect.held, price)
        if held_currency == currency:
            available -= held
    return at_most(CheckCode.BALANCE, ReasonCode.INSUFFICIENT_BALANCE, Numbers(needed, available, currency))


def check_liquidation(facts: Facts) -> RiskCheck:
    """Estimated liquidation price of the whole position afterwards, pending orders included, against the mark price."""
    limit, instrument = facts.limits.liquidation_distance_min, facts.instrument
    if limit is None:
        return skipped(CheckCode.LIQ_DIST, NO_LIMIT)
    if instrument is None:
        return denied(CheckCode.LIQ_DIST, ReasonCode.INSTRUMENT_UNKNOWN, facts.order.symbol)
    if instrument.is_spot:
        return skipped(CheckCode.LIQ_DIST, "spot is never liquidated")
    leg, unit = facts.pending.exposure.leg(facts.order), facts.pending.exposure.unit_usd(facts.order)
    price = facts.order.limit_price or facts.order.trigger_price or facts.touch
    if leg is None or unit is None or price is None or facts.quote is None or facts.quote.mark <= ZERO:
        return denied(CheckCode.LIQ_DIST, ReasonCode.PRICE_UNKNOWN, instrument.symbol)
    low, high = leg.bounds
    is_long = facts.order.side is Side.BUY
    after = (high if is_long else low) / unit
    if after <= ZERO if is_long else after >= ZERO:
        return passed(CheckCode.LIQ_DIST, "no position in the order's direction")
    entry = _entry_after(facts, instrument, after, price)
    margin = _margin_behind(facts, instrument, after, entry)
    if margin is None:
        return denied(CheckCode.LIQ_DIST, ReasonCode.PRICE_UNKNOWN, "another position")
    keep_rate = instrument.maintenance_margin_rate + facts.view.account.fee_rates.perpetual_taker
    liquidation = liquidation_price(instrument, after, entry, margin, keep_rate)
    if liquidation is None:
        return passed(CheckCode.LIQ_DIST, "no price liquidates it")
    mark = facts.quote.mark
    distance = (mark - liquidation if is_long else liquidation - mark) * HUNDRED / mark
    numbers = Numbers(
        distance.quantize(_PERCENT_STEP, ROUND_FLOOR), limit * HUNDRED, "%", "of the mark price, estimated"
    )
    return at_least(CheckCode.LIQ_DIST, ReasonCode.LIQUIDATION_NEAR, numbers)


def _hold(order: Order, instrument: Instrument, held: Decimal, price: Decimal) -> tuple[str, Decimal]:
    opened = msgspec.structs.replace(
        order,
        reference_price=order.reference_price or price,
        opening_quantity=opening_quantity(order, held),
        leverage=order.leverage or ONE,
    )
    return hold_of(opened, instrument)


def _held(facts: Facts) -> Position | None:
    return facts.view.book.positions.get((facts.order.symbol, facts.order.position_side))


def _entry_after(facts: Facts, instrument: Instrument, after: Decimal, price: Decimal) -> Decimal:
    position = _held(facts)
    held = ZERO if position is None else position.signed_quantity
    if position is None or held * after <= ZERO or abs(held) >= abs(after):
        return price if position is None or held * after <= ZERO else position.entry_price
    return average_entry(instrument, (abs(held), position.entry_price), (abs(after) - abs(held), price))


def _margin_behind(facts: Facts, instrument: Instrument, after: Decimal, entry: Decimal) -> Decimal | None:
    order = facts.order
    if order.margin_mode is MarginMode.ISOLATED:
        return initial_margin(instrument, after, entry, order.leverage or ONE)
    return _cross_margin(facts, instrument, order)


def _cross_margin(facts: Facts, instrument: Instrument, order: Order) -> Decimal | None:
    """Cash of the settle currency, with what the other positions in it gain and must keep."""
    values, own = facts.pending.values, (order.symbol, order.position_side)
    if values.unmarked - {own}:
        return None
    balance = facts.view.book.balances.get(instrument.settle_currency)
    margin = ZERO if balance is None else balance.total
    sums = values.sums.get(instrument.settle_currency)
    if sums is not None:
        margin += sums.cross_pnl - sums.cross_maintenance - sums.isolated_margin
    held = values.by_key.get(own)
    if held is not None and held.margin_mode is MarginMode.ISOLATED:
        return margin + held.margin
    return margin if held is None else margin - held.pnl + held.maintenance
