"""Exact money: every amount is a Decimal made from text, rounded once, in a named direction."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, DefaultContext, FloatOperation, getcontext
from typing import Final, NewType

Price = NewType("Price", Decimal)
Quantity = NewType("Quantity", Decimal)
Notional = NewType("Notional", Decimal)
Amount = NewType("Amount", Decimal)

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
HUNDRED: Final = Decimal(100)
# Taken at par: a de-pegged stable coin is outside what these rules can see.
USD_CURRENCIES: Final = frozenset({"USD", "USDT", "USDC"})

PRECISION_DIGITS: Final = 38
AMOUNT_TEXT_LENGTH_MAX: Final = 64
AMOUNT_INTEGER_DIGITS_MAX: Final = 20
AMOUNT_DECIMALS_MAX: Final = 18

# Mixing a float into money must fail loudly in every thread, and 38 digits hold what NUMERIC(38,18) stores.
for _context in (DefaultContext, getcontext()):
    _context.traps[FloatOperation] = True
    _context.prec = PRECISION_DIGITS

_AMOUNT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?", re.ASCII)


class AmountError(ValueError):
    """A text that is not an exact, finite, reasonably sized decimal number."""


def parse_amount(text: str) -> Decimal:
    """Read one exact decimal from text such as ``0.1``, ``-3`` or ``1e-7``.

    Raises:
        AmountError: for anything else: spaces, signs alone, ``NaN``, ``1_000``, non-ASCII digits, more than
            20 digits before or 18 after the point.
    """
    if len(text) > AMOUNT_TEXT_LENGTH_MAX:
        message = f"a number may have at most {AMOUNT_TEXT_LENGTH_MAX} characters"
        raise AmountError(message)
    if _AMOUNT.fullmatch(text) is None:
        message = "not a plain decimal number such as 0.1 or 25"
        raise AmountError(message)
    value = Decimal(text)
    if value and value.adjusted() >= AMOUNT_INTEGER_DIGITS_MAX:
        message = f"a number may have at most {AMOUNT_INTEGER_DIGITS_MAX} digits before the point"
        raise AmountError(message)
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -AMOUNT_DECIMALS_MAX:
        message = f"a number may have at most {AMOUNT_DECIMALS_MAX} decimals"
        raise AmountError(message)
    return value


def format_amount(value: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros: ``0.0000001``, never ``1e-07``."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Greatest multiple of ``step`` that is not above ``value``; any positive step, also 0.05 or 5."""
    # divmod is exact where a quotient would be rounded to the context's precision, and truncates toward zero.
    steps, rest = divmod(value, step)
    return (steps - ONE if rest < ZERO else steps) * step


def ceil_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Least multiple of ``step`` that is not below ``value``."""
    return -floor_to_step(-value, step)


def floor_to_decimals(value: Decimal, step: Decimal) -> Decimal:
    """Do what ``floor_to_step`` does, where the step is a power of ten such as 1E-8: one operation instead of three."""
    return value.quantize(step, ROUND_FLOOR)


def ceil_to_decimals(value: Decimal, step: Decimal) -> Decimal:
    """Do what ``ceil_to_step`` does, where the step is a power of ten such as 1E-12."""
    return value.quantize(step, ROUND_CEILING)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether ``value`` is a whole number of steps."""
    return value % step == ZERO
