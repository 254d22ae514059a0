"""The one place where sizes change their unit, are cut to whole lots, and are split."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from functools import lru_cache
from typing import Final

import msgspec

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO, ceil_to_step, floor_to_step
from fairlead.core.model.request import Size, SizeUnit

# A venue takes any fraction of a quote amount; more decimals than these no currency has on an order.
QUOTE_STEP: Final = Decimal("1E-8")
LEGS_MAX: Final = 40
_SHOWN_STEP: Final = Decimal("1E-8")


class Ratio(msgspec.Struct, frozen=True, gc=False):
    """A quantity as a fraction that was not divided yet, with the words for it."""

    numerator: Decimal
    denominator: Decimal
    formula: str

    @property
    def value(self) -> Decimal:
        """Divided."""
        return self.numerator / self.denominator

    def lots_down(self, instrument: Instrument) -> Decimal:
        """Whole lots in it, rounded down; exact, because the integer division is the only one."""
        return (self.numerator // (self.denominator * instrument.lot_size)) * instrument.lot_size


def percent_of(percent: Decimal, amount: Decimal, what: str) -> Ratio:
    """Take a percentage of an amount."""
    return Ratio(percent * amount, HUNDRED, f"{show(percent)} % of {what}")


def needs_price(instrument: Instrument, unit: SizeUnit) -> bool:
    """Whether a size in this unit becomes a quantity only at a price."""
    if unit is SizeUnit.QUOTE:
        return not instrument.is_inverse
    return unit is SizeUnit.BASE and instrument.is_inverse


def to_native(instrument: Instrument, size: Size, price: Decimal) -> Ratio | None:
    """Size in the instrument's own unit (docs/alerts.md); None for percentages and for a unit that it does not have."""
    amount, value = size.amount, instrument.contract_value
    match size.unit:
        case SizeUnit.NATIVE:
            return Ratio(amount, ONE, f"{show(amount)} {instrument.quantity_unit} as asked")
        case SizeUnit.CONTRACTS:
            return None if instrument.is_spot else Ratio(amount, ONE, f"{show(amount)} contracts as asked")
        case SizeUnit.BASE if instrument.is_spot:
            return Ratio(amount, ONE, f"{show(amount)} {instrument.base_currency} as asked")
        case SizeUnit.BASE if instrument.is_inverse:
            formula = f"{show(amount)} {instrument.base_currency} × {show(price)} / {_contract(instrument)}"
            return Ratio(amount * price, value, formula)
        case SizeUnit.BASE:
            return Ratio(amount, value, f"{show(amount)} {instrument.base_currency} / {_contract(instrument)}")
        case SizeUnit.QUOTE if instrument.is_inverse:
            return Ratio(amount, value, f"{show(amount)} {instrument.quote_currency} / {_contract(instrument)}")
        case SizeUnit.QUOTE:
            per_contract = "" if instrument.is_spot else f" / {_contract(instrument)}"
            formula = f"{show(amount)} {instrument.quote_currency} / {show(price)}{per_contract}"
            return Ratio(amount, price * value, formula)
        case SizeUnit.PERCENT:
            return None


def split_quantity(quantity: Decimal, *, step: Decimal, least: Decimal, greatest: Decimal) -> list[Decimal]:
    """Cut a quantity into parts that are neither too large nor too small; together they are exactly the quantity."""
    greatest = floor_to_step(greatest, step)
    if quantity <= greatest or greatest <= ZERO:
        return [quantity]
    full, rest = divmod(quantity, greatest)
    parts = [greatest] * int(full)
    if not rest:
        return parts
    # A last part below the minimum takes what it lacks from the one before.
    lacking = max(ZERO, ceil_to_step(least - rest, step))
    parts[-1] -= lacking
    return [*parts, rest + lacking]


# Fees, leverages, contract values and prices are the same in the sentences of many orders.
@lru_cache(maxsize=4_096)
def show(value: Decimal) -> str:
    """Write a number for people: ``10,000`` and ``0.00005``; at most 8 decimals, rounded down, unless it is tiny."""
    if not value:
        return "0"
    if abs(value) >= _SHOWN_STEP:
        value = value.quantize(_SHOWN_STEP, ROUND_DOWN)
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def show_in(value: Decimal, unit: str) -> str:
    """Write a number with its unit."""
    return f"{show(value)} {unit}"


def _contract(instrument: Instrument) -> str:
    unit = instrument.quote_currency if instrument.is_inverse else instrument.base_currency
    return f"{show(instrument.contract_value)} {unit} per contract"
