from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.core.model.money import ZERO
from fairlead.core.rules.margin import (
    AMOUNT_STEP,
    average_entry,
    initial_margin,
    leverage_of,
    liquidation_price,
    maintenance_margin,
    max_contracts,
    profit,
    realized_profit,
)
from tests.core.rules.trading_world import INSTRUMENTS, INVERSE, LINEAR, SPOT, D, make_instrument

symbols = st.sampled_from([LINEAR, INVERSE])
prices = st.decimals(min_value="100", max_value="200000", places=1)
contracts = st.integers(1, 100_000).map(Decimal)
directions = st.sampled_from([D(1), D(-1)])


def test_the_sample_of_the_venue_is_met_within_the_stated_factor() -> None:
    ether = make_instrument("ETH-USD-SWAP", contract_value=D(10), maintenance_margin_rate=D("0.008"))
    entry = D("2566.31")
    margin = initial_margin(ether, D(1), entry, D(10))
    assert margin.quantize(D("1E-8")) == D("0.00038966")
    price = liquidation_price(ether, D(1), entry, D("0.00038966"), D("0.008") + D("0.0005"))
    assert price is not None
    # The venue multiplies (1 + mmr)(1 + fee) where we add; OKX API v5 says by how much that differs.
    assert abs(price / D("2352.8497") - 1) < D("1E-5")
    exact = liquidation_price(ether, D(1), entry, D("0.00038966"), D("1.008") * D("1.0005") - 1)
    assert exact is not None
    # The sample's margin has only 8 decimals.
    assert abs(exact / D("2352.8497") - 1) < D("1E-6")


@given(symbols, contracts, directions, prices, st.integers(1, 100))
def test_at_the_liquidation_price_margin_and_loss_equal_what_must_be_kept(
    symbol: str, quantity: Decimal, direction: Decimal, entry: Decimal, leverage: int
) -> None:
    instrument, keep_rate = INSTRUMENTS[symbol], D("0.0045")
    margin = instrument.notional(quantity, entry) / leverage
    price = liquidation_price(instrument, quantity * direction, entry, margin, keep_rate)
    if price is None:
        # A long that is paid in full is never taken away, nor an inverse short.
        assert leverage == 1
        return
    left = margin + profit(instrument, quantity * direction, entry, price)
    kept = instrument.notional(quantity, price) * keep_rate
    assert abs(left - kept) <= D("1E-20") * max(D(1), instrument.notional(quantity, entry))


@given(symbols, contracts, prices, prices)
def test_what_one_side_wins_the_other_loses(symbol: str, quantity: Decimal, entry: Decimal, price: Decimal) -> None:
    instrument = INSTRUMENTS[symbol]
    gain = profit(instrument, quantity, entry, price)
    assert gain == -profit(instrument, -quantity, entry, price)
    assert (gain > ZERO) is (price > entry)
    booked = realized_profit(instrument, quantity, entry, price)
    assert ZERO <= gain - booked < AMOUNT_STEP


@given(symbols, contracts, contracts, prices, prices, prices)
def test_the_average_entry_keeps_the_profit(
    symbol: str, quantity_1: Decimal, quantity_2: Decimal, price_1: Decimal, price_2: Decimal, mark: Decimal
) -> None:
    instrument = INSTRUMENTS[symbol]
    entry = average_entry(instrument, (quantity_1, price_1), (quantity_2, price_2))
    together = profit(instrument, quantity_1 + quantity_2, entry, mark)
    apart = profit(instrument, quantity_1, price_1, mark) + profit(instrument, quantity_2, price_2, mark)
    assert min(price_1, price_2) <= entry <= max(price_1, price_2)
    assert abs(together - apart) <= D("1E-17") * instrument.notional(
        quantity_1 + quantity_2, min(price_1, price_2, mark)
    )


@given(
    symbols,
    st.decimals(min_value="0", max_value="1000000", places=8),
    prices,
    st.integers(1, 100).map(Decimal),
    st.sampled_from([ZERO, D("0.0005"), D("0.001")]),
)
def test_margin_and_fee_of_the_greatest_quantity_use_up_what_is_free(
    symbol: str, available: Decimal, price: Decimal, leverage: Decimal, fee_rate: Decimal
) -> None:
    instrument = INSTRUMENTS[symbol]
    quantity = max_contracts(instrument, available, price, leverage, fee_rate)
    notional = instrument.notional(quantity, price)
    needed = notional / leverage + notional * fee_rate
    assert abs(needed - available) <= D("1E-25") * max(D(1), available)


def test_nothing_opens_with_nothing() -> None:
    for available in (ZERO, D(-5)):
        assert max_contracts(INSTRUMENTS[LINEAR], available, D(60_000), D(5), D("0.0005")) == ZERO


def test_maintenance_margin_is_a_share_of_the_value_at_the_mark() -> None:
    assert maintenance_margin(INSTRUMENTS[LINEAR], D(-100), D(60_000)) == D(240)
    assert maintenance_margin(INSTRUMENTS[INVERSE], D(600), D(60_000)) == D("0.004")


@pytest.mark.parametrize("leverage", [D(3), D(7)])
def test_initial_margin_is_rounded_up(leverage: Decimal) -> None:
    margin = initial_margin(INSTRUMENTS[INVERSE], D(1), D(60_000), leverage)
    exact = INSTRUMENTS[INVERSE].notional(D(1), D(60_000)) / leverage
    assert ZERO <= margin - exact < AMOUNT_STEP


@pytest.mark.parametrize(
    ("symbol", "most", "wanted", "known", "leverage"),
    [
        (LINEAR, 100, None, None, 3),
        (LINEAR, 2, None, None, 2),
        (LINEAR, 100, None, 7, 7),
        (LINEAR, 100, 5, 7, 5),
        (SPOT, 1, 5, 7, 1),
    ],
)
def test_a_bot_trades_with_the_leverage_that_somebody_named_or_else_with_a_small_one(
    symbol: str, most: int, wanted: int | None, known: int | None, leverage: int
) -> None:
    instrument = replace(INSTRUMENTS[symbol], leverage_max=D(most))
    found = leverage_of(None if wanted is None else D(wanted), instrument, None if known is None else D(known))
    assert found == leverage
