from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.account import MarginMode, Position, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.margin import AMOUNT_STEP, profit
from fairlead.core.rules.order_state import InvariantBroken
from fairlead.core.rules.position_state import apply_fill, apply_funding
from tests.core.rules.trading_world import ACCOUNT, INSTRUMENTS, INVERSE, LINEAR, TENANT, D

Trades = list[tuple[Side, int, int]]
trades = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 500), st.integers(20_000, 90_000)),
    min_size=1,
    max_size=20,
)


def flat(symbol: str = LINEAR, **changes: object) -> Position:
    terms: dict[str, Any] = {
        "tenant": TENANT,
        "account_id": ACCOUNT,
        "symbol": symbol,
        "position_side": PositionSide.NET,
        "margin_mode": MarginMode.CROSS,
        "leverage": D(5),
        **changes,
    }
    return Position(**terms)


def trade(position: Position, *fills: tuple[Side, int | str, int]) -> tuple[Position, Decimal]:
    total = ZERO
    for side, quantity, price in fills:
        position, realized = apply_fill(position, side, D(price), D(quantity), D(1), INSTRUMENTS[position.symbol])
        total += realized
    return position, total


def test_a_linear_entry_is_the_weighted_average() -> None:
    position, realized = trade(flat(), (Side.BUY, 100, 60_000), (Side.BUY, 300, 64_000))
    assert (position.quantity, position.entry_price, realized, position.fee) == (D(400), D(63_000), ZERO, D(2))


def test_an_inverse_entry_is_the_harmonic_average() -> None:
    position, _ = trade(flat(INVERSE), (Side.BUY, 1, 40_000), (Side.BUY, 1, 60_000))
    assert position.entry_price == D(48_000)


def test_a_partial_close_keeps_the_entry_and_realises_its_part() -> None:
    position, realized = trade(flat(), (Side.BUY, 100, 60_000), (Side.SELL, 40, 61_000))
    assert (position.quantity, position.entry_price, realized) == (D(60), D(60_000), D(400))
    assert position.realized_pnl == realized


def test_a_short_in_inverse_contracts_earns_coins_when_the_price_falls() -> None:
    position, realized = trade(flat(INVERSE), (Side.SELL, 10, 50_000), (Side.BUY, 10, 40_000))
    assert (position.quantity, position.entry_price, realized) == (ZERO, ZERO, D("0.005"))


def test_a_flip_closes_all_and_opens_the_rest_at_its_own_price() -> None:
    position, realized = trade(flat(), (Side.BUY, 100, 60_000), (Side.SELL, 150, 61_000))
    assert (position.quantity, position.entry_price, realized) == (D(-50), D(61_000), D(1_000))


def test_long_and_short_sides_keep_a_positive_quantity() -> None:
    short, _ = trade(flat(position_side=PositionSide.SHORT), (Side.SELL, 5, 60_000))
    assert (short.quantity, short.signed_quantity) == (D(5), D(-5))
    short, realized = trade(short, (Side.BUY, 5, 59_000))
    assert (short.quantity, short.entry_price, realized) == (ZERO, ZERO, D(50))


def test_a_side_cannot_turn_into_its_opposite() -> None:
    for side, closing in ((PositionSide.LONG, Side.SELL), (PositionSide.SHORT, Side.BUY)):
        position, _ = trade(flat(position_side=side), (closing.opposite, 5, 60_000))
        with pytest.raises(InvariantBroken):
            trade(position, (closing, "5.01", 60_000))


def test_funding_is_kept_beside_the_profit() -> None:
    position = apply_funding(apply_funding(flat(), D("-1.5")), D("0.5"))
    assert (position.funding, position.realized_pnl) == (D(-1), ZERO)


@given(trades, st.sampled_from([LINEAR, INVERSE]), st.integers(20_000, 90_000))
def test_realised_and_open_profit_add_up_to_every_trade_valued_now(fills: Trades, symbol: str, mark: int) -> None:
    instrument = INSTRUMENTS[symbol]
    position, realized = trade(flat(symbol), *fills)
    now = realized + profit(instrument, position.signed_quantity, position.entry_price, D(mark))
    each = sum(
        (profit(instrument, D(q) if side is Side.BUY else -D(q), D(price), D(mark)) for side, q, price in fills),
        ZERO,
    )
    # Each close loses less than one step to rounding down, and an entry price its 25th digit.
    assert -D("1E-15") <= each - now <= AMOUNT_STEP * len(fills) + D("1E-15")


@given(trades, st.sampled_from([LINEAR, INVERSE]))
def test_undoing_what_is_held_ends_at_exactly_zero(fills: Trades, symbol: str) -> None:
    position, _ = trade(flat(symbol), *fills)
    assert position.quantity == sum(q if side is Side.BUY else -q for side, q, _ in fills)
    if position.quantity:
        closing = Side.SELL if position.quantity > ZERO else Side.BUY
        position, _ = apply_fill(position, closing, D(50_000), abs(position.quantity), ZERO, INSTRUMENTS[symbol])
    assert (position.quantity, position.entry_price) == (ZERO, ZERO)
