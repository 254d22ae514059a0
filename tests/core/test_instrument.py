from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS

INSTRUMENTS = {instrument.symbol: instrument for instrument in DEFAULT_INSTRUMENTS}
SPOT, LINEAR, INVERSE = (INSTRUMENTS[symbol] for symbol in ("BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP"))
ANY = st.sampled_from(DEFAULT_INSTRUMENTS)
QUANTITIES = st.decimals(-(10**7), 10**7, places=9)
PRICES = st.decimals("0.000000001", 10**6, places=9)
# Not every lot is a power of ten.
ODD = msgspec.structs.replace(SPOT, lot_size=Decimal("0.05"), quantity_min=Decimal("0.15"), tick_size=Decimal("2.5"))


@given(instrument=ANY | st.just(ODD), quantity=QUANTITIES)
def test_rounding_a_quantity_never_adds_size(instrument: Instrument, quantity: Decimal) -> None:
    rounded = instrument.round_quantity_down(quantity)
    assert abs(rounded) <= abs(quantity) < abs(rounded) + instrument.lot_size
    assert rounded % instrument.lot_size == 0
    assert rounded * quantity >= 0


@given(instrument=ANY | st.just(ODD), price=PRICES)
def test_a_price_lies_between_its_roundings_which_are_a_tick_apart_at_most(
    instrument: Instrument, price: Decimal
) -> None:
    down, up = instrument.round_price_down(price), instrument.round_price_up(price)
    assert down <= price <= up
    assert up - down in {Decimal(0), instrument.tick_size}
    assert instrument.is_valid_price(up)
    assert instrument.is_valid_price(down) is (down > 0)


@pytest.mark.parametrize(
    ("quantity", "is_valid"),
    [("0.15", True), ("0.2", True), ("0.1", False), ("0.17", False), ("0", False), ("-0.15", False)],
)
def test_a_quantity_is_whole_lots_and_not_below_the_least(quantity: str, *, is_valid: bool) -> None:
    assert ODD.is_valid_quantity(Decimal(quantity)) is is_valid


@pytest.mark.parametrize(("price", "is_valid"), [("2.5", True), ("60000", True), ("61", False), ("0", False)])
def test_a_price_is_positive_and_on_a_tick(price: str, *, is_valid: bool) -> None:
    assert ODD.is_valid_price(Decimal(price)) is is_valid


def test_notionals_are_in_the_settle_currency() -> None:
    # okx.md 3.8: q m P linear, q m / P inverse, and q P for spot.
    assert SPOT.notional(Decimal("0.5"), Decimal(60_000)) == 30_000
    assert LINEAR.notional(Decimal(5), Decimal(60_000)) == 3_000
    assert INVERSE.notional(Decimal(6), Decimal(60_000)) == Decimal("0.01")


def test_notionals_in_quote_are_comparable_over_all_kinds() -> None:
    price = Decimal(60_000)
    values = {
        SPOT.notional_in_quote(Decimal("0.01"), price),
        LINEAR.notional_in_quote(Decimal(1), price),
        INVERSE.notional_in_quote(Decimal(6), price),
    }
    assert values == {Decimal(600)}


def test_kinds_know_what_they_count_and_pay_in() -> None:
    assert (SPOT.is_spot, LINEAR.is_spot, INVERSE.is_spot) == (True, False, False)
    assert (SPOT.is_inverse, LINEAR.is_inverse, INVERSE.is_inverse) == (False, False, True)
    assert (SPOT.quantity_unit, LINEAR.quantity_unit, INVERSE.quantity_unit) == ("BTC", "contracts", "contracts")
    assert INVERSE.settle_currency == "BTC"


@given(instrument=ANY, lots=st.integers(1, 10**6))
def test_every_listed_instrument_takes_its_own_lots_from_its_minimum_on(instrument: Instrument, lots: int) -> None:
    quantity = lots * instrument.lot_size
    assert instrument.round_quantity_down(quantity) == quantity
    assert instrument.is_valid_quantity(quantity) is (quantity >= instrument.quantity_min)
    assert instrument.is_valid_quantity(instrument.quantity_min)
    assert instrument.kind in InstrumentKind
