"""Arithmetic of perpetual positions, linear and inverse: entry, profit, margin, liquidation (OKX API v5)."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO, ceil_to_decimals, floor_to_decimals

# Entry prices are quotients: 24 digits keep them readable and the error far below the smallest amount.
_ENTRY: Final = Context(prec=24)
# What we count of an amount that comes out of a division; well within the 18 decimals that a row keeps.
AMOUNT_STEP: Final = Decimal("1E-12")
# What a venue gives an instrument before anybody sets it; only used where nobody names a leverage.
LEVERAGE_DEFAULT: Final = Decimal(3)


def leverage_unset(instrument: Instrument) -> Decimal:
    """The leverage of an instrument of which nobody has set one: none on spot, never more than it allows."""
    return ONE if instrument.is_spot else min(LEVERAGE_DEFAULT, instrument.leverage_max)


def leverage_of(wanted: Decimal | None, instrument: Instrument, known: Decimal | None = None) -> Decimal:
    """The leverage that a bot trades with: what its settings want, else what is known to be set at its venue."""
    if instrument.is_spot:
        return ONE
    return max(wanted or known or leverage_unset(instrument), ONE)


def average_entry(
    instrument: Instrument,
    held: tuple[Decimal, Decimal],
    added: tuple[Decimal, Decimal],
) -> Decimal:
    """Average price of two absolute (quantity, price) pairs: weighted, and harmonic for inverse contracts."""
    (quantity_1, price_1), (quantity_2, price_2) = held, added
    if not quantity_1 or price_1 == price_2:
        return price_2
    total = quantity_1 + quantity_2
    if instrument.is_inverse:
        return _ENTRY.divide(total * price_1 * price_2, quantity_1 * price_2 + quantity_2 * price_1)
    return _ENTRY.divide(quantity_1 * price_1 + quantity_2 * price_2, total)


def entry_cost(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """What a fill adds to the sum that an average price is made of; zero for no quantity."""
    if not quantity:
        return ZERO
    return quantity / price if instrument.is_inverse else quantity * price


def entry_average(instrument: Instrument, quantity: Decimal, cost: Decimal) -> Decimal:
    """Average price of a quantity from the sum of its costs; for inverse contracts the harmonic mean."""
    return _ENTRY.divide(quantity, cost) if instrument.is_inverse else _ENTRY.divide(cost, quantity)


def profit(instrument: Instrument, quantity: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    """P&L of a signed quantity in the settle currency: q m (P - A), inverse q m (1/A - 1/P)."""
    if not quantity:
        return ZERO
    if instrument.is_inverse:
        # One division: (P - A) / (A P) loses less than 1/A - 1/P.
        return quantity * instrument.contract_value * (price - entry) / (entry * price)
    return quantity * instrument.contract_value * (price - entry)


def realized_profit(instrument: Instrument, quantity: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    """Profit as it is booked: rounded down, because no venue pays a fraction that is not there."""
    return floor_to_decimals(profit(instrument, quantity, entry, price), AMOUNT_STEP)


def initial_margin(instrument: Instrument, quantity: Decimal, price: Decimal, leverage: Decimal) -> Decimal:
    """What a quantity needs to be held, rounded up."""
    return initial_margin_of(instrument.notional(abs(quantity), price), leverage)


def initial_margin_of(value: Decimal, leverage: Decimal) -> Decimal:
    """What a position of this value needs to be held, rounded up."""
    return ceil_to_decimals(value / leverage, AMOUNT_STEP)


def maintenance_margin(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Margin below which the venue takes the position away."""
    return instrument.notional(abs(quantity), price) * instrument.maintenance_margin_rate


def liquidation_price(
    instrument: Instrument,
    quantity: Decimal,
    entry: Decimal,
    margin: Decimal,
    keep_rate: Decimal,
) -> Decimal | None:
    """Price where margin + P&L equals ``keep_rate`` of the position's value; None where no positive price does.

    ``keep_rate`` is maintenance rate + taker fee. For an isolated position ``margin`` is its own; for a cross position
    it is everything else that stands behind it, and then the price is an estimate: what else is held moves too.
    """
    value = abs(quantity) * instrument.contract_value
    is_long = quantity > ZERO
    if instrument.is_inverse:
        # q m (1 + k) / (M + q m / A) and q m (1 - k) / (q m / A - M), both sides multiplied by A.
        above = value * entry * (ONE + keep_rate if is_long else ONE - keep_rate)
        below = margin * entry + value if is_long else value - margin * entry
    else:
        above = value * entry - margin if is_long else value * entry + margin
        below = value * (ONE - keep_rate if is_long else ONE + keep_rate)
    if above <= ZERO or below <= ZERO:
        return None
    return above / below


def most_opened(
    instrument: Instrument,
    free: Decimal,
    price: Decimal,
    leverage: Decimal,
    fee_rate: Decimal,
) -> Decimal:
    """What an amount of the settle currency opens, in the instrument's unit and not rounded; on spot without a fee."""
    return free / price if instrument.is_spot else max_contracts(instrument, free, price, leverage, fee_rate)


def max_contracts(
    instrument: Instrument,
    available: Decimal,
    price: Decimal,
    leverage: Decimal,
    fee_rate: Decimal,
) -> Decimal:
    """Contracts that an amount of the settle currency opens, margin and taker fee included; not rounded to lots."""
    if available <= ZERO:
        return ZERO
    # available = notional x (1 / leverage + fee): everything is multiplied by the leverage before the one division.
    budget = available * leverage
    share = (ONE + fee_rate * leverage) * instrument.contract_value
    if instrument.is_inverse:
        return budget * price / share
    return budget / (share * price)
