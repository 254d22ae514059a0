"""An account is as well protected as the weakest of what it has open."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.core.model.account import PositionMode, PositionSide
from fairlead.core.model.order import OUTSIDE, Order
from fairlead.core.model.protection import Protection
from fairlead.core.model.request import OrderType, Side, TimeInForce
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.protection import Judgement, judge_protection, without_fairlead
from tests.core.rules.trading_world import LINEAR, SPOT, D, accepted, begin, feed, held, make_book, make_order

NO_STOP = f"{LINEAR} has no stop at the exchange"
NOT_ARMED = f"an entry of {LINEAR} rests without a stop, and the dead man's switch is not armed"
OUT_OF_REACH = f"an entry of {LINEAR} rests without a stop, out of reach of the dead man's switch"


def judge(book: AccountBook, *, is_switch_armed: bool = False, is_heard: bool = True) -> Judgement:
    return judge_protection(book, is_switch_armed=is_switch_armed, is_heard=is_heard)


def rest(book: AccountBook, order: Order) -> AccountBook:
    """Have an order at the venue."""
    begin(book, order)
    feed(book, accepted(order.order_id))
    return book


def stop(contracts: int, **changes: Any) -> Order:  # noqa: ANN401  # whatever an order has
    terms = {"order_type": OrderType.STOP_MARKET, "trigger_price": D(50_000), "side": Side.SELL, "reduce_only": True}
    return make_order(**{"order_id": "stop", "quantity": D(contracts), **terms, **changes})


def entry(symbol: str = LINEAR, **changes: Any) -> Order:  # noqa: ANN401  # whatever an order has
    terms = {"order_id": "entry", "order_type": OrderType.LIMIT, "limit_price": D(59_000), "quantity": D(1)}
    return make_order(symbol, **{**terms, **changes})


def test_with_nothing_open_there_is_nothing_to_protect_and_an_armed_switch_waits_for_what_comes() -> None:
    book = make_book()
    assert judge(book) == Judgement(Protection.NOTHING_OPEN)
    assert judge(book, is_heard=False) == Judgement(Protection.NOTHING_OPEN)
    assert judge(book, is_switch_armed=True) == Judgement(Protection.ON_EXCHANGE)


def test_a_position_is_protected_by_a_stop_at_the_exchange_that_closes_all_of_it() -> None:
    book = make_book(None, held(LINEAR, 5))
    assert judge(book, is_switch_armed=True) == Judgement(Protection.BY_FAIRLEAD, (NO_STOP,))
    assert judge(book, is_heard=False) == Judgement(Protection.UNPROTECTED, (NO_STOP,))
    begin(book, stop(5))
    assert judge(book).reasons == (NO_STOP,), "it is on its way, and may not arrive"
    feed(book, accepted("stop"))
    assert judge(book, is_heard=False) == Judgement(Protection.ON_EXCHANGE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantity": D(3)}, f"{LINEAR} has a stop for a part of it only at the exchange"),
        ({"side": Side.BUY, "reduce_only": True}, NO_STOP),
        ({"order_type": OrderType.TAKE_PROFIT}, NO_STOP),
        ({"order_type": OrderType.LIMIT, "limit_price": D(70_000), "trigger_price": None}, NO_STOP),
    ],
    ids=["too small", "the other way", "a take-profit", "a limit"],
)
def test_what_does_not_stop_the_whole_loss_protects_nothing(changes: dict[str, Any], reason: str) -> None:
    book = rest(make_book(None, held(LINEAR, 5)), stop(5, **changes))
    assert judge(book) == Judgement(Protection.BY_FAIRLEAD, (reason,))


def test_a_long_and_a_short_position_need_a_stop_each() -> None:
    long, short = (held(LINEAR, 2, position_side=side) for side in (PositionSide.LONG, PositionSide.SHORT))
    book = make_book(None, long, short, position_mode=PositionMode.LONG_SHORT)
    rest(book, stop(2, position_side=PositionSide.SHORT, side=Side.BUY, reduce_only=False))
    assert judge(book).reasons == (f"{LINEAR} long has no stop at the exchange",)


def test_a_resting_entry_is_protected_by_the_switch_or_by_the_stop_that_it_brings_along() -> None:
    book = rest(make_book(), entry())
    assert judge(book) == Judgement(Protection.BY_FAIRLEAD, (NOT_ARMED,))
    assert judge(book, is_switch_armed=True) == Judgement(Protection.ON_EXCHANGE)
    guarded = rest(make_book(), entry(stop_loss_price=D(55_000)))
    assert judge(guarded, is_heard=False) == Judgement(Protection.ON_EXCHANGE)


@pytest.mark.parametrize(
    "changes",
    [{"origin": OUTSIDE}, {"order_type": OrderType.STOP_MARKET, "trigger_price": D(70_000), "limit_price": None}],
    ids=["an order of somebody else", "an entry that waits for a price"],
)
def test_the_switch_is_not_counted_on_for_what_it_does_not_take_back(changes: dict[str, Any]) -> None:
    book = rest(make_book(), entry(**changes))
    assert judge(book, is_switch_armed=True) == Judgement(Protection.BY_FAIRLEAD, (OUT_OF_REACH,))


def test_orders_that_only_make_a_holding_smaller_or_never_rest_need_no_protection() -> None:
    for harmless in (
        entry(reduce_only=True, side=Side.SELL),
        entry(SPOT, side=Side.SELL),
        entry(position_side=PositionSide.LONG, side=Side.SELL),
        entry(time_in_force=TimeInForce.IOC),
        entry(order_type=OrderType.MARKET, limit_price=None),
    ):
        book = rest(make_book({"USDT": 100_000, "BTC": 5}), harmless)
        assert judge(book).reasons == (), harmless


def test_of_many_reasons_the_first_are_named_and_the_others_counted() -> None:
    sides = (PositionSide.LONG, PositionSide.SHORT)
    symbols = (LINEAR, "BTC-USD-SWAP")
    positions = [held(symbol, 1, position_side=side) for symbol in symbols for side in sides]
    book = make_book({"USDT": 10_000, "BTC": 1}, *positions, position_mode=PositionMode.LONG_SHORT)
    assert len(judge(book).reasons) == 4
    assert judge(book).reasons[-1] == "and 1 more"


def test_what_only_fairlead_protects_is_unprotected_while_it_is_away() -> None:
    assert without_fairlead(Protection.BY_FAIRLEAD) is Protection.UNPROTECTED
    assert without_fairlead(Protection.ON_EXCHANGE) is Protection.ON_EXCHANGE
    assert without_fairlead(Protection.NOTHING_OPEN) is Protection.NOTHING_OPEN
