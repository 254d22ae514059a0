from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, insert, select
from sqlalchemy.exc import StatementError

from fairlead.store.columns import Money, check_money
from fairlead.store.urls import sync_url
from tests.servers.clean import on_every_database

FULL = Decimal("12345678901234567890.123456789012345678")

# Temporary, so that nothing of it stays on a server.
table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("amount", Money), prefixes=["TEMPORARY"])


def round_trip(value: Decimal | None, url: str = "sqlite://") -> Decimal | None:
    engine = create_engine(url if url == "sqlite://" else sync_url(url))
    with engine.begin() as connection:
        table.create(connection, checkfirst=False)
        connection.execute(insert(table).values(id=1, amount=value))
        read: Decimal | None = connection.execute(select(table.c.amount)).scalar_one()
    engine.dispose()
    return read


@on_every_database
@pytest.mark.parametrize(
    "value", [FULL, -FULL, Decimal("1e-18"), Decimal("1E+19"), Decimal("0.10"), Decimal("-0"), None]
)
def test_money_is_read_back_exactly(value: Decimal | None, url: str) -> None:
    assert round_trip(value, url) == value


@on_every_database
def test_money_is_written_in_one_canonical_form(url: str) -> None:
    assert str(round_trip(Decimal("1.500"), url)) == "1.5"
    assert str(round_trip(Decimal("1E+2"), url)) == "100"


# The rest asks SQLite in memory: what is sent is a text, and the same whatever the database.
@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**20) + 1, max_value=10**20 - 1))
def test_every_amount_that_fits_is_exact(value: Decimal) -> None:
    assert round_trip(value) == value


@pytest.mark.parametrize("value", [Decimal("1e20"), Decimal("1e-19"), Decimal("NaN"), Decimal("Infinity")])
def test_money_that_would_be_rounded_is_refused(value: Decimal) -> None:
    with pytest.raises(ValueError, match=r"must be finite|does not fit"):
        check_money(value)


@pytest.mark.parametrize("value", [0.1, 1, "1"])
def test_only_decimals_are_money(value: object) -> None:
    with pytest.raises(TypeError, match=r"must be a Decimal"):
        check_money(value)


def test_a_float_does_not_reach_the_database() -> None:
    with pytest.raises(StatementError, match=r"must be a Decimal"):
        round_trip(0.1)  # type: ignore[arg-type]
