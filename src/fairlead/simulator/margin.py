"""Arithmetic of perpetual positions, linear and inverse: entry, profit, margin, liquidation (pure)."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final

from fairlead.core.model.money import ONE, ZERO, ceil_to_step, floor_to_step

if TYPE_CHECKING:
    from fairlead.core.model.instrument import Instrument

# Entry prices are quotients; 24 digits keep them readable and the error far below the smallest amount.
_ENTRY: Final = Context(prec=24)
AMOUNT_STEP: Final = Decimal("1E-12")


def round_to_user(amount: Decimal) -> Decimal:
    """Round profit down and cost up: the exchange never pays a fraction that is not there."""
    return floor_to_step(amount, AMOUNT_STEP)


def fee_amount(rate: Decimal, notional: Decimal) -> Decimal:
    """Fee of a fill, positive when paid, rounded up."""
    return ceil_to_step(rate * notional, AMOUNT_STEP)


def profit(instrument: Instrument, quantity: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    """P&L of a signed quantity in the settle currency: s q m (P - A), inverse s q m (1/A - 1/P)."""
    if not quantity:
        return ZERO
    if instrument.is_inverse:
        # One division: (P - A) / (A P) loses less than 1/A - 1/P.
        return quantity * instrument.contract_value * (price - entry) / (entry * price)
    return quantity * instrument.contract_value * (price - entry)


def entry_cost(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """What of a fill adds up to an average price: quantity x price, for inverse quantity / price."""
    return quantity / price if instrument.is_inverse else quantity * price


def entry_average(instrument: Instrument, quantity: Decimal, cost: Decimal) -> Decimal:
    """Average price of a quantity from the sum of its costs; for inverse it is the harmonic mean."""
    return _ENTRY.divide(quantity, cost) if instrument.is_inverse else _ENTRY.divide(cost, quantity)


def initial_margin(instrument: Instrument, quantity: Decimal, price: Decimal, leverage: Decimal) -> Decimal:
    """What a quantity needs to be opened, rounded up."""
    return ceil_to_step(instrument.notional(abs(quantity), price) / leverage, AMOUNT_STEP)


def liquidation_price(
    instrument: Instrument,
    quantity: Decimal,
    entry: Decimal,
    margin: Decimal,
    keep_rate: Decimal,
) -> Decimal | None:
    """Price where margin + P&L equals ``keep_rate`` of the value (OKX API v5); None where no price does.

    With keep_rate = maintenance rate + taker fee it is the liquidation price; with the fee alone, the bankruptcy price.
    """
    value = abs(quantity) * instrument.contract_value
    is_long = quantity > ZERO
    if instrument.is_inverse:
        above = value * (ONE + keep_rate) if is_long else value * (ONE - keep_rate)
        below = margin + value / entry if is_long else value / entry - margin
    else:
        above = value * entry - margin if is_long else value * entry + margin
        below = value * (ONE - keep_rate) if is_long else value * (ONE + keep_rate)
    if above <= ZERO or below <= ZERO:
        return None
    return above / below
