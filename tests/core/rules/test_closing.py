from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model import events as ev
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Close, OrderType, Side, Size, SizeUnit
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.plan import Plan
from tests.core.rules.trading_world import (
    INVERSE,
    LINEAR,
    SPOT,
    D,
    accepted,
    approved,
    ask,
    begin,
    buy,
    feed,
    filled,
    held,
    make_book,
    make_order,
    make_request,
    make_view,
    nothing_of,
    plan_of,
    quantities,
    refusal_of,
    sell,
)

LONG, SHORT, NET = PositionSide.LONG, PositionSide.SHORT, PositionSide.NET


def hedged(long: int = 10, short: int = 4) -> AccountBook:
    return make_book(
        None,
        held(LINEAR, long, position_side=LONG),
        held(LINEAR, short, position_side=SHORT, leverage=D(8), margin_mode=MarginMode.ISOLATED),
        position_mode=PositionMode.LONG_SHORT,
    )


def fill_all(book: AccountBook, plan: Plan, price: int = 60_000) -> None:
    for leg in plan.legs:
        feed(
            book,
            ev.OrderRequested(request=make_request(leg.symbol, request_id=leg.request_id)),
            approved(leg),
            filled(leg, leg.quantity, price, is_last=True),
        )


@given(
    st.integers(-700_000, 700_000).filter(bool),
    st.sampled_from([LINEAR, INVERSE]),
    st.lists(st.integers(1, 99), max_size=3),
)
def test_any_net_position_closes_to_exactly_zero_and_never_grows(lots: int, symbol: str, parts: list[int]) -> None:
    quantity = D(lots) / 100 if symbol == LINEAR else D(lots)
    book = make_book({"USDT": 10**9, "BTC": 10**6}, held(symbol, quantity))
    for percent in [*parts, None]:
        before = book.positions[symbol, NET].quantity
        size = None if percent is None else Size(amount=D(percent), unit=SizeUnit.PERCENT)
        outcome = ask(make_view(book), symbol, Close(size=size), request_id=f"close {percent} {before}")
        if not isinstance(outcome, Plan):
            assert refusal_of(outcome).reason_code == "below_min_size"
            continue
        assert all(leg.reduce_only for leg in outcome.legs)
        assert {leg.side for leg in outcome.legs} == {Side.SELL if lots > 0 else Side.BUY}
        fill_all(book, outcome)
        after = book.positions[symbol, NET].quantity if book.positions else ZERO
        assert abs(after) < abs(before)
        assert after * before >= ZERO
        if not after:
            break
    assert not book.positions
    nothing = nothing_of(ask(make_view(book), symbol, Close()))
    assert nothing.reason_code == "no_position"


def test_mode_and_leverage_come_from_the_position() -> None:
    book = make_book(None, held(LINEAR, -10, margin_mode=MarginMode.ISOLATED, leverage=D(7)))
    (leg,) = plan_of(ask(make_view(book), LINEAR, Close(), margin_mode=None, leverage=None)).legs
    assert (leg.side, leg.quantity, leg.reduce_only) == (Side.BUY, D(10), True)
    assert (leg.margin_mode, leg.leverage, leg.position_side) == (MarginMode.ISOLATED, D(7), NET)


def test_a_close_changes_no_leverage_and_carries_no_stops() -> None:
    book = make_book(None, held(LINEAR, 10))
    terms = {"stop_loss_price": D(50_000), "take_profit_price": D(70_000), "leverage": D(20)}
    plan = plan_of(ask(make_view(book), LINEAR, Close(), **terms))
    assert (plan.leverage_changes, plan.more) == ((), False)
    assert (plan.legs[0].stop_loss_price, plan.legs[0].take_profit_price) == (None, None)


def test_closing_what_is_not_held_is_a_success() -> None:
    view = make_view(make_book())
    for symbol in (SPOT, LINEAR, INVERSE):
        nothing = nothing_of(ask(view, symbol, Close()))
        assert (nothing.reason_code, bool(nothing.message)) == ("no_position", True)


def test_both_sides_are_closed_unless_one_is_named() -> None:
    view = make_view(hedged())
    both = plan_of(ask(view, LINEAR, Close()))
    assert [(leg.position_side, leg.side, leg.quantity) for leg in both.legs] == [
        (LONG, Side.SELL, D(10)),
        (SHORT, Side.BUY, D(4)),
    ]
    assert [leg.leg for leg in both.legs] == [0, 1]
    assert both.legs[1].leverage == D(8)
    (short,) = plan_of(ask(view, LINEAR, Close(position_side=SHORT))).legs
    assert short.position_side is SHORT


