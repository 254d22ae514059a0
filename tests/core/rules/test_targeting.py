from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model import events as ev
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import SetTarget, Side, Size, SizeUnit, TargetPosition
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.plan import Nothing, Plan
from tests.core.rules.trading_world import (
    INVERSE,
    LINEAR,
    SPOT,
    D,
    Outcome,
    approved,
    ask,
    feed,
    filled,
    held,
    make_book,
    make_request,
    make_view,
    nothing_of,
    plan_of,
    quantities,
    refusal_of,
)

LONG, SHORT, FLAT = TargetPosition.LONG, TargetPosition.SHORT, TargetPosition.FLAT
STEPS_MAX = 4


def target(side: TargetPosition, amount: int | str | None = None, unit: SizeUnit = SizeUnit.NATIVE) -> SetTarget:
    return SetTarget(target=side, size=None if amount is None else Size(amount=D(amount), unit=unit))


def fill_all(book: AccountBook, plan: Plan) -> None:
    for leg in plan.legs:
        request = make_request(leg.symbol, request_id=leg.request_id)
        feed(book, ev.OrderRequested(request=request), approved(leg), filled(leg, leg.quantity, is_last=True))


def reach(book: AccountBook, symbol: str, intent: SetTarget) -> Outcome:
    """Plan and fill until nothing is left to do; each step is a request of its own here."""
    for step in range(STEPS_MAX):
        outcome = ask(make_view(book), symbol, intent, request_id=f"step {step}")
        if not isinstance(outcome, Plan):
            return outcome
        fill_all(book, outcome)
    pytest.fail("the target is never reached")


def test_an_account_without_a_position_opens_the_target() -> None:
    (leg,) = plan_of(ask(make_view(make_book()), LINEAR, target(SHORT, 5))).legs
    assert (leg.side, leg.quantity, leg.reduce_only) == (Side.SELL, D(5), False)
    assert quantities(ask(make_view(make_book()), LINEAR, target(LONG, 50, SizeUnit.PERCENT))) == [D("41.35")]


def test_a_position_grows_or_shrinks_to_the_target() -> None:
    view = make_view(make_book(None, held(LINEAR, 10)))
    (more,) = plan_of(ask(view, LINEAR, target(LONG, 14))).legs
    assert (more.side, more.quantity, more.reduce_only) == (Side.BUY, D(4), False)
    (less,) = plan_of(ask(view, LINEAR, target(LONG, 3))).legs
    assert (less.side, less.quantity, less.reduce_only) == (Side.SELL, D(7), True)


def test_a_flip_closes_first_and_then_opens() -> None:
    book = make_book(None, held(LINEAR, -10, margin_mode=MarginMode.ISOLATED))
    first = plan_of(ask(make_view(book), LINEAR, target(LONG, 5)))
    assert (first.more, first.leverage_changes) == (True, ())
    assert [(leg.side, leg.quantity, leg.reduce_only) for leg in first.legs] == [(Side.BUY, D(10), True)]
    fill_all(book, first)
    second = plan_of(ask(make_view(book), LINEAR, target(LONG, 5)))
    assert (second.more, len(second.leverage_changes)) == (False, 1)
    assert [(leg.side, leg.quantity, leg.reduce_only) for leg in second.legs] == [(Side.BUY, D(5), False)]


def test_a_flip_in_long_short_mode_closes_the_other_side() -> None:
    book = make_book(
        None,
        held(LINEAR, 10, position_side=PositionSide.LONG),
        held(LINEAR, 4, position_side=PositionSide.SHORT),
        position_mode=PositionMode.LONG_SHORT,
    )
    plan = plan_of(ask(make_view(book), LINEAR, target(LONG, 12)))
    assert [(leg.position_side, leg.side, leg.quantity) for leg in plan.legs] == [(PositionSide.SHORT, Side.BUY, D(4))]
    assert plan.more
    fill_all(book, plan)
    (leg,) = plan_of(ask(make_view(book), LINEAR, target(LONG, 12))).legs
    assert (leg.position_side, leg.quantity) == (PositionSide.LONG, D(2))


def test_flat_closes_everything_and_twice_is_a_success() -> None:
    book = make_book(None, held(LINEAR, 10))
    fill_all(book, plan_of(ask(make_view(book), LINEAR, target(FLAT))))
    assert nothing_of(ask(make_view(book), LINEAR, target(FLAT))).reason_code == "no_position"


def test_a_reached_target_needs_nothing() -> None:
    view = make_view(make_book(None, held(LINEAR, 10)))
    for intent in (target(LONG, 10), target(LONG, "10.009"), target(LONG, "0.1", SizeUnit.BASE), target(LONG)):
        assert nothing_of(ask(view, LINEAR, intent)).reason_code == "target_reached"


def test_a_percentage_opens_but_does_not_add() -> None:
    view = make_view(make_book(None, held(LINEAR, 10)))
    nothing = nothing_of(ask(view, LINEAR, target(LONG, 50, SizeUnit.PERCENT)))
    assert (nothing.reason_code, nothing.message) == ("target_reached", "already long with 10 contracts")
    assert plan_of(ask(view, LINEAR, target(SHORT, 50, SizeUnit.PERCENT))).more


def test_a_target_without_a_size_opens_nothing() -> None:
    assert refusal_of(ask(make_view(make_book()), LINEAR, target(LONG))).reason_code == "size_missing"
    assert refusal_of(ask(make_view(make_book()), LINEAR, target(LONG, "0.001"))).reason_code == "below_min_size"


def test_spot_has_long_and_flat_only() -> None:
    book = make_book({"USDT": 10_000, "BTC": "0.1"})
    assert quantities(ask(make_view(book), SPOT, target(LONG, "0.15"))) == [D("0.05")]
    (leg,) = plan_of(ask(make_view(book), SPOT, target(LONG, "0.04"))).legs
    assert (leg.side, leg.quantity) == (Side.SELL, D("0.06"))
    (leg,) = plan_of(ask(make_view(book), SPOT, target(FLAT))).legs
    assert (leg.side, leg.quantity) == (Side.SELL, D("0.1"))
    assert nothing_of(ask(make_view(book), SPOT, target(LONG, 50, SizeUnit.PERCENT))).reason_code == "target_reached"
    assert refusal_of(ask(make_view(book), SPOT, target(SHORT, 1))).reason_code == "target_not_possible"
    dust = make_view(make_book({"USDT": 10_000, "BTC": "0.000001"}))
    (leg,) = plan_of(ask(dust, SPOT, target(LONG, 50, SizeUnit.PERCENT))).legs
    assert (leg.quantity, leg.in_quote) == (D(5_000), True)


@given(
    st.integers(-50, 50),
    st.sampled_from([LONG, SHORT, FLAT]),
    st.integers(1, 50),
    st.sampled_from([LINEAR, INVERSE]),
    st.sampled_from(PositionMode),
)
def test_every_position_reaches_every_target(
    start: int, side: TargetPosition, amount: int, symbol: str, mode: PositionMode
) -> None:
    positions = []
    if start and mode is PositionMode.NET:
        positions = [held(symbol, start)]
    elif start:
        position_side = PositionSide.LONG if start > 0 else PositionSide.SHORT
        positions = [held(symbol, abs(start), position_side=position_side)]
    book = make_book({"USDT": 10**9, "BTC": 10**6}, *positions, position_mode=mode)
    outcome = reach(book, symbol, target(side, amount))
    assert isinstance(outcome, Nothing)
    wanted = {LONG: D(amount), SHORT: D(-amount), FLAT: ZERO}[side]
    assert sum((position.signed_quantity for position in book.positions.values()), ZERO) == wanted
