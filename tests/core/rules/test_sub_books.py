from __future__ import annotations

from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model import events as ev
from fairlead.core.model.account import PositionMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Close, CloseScope, Side
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.plan import Nothing, Plan
from fairlead.core.rules.sub_books import split_pro_rata
from tests.core.rules.trading_world import (
    ACCOUNT,
    LINEAR,
    NOW_MS,
    SPOT,
    TENANT,
    D,
    ask,
    begin,
    feed,
    filled,
    held,
    make_book,
    make_order,
    make_view,
    plan_of,
)

NET, LONG, SHORT = PositionSide.NET, PositionSide.LONG, PositionSide.SHORT
_numbers = count(1)


def trade(book: AccountBook, source: str, quantity: Decimal | int | str, **terms: object) -> None:
    """Fill one order of a source: positive buys, negative sells."""
    signed, name = D(quantity), f"trade{next(_numbers)}"
    symbol = str(terms.pop("symbol", LINEAR))
    fee = D(str(terms.pop("fee", 0)))
    order = make_order(
        symbol,
        **{
            "order_id": name,
            "request_id": name,
            "side": Side.BUY if signed > ZERO else Side.SELL,
            "quantity": abs(signed),
            "source_id": source,
            **terms,
        },
    )
    begin(book, order)
    feed(book, filled(order, abs(signed), fee=fee, fee_currency="BTC" if fee else "USDT"))


def fill_plan(book: AccountBook, plan: Plan) -> None:
    for leg in plan.legs:
        begin(book, leg)
        feed(book, filled(leg, leg.quantity))


def shares(book: AccountBook, symbol: str = LINEAR, side: PositionSide = NET) -> dict[str, Decimal]:
    return {owner[0] + owner[1]: share.quantity for owner, share in book.sub_books.shares((symbol, side)).items()}


def position(book: AccountBook, side: PositionSide = NET) -> Decimal:
    found = book.positions.get((LINEAR, side))
    return ZERO if found is None else found.quantity


def opposed() -> AccountBook:
    book = make_book({"USDT": 10**7})
    trade(book, "A", 3)
    trade(book, "B", -5)
    return book


def test_opposite_shares_stand_beside_each_other() -> None:
    book = opposed()
    assert (shares(book), position(book)) == ({"A": D(3), "B": D(-5)}, D(-2))


def test_a_share_against_the_position_is_closed_by_a_plain_order() -> None:
    book = opposed()
    plan = plan_of(ask(make_view(book), LINEAR, Close(scope=CloseScope.SOURCE), source_id="A"))
    (leg,) = plan.legs
    assert (leg.side, leg.quantity, leg.reduce_only) == (Side.SELL, D(3), False)
    assert any("source A" in line.formula for line in plan.sizing)
    fill_plan(book, plan)
    assert (shares(book), position(book)) == ({"B": D(-5)}, D(-5))


def test_a_share_with_the_position_is_closed_reduce_only() -> None:
    book = make_book({"USDT": 10**7})
    trade(book, "A", 3)
    trade(book, "B", 2)
    (leg,) = plan_of(ask(make_view(book), LINEAR, Close(scope=CloseScope.SOURCE), source_id="A")).legs
    assert (leg.quantity, leg.reduce_only) == (D(3), True)


def test_no_share_is_nothing_to_close() -> None:
    for scope in (CloseScope.SOURCE, CloseScope.STRATEGY):
        for symbol in (LINEAR, SPOT):
            nothing = ask(make_view(opposed()), symbol, Close(scope=scope), source_id="C")
            assert isinstance(nothing, Nothing)
            assert nothing.reason_code == "no_position"


def test_strategies_of_a_source_are_closed_one_by_one_or_together() -> None:
    book = make_book({"USDT": 10**7})
    trade(book, "A", 3, strategy_id="x")
    trade(book, "A", 4, strategy_id="y")
    trade(book, "B", -20)
    close = Close(scope=CloseScope.STRATEGY)
    fill_plan(book, plan_of(ask(make_view(book), LINEAR, close, source_id="A", strategy_id="x")))
    assert shares(book) == {"Ay": D(4), "B": D(-20)}
    trade(book, "A", 1, strategy_id="x")
    plan = plan_of(ask(make_view(book), LINEAR, Close(scope=CloseScope.SOURCE), source_id="A", request_id="all"))
    fill_plan(book, plan)
    assert shares(book) == {"B": D(-20)}


def test_a_reducing_order_takes_its_own_share_first_and_then_of_all() -> None:
    book = make_book({"USDT": 10**7}, held(LINEAR, 4))
    trade(book, "A", 2)
    trade(book, "B", 4)
    trade(book, "A", -6, reduce_only=True)
    # Two of its own; of the other four half is B's and half nobody's.
    assert (shares(book), position(book)) == ({"B": D(2)}, D(4))


