"""What tables are made of: the columns that many have, and the marks that say who may read them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, MetaData

from fairlead.store.columns import Bytes, text_type

TENANT: Final = {"tenant": True}
CONFIG: Final = {"config": True}
TENANT_CONFIG: Final = {"tenant": True, "config": True}
SEALED: Final = {"sealed": True}
FIXED: Final = {"fixed": True}

metadata = MetaData(
    naming_convention={"ix": "%(table_name)s_%(column_0_N_name)s", "uq": "%(table_name)s_%(column_0_N_name)s_unique"},
)


def key(name: str) -> Column[str]:
    """A text that is the primary key, or a part of it."""
    return Column(name, text_type(name), primary_key=True)


def text(name: str, info: dict[str, bool] | None = None) -> Column[str]:
    """A text that is always there."""
    return Column(name, text_type(name), nullable=False, info=info)


def time(name: str) -> Column[int]:
    """UTC in milliseconds."""
    return Column(name, BigInteger, nullable=False)


def flag(name: str) -> Column[bool]:
    """True or false."""
    return Column(name, Boolean, nullable=False)


def body() -> Column[bytes]:
    """What only programs read."""
    return Column("body", Bytes, nullable=False)


def sealed(name: str) -> Column[bytes]:
    """What only the vault can read."""
    return Column(name, Bytes, nullable=False, info=SEALED)


def part_of(table: str, key: str, *, primary_key: bool = True) -> Column[str]:
    """The key of the row that it belongs to, and goes with."""
    owner = ForeignKey(f"{table}.{key}", ondelete="CASCADE")
    return Column(key, text_type(key), owner, primary_key=primary_key, nullable=False)


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """A text that is one of few."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")
