"""Whatever two runs filled, the parts of their difference add up to it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.backtest.parity.comparing import BUGS, Difference, Replayed, Why, blame, compare
from fairlead.backtest.parity.parts import add_up, profit_of
from fairlead.backtest.parity.stretches import LiveOrder, Trade
from fairlead.core.model.bots.decision import want_entry
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.request import Side, Size, SizeUnit
from tests.core.bots.toy_exchange import INVERSE, LINEAR, SPOT

MARK = Decimal(100)
CENT = Decimal("0.01")
MINUTE_MS = 60_000


def trade(instrument: Instrument, slot: str, price: Decimal, quantity: Decimal, **changes: object) -> Trade:
    values: dict[str, object] = {
        "cycle": 1,
        "slot": slot,
        "at_ms": MINUTE_MS,
        "is_buy": True,
        "opens": True,
        "quantity": quantity,
        "price": price,
        "value": instrument.notional(quantity, price),
        "limit": price,
    }
    return Trade(**{**values, **changes})  # type: ignore[arg-type]


def replayed(*trades: Trade) -> Replayed:
    return Replayed(trades=trades, orders=(), candle_ms=MINUTE_MS, end_ms=60 * MINUTE_MS, mark=MARK)


def rested(slot: str, **changes: object) -> LiveOrder:
    want = want_entry(slot, Side.BUY, Size(amount=Decimal(1), unit=SizeUnit.BASE), Decimal(99))
    return LiveOrder(**{"want": want, "cycle": 1, "placed_ms": 0, **changes})  # type: ignore[arg-type]


@st.composite
def trades(draw: st.DrawFn, instrument: Instrument) -> list[Trade]:
    found = []
    for slot in draw(st.lists(st.sampled_from(("b", "s1", "s2", "t1", "g")), max_size=6)):
        price = draw(st.decimals("60", "140", places=2))
        quantity = draw(st.decimals("0.1", "9", places=2))
        value = instrument.notional(quantity, price)
        in_coin = instrument.is_spot and draw(st.booleans())
        fee = draw(st.decimals("-0.001", "0.002", places=4))
        found.append(
            trade(
                instrument,
                slot,
                price,
                quantity,
                at_ms=draw(st.integers(0, 20)) * MINUTE_MS,
                is_buy=draw(st.booleans()),
                fee_base=quantity * fee if in_coin else Decimal(0),
                fee_settle=Decimal(0) if in_coin else value * fee,
                limit=draw(st.none() | st.just(price)),
                is_partial=draw(st.booleans()),
            )
        )
    return sorted(found, key=lambda one: one.at_ms)


@pytest.mark.parametrize("instrument", [SPOT, LINEAR, INVERSE], ids=lambda one: str(one.kind))
@given(data=st.data())
def test_parts_add_up_to_the_difference_of_the_profits(instrument: Instrument, data: st.DataObject) -> None:
    live, theirs = data.draw(trades(instrument)), data.draw(trades(instrument))
    found = compare(live, (), replayed(*theirs), instrument)
    whole = profit_of(live, MARK, instrument) - profit_of(theirs, MARK, instrument)
    assert abs(add_up(one.parts for one in found).total - whole) < Decimal("1E-18")
    assert all((one.why in BUGS) is bool(one.parts.bug) or not one.parts.total for one in found)
    assert all(blame(one).parts.total == one.parts.total for one in found)


@given(data=st.data())
def test_what_is_equal_has_no_difference(data: st.DataObject) -> None:
    live = data.draw(trades(SPOT))
    assert compare(live, (), replayed(*live), SPOT) == []


def only(found: list[Difference]) -> Difference:
    (one,) = found
    return one


def test_another_price_in_the_same_candle_is_slippage_and_in_a_later_one_latency() -> None:
    theirs = trade(LINEAR, "b", Decimal(100), Decimal(5_000), limit=None)
    near = trade(LINEAR, "b", Decimal("100.5"), Decimal(5_000), limit=None)
    one = only(compare([near], (), replayed(theirs), LINEAR))
    assert (one.why, one.parts.slippage, one.parts.total) == (Why.FILLS, Decimal("-2.5"), Decimal("-2.5"))
    late = trade(LINEAR, "b", Decimal("100.5"), Decimal(5_000), limit=None, at_ms=9 * MINUTE_MS)
    one = only(compare([late], (), replayed(theirs), LINEAR))
    assert (one.parts.latency, one.parts.total) == (Decimal("-2.5"), Decimal("-2.5"))


def test_another_rate_for_the_same_value_is_fees_alone() -> None:
    theirs = trade(LINEAR, "b", Decimal(100), Decimal(5_000), fee_settle=Decimal("0.5"))
    mine = trade(LINEAR, "b", Decimal(100), Decimal(5_000), fee_settle=Decimal("0.8"))
    one = only(compare([mine], (), replayed(theirs), LINEAR))
    assert (one.parts.fees, one.parts.total) == (Decimal("-0.3"), Decimal("-0.3"))


def test_a_part_of_an_order_is_missed_and_its_rest_is_joined() -> None:
    theirs = trade(LINEAR, "s1", Decimal(90), Decimal(4_000))
    first = trade(LINEAR, "s1", Decimal(90), Decimal(1_000), is_partial=True)
    one = only(compare([first], (), replayed(theirs), LINEAR))
    assert (one.why, one.parts.missed, one.parts.total) == (Why.PARTIAL, Decimal(-30), Decimal(-30))
    rest = trade(LINEAR, "s1", Decimal(90), Decimal(3_000), at_ms=2 * MINUTE_MS)
    assert compare([first, rest], (), replayed(theirs), LINEAR) == []


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (rested("s1"), Why.NOT_FILLED),
        (rested("s1", placed_ms=5 * MINUTE_MS), Why.NOT_RESTING),
        (rested("s1", over_ms=1), Why.NOT_RESTING),
        (rested("s1", over_ms=1, reason="denied"), Why.REFUSED),
        (rested("s2"), Why.NEVER_ORDERED),
    ],
)
def test_a_fill_of_the_replay_alone_is_missed_unless_nobody_ever_ordered_it(order: LiveOrder, why: Why) -> None:
    theirs = trade(LINEAR, "s1", Decimal(99), Decimal(1_000))
    one = only(compare([], [order], replayed(theirs), LINEAR))
    assert one.why is why
    assert (one.parts.bug if why in BUGS else one.parts.missed) == -1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"at_ms": 59 * MINUTE_MS}, Why.NO_CANDLE),
        ({"limit": None}, Why.NOT_SEEN),
        ({"slot": "others"}, Why.OTHERS),
        ({}, Why.NEVER_ORDERED),
    ],
)
def test_a_fill_that_only_the_bot_had_is_missed_unless_nobody_would_have_ordered_it(
    changes: dict[str, object], why: Why
) -> None:
    mine = trade(LINEAR, str(changes.pop("slot", "s1")), Decimal(99), Decimal(1_000), **changes)
    one = only(compare([mine], (), replayed(), LINEAR))
    assert one.why is why
    assert (one.parts.bug if why in BUGS else one.parts.missed) == 1


def test_a_rule_that_looks_at_prices_may_order_otherwise() -> None:
    mine = trade(LINEAR, "s1", Decimal("98.9"), Decimal(5_000))
    theirs = trade(LINEAR, "s1", Decimal("98.8"), Decimal(5_000))
    seen = msgspec.structs.replace(replayed(theirs), sees_prices=True)
    assert only(compare([mine], (), seen, LINEAR)).why is Why.FILLS


def test_the_same_fills_before_and_another_order_is_a_bug() -> None:
    base = trade(LINEAR, "b", Decimal(100), Decimal(5_000), limit=None)
    mine = trade(LINEAR, "s1", Decimal("98.9"), Decimal(5_000), at_ms=2 * MINUTE_MS)
    theirs = trade(LINEAR, "s1", Decimal("98.8"), Decimal(5_000), at_ms=2 * MINUTE_MS)
    one = only(compare([base, mine], (), replayed(base, theirs), LINEAR))
    assert (one.why, one.slot, one.parts.bug) == (Why.ORDERED_OTHERWISE, "s1", Decimal("-0.5"))
    # After another base price another order is no wonder.
    moved = trade(LINEAR, "b", Decimal("100.1"), Decimal(5_000), limit=None)
    assert {one.why for one in compare([moved, mine], (), replayed(base, theirs), LINEAR)} == {Why.FILLS}
