from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.money import ZERO, format_amount
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.sizing import (
    Ratio,
    needs_price,
    percent_of,
    show,
    show_in,
    split_quantity,
    to_native,
)
from tests.core.rules.trading_world import INSTRUMENTS, INVERSE, LINEAR, SPOT, D, make_instrument

PRICE = D(60_000)
lots = st.sampled_from([D("0.05"), D(5), D("0.003"), D("0.01"), D(1), D("0.00000001"), D("0.7")])
amounts = st.decimals(min_value="0.00000001", max_value="1000000", places=8)


def in_lots(symbol: str, amount: str, unit: SizeUnit, price: Decimal = PRICE) -> Decimal:
    ratio = to_native(INSTRUMENTS[symbol], Size(amount=D(amount), unit=unit), price)
    assert ratio is not None
    return ratio.lots_down(INSTRUMENTS[symbol])


@pytest.mark.parametrize(
    ("quantity", "lot", "result"),
    [
        ("0.29", "0.01", "0.29"),
        ("0.57", "0.01", "0.57"),
        ("4.35", "0.01", "4.35"),
        ("0.37", "0.05", "0.35"),
        ("23", "5", "20"),
    ],
)
def test_quantities_are_cut_to_whole_lots(quantity: str, lot: str, result: str) -> None:
    instrument = make_instrument(LINEAR, lot_size=D(lot))
    assert Ratio(D(quantity), D(1), "").lots_down(instrument) == D(result)
    assert instrument.round_quantity_down(D(quantity)) == D(result)


def test_small_numbers_have_no_exponent() -> None:
    assert format_amount(D("1E-7")) == "0.0000001"
    assert show(D("1E-7")) == "0.0000001"


@pytest.mark.parametrize(
    ("symbol", "amount", "unit", "contracts"),
    [
        (LINEAR, "0.1", SizeUnit.BASE, "10"),
        (LINEAR, "1000", SizeUnit.QUOTE, "1.66"),
        (LINEAR, "3.999", SizeUnit.NATIVE, "3.99"),
        (LINEAR, "3.999", SizeUnit.CONTRACTS, "3.99"),
        (INVERSE, "1050", SizeUnit.QUOTE, "10"),
        (INVERSE, "0.02", SizeUnit.BASE, "12"),
        (SPOT, "0.123456789", SizeUnit.BASE, "0.12345678"),
        (SPOT, "600", SizeUnit.QUOTE, "0.01"),
    ],
)
def test_every_unit_becomes_the_unit_of_the_instrument(
    symbol: str, amount: str, unit: SizeUnit, contracts: str
) -> None:
    assert in_lots(symbol, amount, unit) == D(contracts)


def test_half_of_a_maximum_is_cut_to_lots() -> None:
    assert percent_of(D(50), D("37.4567"), "37.4567 contracts").lots_down(INSTRUMENTS[LINEAR]) == D("18.72")


def test_spot_has_no_contracts_and_a_percentage_no_unit() -> None:
    assert to_native(INSTRUMENTS[SPOT], Size(amount=D(1), unit=SizeUnit.CONTRACTS), PRICE) is None
    for instrument in INSTRUMENTS.values():
        assert to_native(instrument, Size(amount=D(1), unit=SizeUnit.PERCENT), PRICE) is None


def test_only_some_units_need_a_price() -> None:
    needing = {(symbol, unit) for symbol in INSTRUMENTS for unit in SizeUnit if needs_price(INSTRUMENTS[symbol], unit)}
    assert needing == {(SPOT, SizeUnit.QUOTE), (LINEAR, SizeUnit.QUOTE), (INVERSE, SizeUnit.BASE)}


@given(amounts, lots)
def test_cutting_to_lots_never_adds_and_never_takes_a_whole_lot(amount: Decimal, lot: Decimal) -> None:
    quantity = Ratio(amount, D(1), "").lots_down(make_instrument(LINEAR, lot_size=lot))
    assert quantity % lot == ZERO
    assert ZERO <= amount - quantity < lot


@given(
    st.sampled_from([SPOT, LINEAR, INVERSE]),
    amounts,
    st.sampled_from(SizeUnit),
    st.decimals(min_value="0.1", max_value="100000", places=1),
    lots,
)
def test_no_unit_and_no_price_ever_adds_size(
    symbol: str, amount: Decimal, unit: SizeUnit, price: Decimal, lot: Decimal
) -> None:
    instrument = make_instrument(symbol, lot_size=lot)
    ratio = to_native(instrument, Size(amount=amount, unit=unit), price)
    if ratio is None:
        return
    quantity = ratio.lots_down(instrument)
    assert quantity % lot == ZERO
    # Multiplied out, so that the check itself rounds nothing.
    assert quantity * ratio.denominator <= ratio.numerator < (quantity + lot) * ratio.denominator


def test_thirty_thousand_contracts_are_three_orders() -> None:
    parts = split_quantity(D(30_000), step=D("0.01"), least=D("0.01"), greatest=D(12_000))
    assert parts == [D(12_000), D(12_000), D(6_000)]


def test_a_rest_below_the_minimum_is_filled_up_from_the_part_before() -> None:
    assert split_quantity(D(21), step=D(1), least=D(5), greatest=D(10)) == [D(10), D(6), D(5)]


@given(st.integers(1, 10_000), st.integers(1, 9), st.integers(20, 500), lots)
def test_the_parts_are_exactly_the_whole(lots_in_all: int, least_lots: int, greatest_lots: int, lot: Decimal) -> None:
    quantity, least, greatest = lots_in_all * lot, least_lots * lot, greatest_lots * lot + lot / 2
    if quantity < least:
        return
    parts = split_quantity(quantity, step=lot, least=least, greatest=greatest)
    assert sum(parts, ZERO) == quantity
    assert all(least <= part <= greatest and part % lot == ZERO for part in parts)
    assert len(parts) <= quantity // (greatest_lots * lot) + 1


def test_numbers_are_written_for_people() -> None:
    assert show(D("10000.00")) == "10,000"
    assert show(D("-1234567.5")) == "-1,234,567.5"
    assert show(D("0.00005")) == "0.00005"
    assert show(D(1) / D(3)) == "0.33333333"
    assert show(D("0.0000000000012")) == "0.0000000000012"
    assert show(D("-0.5")) == "-0.5"
    assert show(ZERO) == "0"
    assert show_in(D(3), "contracts") == "3 contracts"