def test_an_account_close_and_a_liquidation_end_every_claim() -> None:
    for terms in ({"close_scope": CloseScope.ACCOUNT, "source_id": "A"}, {"origin": "liquidation", "source_id": ""}):
        book = opposed()
        trade(book, "", 2, reduce_only=True, **terms)
        assert (shares(book), position(book)) == ({}, ZERO)


@pytest.mark.parametrize(("theirs", "left"), [(6, {"A": D(3), "B": D(3)}), (20, {"A": D(6), "B": D(6)}), (0, {})])
def test_what_the_venue_took_is_taken_from_all_and_more_is_nobodys(theirs: int, left: dict[str, Decimal]) -> None:
    book = make_book({"USDT": 10**7})
    trade(book, "A", 6)
    trade(book, "B", 6)
    rows = (held(LINEAR, theirs),) if theirs else ()
    adopted = ev.AccountAdopted(
        tenant=TENANT,
        account_id=ACCOUNT,
        position_mode=PositionMode.NET,
        balances={"USDT": D(10**7)},
        positions=rows,
        at_ms=NOW_MS,
    )
    feed(book, adopted)
    assert shares(book) == left
    assert feed(book, adopted) == []


def test_spot_shares_count_what_was_bought_after_fees() -> None:
    book = make_book({"USDT": 10**7, "BTC": 5})
    trade(book, "A", 1, symbol=SPOT, fee="0.001")
    trade(book, "B", 2, symbol=SPOT)
    trade(book, "C", -1, symbol=SPOT)
    assert shares(book, SPOT) == {"A": D("0.999"), "B": D(2)}
    plan = plan_of(ask(make_view(book), SPOT, Close(scope=CloseScope.SOURCE), source_id="A"))
    assert [(leg.side, leg.quantity) for leg in plan.legs] == [(Side.SELL, D("0.999"))]
    fill_plan(book, plan)
    assert shares(book, SPOT) == {"B": D(2)}


def test_long_and_short_sides_have_shares_of_their_own() -> None:
    book = make_book({"USDT": 10**7}, position_mode=PositionMode.LONG_SHORT)
    trade(book, "A", 3, position_side=LONG)
    trade(book, "B", 5, position_side=LONG)
    trade(book, "A", -4, position_side=SHORT)
    assert (shares(book, side=LONG), shares(book, side=SHORT)) == ({"A": D(3), "B": D(5)}, {"A": D(4)})
    fill_plan(book, plan_of(ask(make_view(book), LINEAR, Close(scope=CloseScope.SOURCE), source_id="A")))
    assert (shares(book, side=LONG), shares(book, side=SHORT)) == ({"B": D(5)}, {})


@given(
    st.dictionaries(st.tuples(st.sampled_from("ABCD"), st.just("")), st.integers(1, 99).map(D), min_size=1),
    st.integers(1, 200),
)
def test_a_split_gives_exactly_what_is_wanted_and_no_more_than_there_is(
    free: dict[tuple[str, str], Decimal], wanted: int
) -> None:
    parts = split_pro_rata(free, D(wanted), D(1))
    assert sum(parts.values(), ZERO) == min(D(wanted), sum(free.values(), ZERO))
    assert all(ZERO <= part <= free[owner] and part == part.to_integral_value() for owner, part in parts.items())


_STEPS = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["trade", "reduce", "close", "all"]), st.integers(-900, 900)),
    max_size=12,
)


@given(_STEPS, st.sampled_from(PositionMode))
def test_shares_add_up_to_the_position_and_a_scope_close_touches_no_other(
    steps: list[tuple[str, str, int]], mode: PositionMode
) -> None:
    book = make_book({"USDT": 10**9}, position_mode=mode)
    sides = [NET] if mode is PositionMode.NET else [LONG, SHORT]
    for number, (source, kind, lots) in enumerate(steps):
        before = [shares(book, side=side) for side in sides]
        if kind == "trade" and lots:
            side = NET if mode is PositionMode.NET else LONG if lots > 0 else SHORT
            trade(book, source, D(lots) / 100, position_side=side)
        elif kind == "reduce" and mode is PositionMode.NET and position(book):
            quantity = min(abs(position(book)), D(abs(lots)) / 100)
            if quantity:
                trade(book, source, quantity if position(book) < ZERO else -quantity, reduce_only=True)
        elif kind in {"close", "all"}:
            scope = CloseScope.SOURCE if kind == "close" else CloseScope.ACCOUNT
            plan = ask(make_view(book), LINEAR, Close(scope=scope), source_id=source, request_id=f"c{number}")
            if isinstance(plan, Plan):
                fill_plan(book, plan)
            if kind == "close":
                kept = [{name: held for name, held in row.items() if name != source} for row in before]
                assert [shares(book, side=side) for side in sides] == kept
        for side in sides:
            assert sum(shares(book, side=side).values(), ZERO) == position(book, side)