def test_naming_the_other_side_of_a_net_position_closes_nothing() -> None:
    view = make_view(make_book(None, held(LINEAR, 10)))
    assert nothing_of(ask(view, LINEAR, Close(position_side=SHORT))).message == (
        "no short position of BTC-USDT-SWAP is held"
    )
    assert quantities(ask(view, LINEAR, Close(position_side=LONG))) == [D(10)]


@pytest.mark.parametrize(
    ("symbol", "amount", "unit", "closed"),
    [
        (LINEAR, "25", SizeUnit.PERCENT, "2.50"),
        (LINEAR, "33.33", SizeUnit.PERCENT, "3.33"),
        (LINEAR, "3", SizeUnit.NATIVE, "3"),
        (LINEAR, "0.05", SizeUnit.BASE, "5"),
        (LINEAR, "1200", SizeUnit.QUOTE, "2"),
        (LINEAR, "99", SizeUnit.CONTRACTS, "10"),
        (INVERSE, "0.01", SizeUnit.BASE, "6"),
        (INVERSE, "250", SizeUnit.QUOTE, "2"),
    ],
)
def test_a_part_is_closed_and_capped_at_the_position(symbol: str, amount: str, unit: SizeUnit, closed: str) -> None:
    view = make_view(make_book(None, held(symbol, -10)))
    assert quantities(ask(view, symbol, Close(size=Size(amount=D(amount), unit=unit)))) == [D(closed)]


def test_a_part_below_the_least_order_is_refused() -> None:
    view = make_view(make_book(None, held(INVERSE, 3)))
    size = Size(amount=D(20), unit=SizeUnit.PERCENT)
    assert refusal_of(ask(view, INVERSE, Close(size=size))).reason_code == "below_min_size"


def test_a_large_position_is_closed_in_several_orders() -> None:
    view = make_view(make_book(None, held(LINEAR, "12000.01")))
    assert quantities(ask(view, LINEAR, Close())) == [D(12_000), D("0.01")]


def test_a_position_of_any_size_can_be_closed() -> None:
    book = make_book({"BTC": 10**6}, held(INVERSE, 800_001))
    plan = plan_of(ask(make_view(book), INVERSE, Close()))
    assert (len(plan.legs), plan.more) == (40, True)
    fill_all(book, plan)
    rest = plan_of(ask(make_view(book), INVERSE, Close()))
    assert ([leg.quantity for leg in rest.legs], rest.more) == ([D(1)], False)


def test_no_price_is_needed_to_close_all() -> None:
    book = make_book(None, held(LINEAR, 10))
    (leg,) = plan_of(ask(make_view(book, {}), LINEAR, Close())).legs
    assert (leg.quantity, leg.reference_price) == (D(10), ZERO)
    size = Size(amount=D(600), unit=SizeUnit.QUOTE)
    assert refusal_of(ask(make_view(book, {}), LINEAR, Close(size=size))).reason_code == "quote_missing"


def test_what_is_being_closed_is_not_closed_again() -> None:
    book = make_book(None, held(LINEAR, 10))
    begin(book, make_order(side=Side.SELL, quantity=D(7), reduce_only=True))
    assert quantities(ask(make_view(book), LINEAR, Close())) == [D(3)]
    begin(book, make_order(order_id="b", request_id="b", side=Side.SELL, quantity=D(3), reduce_only=True))
    assert nothing_of(ask(make_view(book), LINEAR, Close())).reason_code == "already_closing"


def test_a_resting_take_profit_does_not_stand_in_the_way_of_a_net_close() -> None:
    resting: dict[str, Any] = {
        "side": Side.SELL,
        "reduce_only": True,
        "order_type": OrderType.LIMIT,
        "limit_price": D(70_000),
    }
    book = make_book(None, held(LINEAR, 10))
    begin(book, make_order(**resting))
    feed(book, accepted())
    assert quantities(ask(make_view(book), LINEAR, Close())) == [D(10)]
    # Long and short sides are stricter: the venue refuses more than what is free of pending closes.
    book = hedged()
    begin(book, make_order(**{**resting, "position_side": LONG, "reduce_only": False}))
    feed(book, accepted())
    nothing = nothing_of(ask(make_view(book), LINEAR, Close(position_side=LONG)))
    assert (nothing.reason_code, "cancel them" in nothing.message) == ("already_closing", True)


