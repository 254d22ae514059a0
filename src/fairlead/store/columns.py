"""Column types that mean the same on every database."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Numeric, Text
from sqlalchemy.types import TypeDecorator

from fairlead.core.model.money import format_amount
from fairlead.store.urls import SQLITE

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine

MONEY_DIGITS_MAX: Final = 38
MONEY_DECIMALS_MAX: Final = 18
MONEY_INTEGER_DIGITS_MAX: Final = MONEY_DIGITS_MAX - MONEY_DECIMALS_MAX


def check_money(value: object) -> Decimal:
    """Pass on a decimal that NUMERIC(38,18) holds without rounding.

    Raises:
        TypeError: not a Decimal (a float above all).
        ValueError: not finite, or more than 20 digits before or 18 after the point.
    """
    if not isinstance(value, Decimal):
        message = f"money must be a Decimal, not {type(value).__name__}"
        raise TypeError(message)
    if not value.is_finite():
        message = f"money must be finite, not {value}"
        raise ValueError(message)
    # The text, because normalize() would round to the context's precision.
    whole, _, decimals = format_amount(abs(value)).partition(".")
    if len(whole) > MONEY_INTEGER_DIGITS_MAX or len(decimals) > MONEY_DECIMALS_MAX:
        message = (
            f"{value} does not fit {MONEY_INTEGER_DIGITS_MAX} digits before and {MONEY_DECIMALS_MAX} after the point"
        )
        raise ValueError(message)
    return value


class Money(TypeDecorator[Decimal]):
    """An exact decimal: TEXT on SQLite, whose numbers are floats, and NUMERIC(38,18) elsewhere.

    Text does not sort or add up as numbers do: order and total in Python.
    """

    impl = Numeric(MONEY_DIGITS_MAX, MONEY_DECIMALS_MAX)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose how this database stores it."""
        if dialect.name == SQLITE:
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(Numeric(MONEY_DIGITS_MAX, MONEY_DECIMALS_MAX))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:  # noqa: ANN401
        """Write it in its one canonical form."""
        if value is None:
            return None
        exact = check_money(value)
        return format_amount(exact) if dialect.name == SQLITE else exact

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401, ARG002
        """Read it back."""
        return None if value is None else Decimal(value)
