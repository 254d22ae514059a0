"""Column types that mean the same on every database."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import LargeBinary, Text
from sqlalchemy.types import TypeDecorator

from fairlead.core.model.money import format_amount
from fairlead.store.urls import DatabaseKind

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine

MONEY_DIGITS_MAX: Final = 38
MONEY_DECIMALS_MAX: Final = 18
MONEY_INTEGER_DIGITS_MAX: Final = MONEY_DIGITS_MAX - MONEY_DECIMALS_MAX
DIGEST_BYTES_MAX: Final = 64
# Names of columns that stand in keys and indexes, and the most characters of each. The layouts of all versions use
# them, so a bound is never changed here: a new one needs a new name, or a step that changes the column.
NAME_LENGTHS_MAX: Final = {
    "tenant": 64,
    "stream": 160,
    "kind": 64,
    "key": 256,
    "space": 64,
    "owner": 128,
    "cause": 128,
    "alert_id": 64,
    "request_id": 64,
    "order_id": 64,
    "account_id": 64,
    "symbol": 64,
    "position_side": 16,
    "source_id": 64,
    "strategy_id": 128,
    "currency": 64,
    "user_id": 64,
    "bot_id": 64,
    "username": 128,
    "label": 128,
    "name": 128,
    "group_id": 64,
    "hook_id": 64,
    "call_id": 64,
    "channel_id": 64,
    "message_id": 128,
    "subject": 128,
    "status": 32,
}
MARIADB_CHARSET: Final = "utf8mb4"
MARIADB_COLLATION: Final = "utf8mb4_nopad_bin"
_NUL: Final = "\0"
_NUL_SHOWN: Final = "\N{SYMBOL FOR NULL}"


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


class Words(TypeDecorator[str]):
    """Text of any length that is compared, and sorted, by its code points, as SQLite does it.

    PostgreSQL would sort by the rules of a language, and MariaDB would take "Key", "key" and "key " for the same.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose how this database stores it."""
        if dialect.name == DatabaseKind.POSTGRESQL:
            return dialect.type_descriptor(Text(collation="C"))
        return dialect.type_descriptor(self._mariadb_type() if dialect.name == DatabaseKind.MARIADB else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write it; PostgreSQL has no NUL in a text, so nobody has."""
        return value.replace(_NUL, _NUL_SHOWN) if value and _NUL in value else value

    def _mariadb_type(self) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = _mariadb().LONGTEXT(charset=MARIADB_CHARSET, collation=MARIADB_COLLATION)
        return kind


class Name(Words):
    """A text that stands in a key or an index, which bounds its length in characters; a longer one is an error.

    MariaDB needs the bound in the layout, and 768 characters are the most for all columns of one index together.
    """

    cache_ok = True

    def __init__(self, length_max: int) -> None:
        """Bound it."""
        super().__init__()
        self.length_max = length_max

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Write it.

        Raises:
            ValueError: it is too long.
        """
        if value is not None and len(value) > self.length_max:
            message = f"at most {self.length_max} characters fit here, not {len(value)}"
            raise ValueError(message)
        return super().process_bind_param(value, dialect)

    def _mariadb_type(self) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = _mariadb().VARCHAR(
            self.length_max, charset=MARIADB_CHARSET, collation=MARIADB_COLLATION
        )
        return kind


class Bytes(TypeDecorator[bytes]):
    """Bytes of any length."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose how this database stores it."""
        if dialect.name == DatabaseKind.MARIADB:
            return dialect.type_descriptor(_mariadb().LONGBLOB())
        return dialect.type_descriptor(LargeBinary())


class Digest(TypeDecorator[bytes]):
    """At most 64 bytes, which can be looked up."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose how this database stores it."""
        if dialect.name == DatabaseKind.MARIADB:
            return dialect.type_descriptor(_mariadb().VARBINARY(DIGEST_BYTES_MAX))
        return dialect.type_descriptor(LargeBinary())


class Money(TypeDecorator[Decimal]):
    """An exact decimal as text, the same on every database: no column of numbers holds what a quotient may need.

    Text does not sort or add up as numbers do: order and total in Python.
    """

    impl = Words
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002
        """Write it in its one canonical form."""
        return None if value is None else format_amount(check_money(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401, ARG002
        """Read it back."""
        return None if value is None else Decimal(value)


def _mariadb() -> ModuleType:
    # Loading its types loads all its dialects, and who uses MariaDB has them already.
    return import_module("sqlalchemy.dialects.mysql")


def text_type(column: str) -> Words:
    """The type of a column of text, by its name: bounded if columns of that name stand in keys."""
    length_max = NAME_LENGTHS_MAX.get(column)
    return Words() if length_max is None else Name(length_max)