def test_closing_spot_sells_all_that_is_free() -> None:
    book = make_book({"BTC": "0.5", "USDT": 0})
    (leg,) = plan_of(ask(make_view(book), SPOT, Close())).legs
    assert (leg.side, leg.quantity, leg.reduce_only, leg.in_quote) == (Side.SELL, D("0.5"), False, False)
    size = Size(amount=D(50), unit=SizeUnit.PERCENT)
    assert quantities(ask(make_view(book), SPOT, Close(size=size))) == [D("0.25")]
    assert quantities(ask(make_view(book), SPOT, Close(size=Size(amount=D(2), unit=SizeUnit.BASE)))) == [D("0.5")]
    assert nothing_of(ask(make_view(book), SPOT, Close(position_side=SHORT))).reason_code == "no_position"


def test_dust_is_no_position_and_open_sales_are_told() -> None:
    dust = nothing_of(ask(make_view(make_book({"BTC": "0.000009"})), SPOT, Close()))
    assert (dust.reason_code, "dust" in dust.message) == ("no_position", True)
    book = make_book({"BTC": 1})
    begin(book, make_order(SPOT, side=Side.SELL, quantity=D(1)))
    assert nothing_of(ask(make_view(book), SPOT, Close())).reason_code == "already_closing"


def test_a_reduce_only_entry_is_decided_against_the_position() -> None:
    view = make_view(make_book(None, held(LINEAR, 10)))
    (leg,) = plan_of(ask(view, LINEAR, sell(25), reduce_only=True)).legs
    assert (leg.quantity, leg.reduce_only, leg.side) == (D(10), True, Side.SELL)
    assert quantities(ask(view, LINEAR, sell(50, SizeUnit.PERCENT), reduce_only=True)) == [D(5)]
    assert nothing_of(ask(view, LINEAR, buy(1), reduce_only=True)).reason_code == "reduce_only_no_position"
    assert nothing_of(ask(view, INVERSE, sell(1), reduce_only=True)).reason_code == "reduce_only_no_position"
    assert nothing_of(ask(view, SPOT, buy(1), reduce_only=True)).reason_code == "reduce_only_no_position"


def test_a_reduce_only_entry_finds_its_side_in_long_short_mode() -> None:
    view = make_view(hedged())
    (leg,) = plan_of(ask(view, LINEAR, buy(3), reduce_only=True)).legs
    assert (leg.position_side, leg.side, leg.quantity) == (SHORT, Side.BUY, D(3))


@given(held_lots=st.integers(1, 5_000), asked_lots=st.integers(1, 9_000), is_long=st.booleans())
def test_a_reduce_only_entry_never_opens_anything(held_lots: int, asked_lots: int, *, is_long: bool) -> None:
    quantity: Decimal = D(held_lots) / 100
    book = make_book({"USDT": 10**9}, held(LINEAR, quantity if is_long else -quantity))
    intent = (sell if is_long else buy)(D(asked_lots) / 100)
    fill_all(book, plan_of(ask(make_view(book), LINEAR, intent, reduce_only=True)))
    left = abs(book.positions[LINEAR, NET].quantity) if book.positions else ZERO
    assert left == max(ZERO, quantity - D(asked_lots) / 100)


@pytest.mark.parametrize(("side", "closed"), [(Side.SELL, LONG), (Side.BUY, SHORT)])
def test_the_side_of_an_order_names_the_side_that_is_closed_where_both_are_held(
    side: Side, closed: PositionSide
) -> None:
    positions = held(LINEAR, 3, position_side=LONG), held(LINEAR, 2, position_side=SHORT)
    view = make_view(make_book(None, *positions, position_mode=PositionMode.LONG_SHORT))
    (leg,) = plan_of(ask(view, LINEAR, Close(order_side=side))).legs
    assert (leg.side, leg.position_side) == (side, closed)
    assert len(plan_of(ask(view, LINEAR, Close())).legs) == 2


@pytest.mark.parametrize("side", list(Side))
def test_a_net_account_closes_what_it_holds_whatever_side_an_alert_says(side: Side) -> None:
    view = make_view(make_book(None, held(LINEAR, 3)))
    (leg,) = plan_of(ask(view, LINEAR, Close(order_side=side))).legs
    assert (leg.side, leg.quantity) == (Side.SELL, D(3))
