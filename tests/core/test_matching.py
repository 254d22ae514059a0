"""The order book: price before time, nothing made, nothing lost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.matching import (
    FILLS_PER_MATCH_MAX,
    MatchEnd,
    OrderBook,
    Resting,
    SelfTradePrevention,
    Taker,
)

BUY, SELL = Side.BUY, Side.SELL


def rest(order_id: str, side: Side, price: str, quantity: str, owner: str = "") -> Resting:
    return Resting(
        order_id=order_id,
        owner=owner or f"owner of {order_id}",
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
    )


def take(side: Side, quantity: str, limit: str | None = None, **rest_of: str) -> Taker:
    return Taker(
        owner=rest_of.get("owner", "taker"),
        side=side,
        quantity=Decimal(quantity),
        limit_price=None if limit is None else Decimal(limit),
        prevention=SelfTradePrevention(rest_of.get("prevention", "cancel_maker")),
    )


def book_of(*orders: Resting) -> OrderBook:
    book = OrderBook()
    for order in orders:
        book.add(order)
    return book


def test_the_better_price_trades_first() -> None:
    book = book_of(rest("dear", SELL, "102", "1"), rest("cheap", SELL, "101", "1"))

    match = book.match(take(BUY, "1.5"))

    assert [(fill.order_id, fill.price, fill.quantity) for fill in match.fills] == [
        ("cheap", Decimal(101), Decimal(1)),
        ("dear", Decimal(102), Decimal("0.5")),
    ]
    assert match.end is MatchEnd.FILLED


def test_at_one_price_the_older_order_trades_first() -> None:
    book = book_of(rest("first", BUY, "99", "1"), rest("second", BUY, "99", "1"))

    match = book.match(take(SELL, "1"))

    assert [fill.order_id for fill in match.fills] == ["first"]
    assert "second" in book


def test_a_taker_stops_at_its_limit_price() -> None:
    book = book_of(rest("near", SELL, "101", "1"), rest("far", SELL, "103", "1"))

    match = book.match(take(BUY, "2", limit="102"))

    assert [fill.order_id for fill in match.fills] == ["near"]
    assert match.leaves == Decimal(1)
    assert match.end is MatchEnd.BOOK_ENDED


def test_a_canceled_order_no_longer_trades() -> None:
    book = book_of(rest("a", SELL, "101", "1"), rest("b", SELL, "101", "2"))

    taken = book.cancel("a")

    assert taken is not None
    assert taken.quantity == Decimal(1)
    assert book.cancel("a") is None
    assert [fill.order_id for fill in book.match(take(BUY, "1")).fills] == ["b"]


def test_an_order_that_shrinks_keeps_its_place() -> None:
    book = book_of(rest("first", SELL, "101", "5"), rest("second", SELL, "101", "5"))

    book.reduce("first", Decimal(2))

    match = book.match(take(BUY, "3"))
    assert [(fill.order_id, fill.quantity) for fill in match.fills] == [("first", Decimal(2)), ("second", Decimal(1))]


def test_by_default_an_own_resting_order_is_canceled_and_the_taker_goes_on() -> None:
    book = book_of(rest("own", SELL, "101", "1", owner="me"), rest("other", SELL, "102", "1"))

    match = book.match(take(BUY, "1", owner="me"))

    assert match.canceled == ["own"]
    assert [fill.order_id for fill in match.fills] == ["other"]


def test_cancel_taker_stops_the_taker_before_its_own_order() -> None:
    book = book_of(rest("other", SELL, "101", "1"), rest("own", SELL, "102", "1", owner="me"))

    match = book.match(take(BUY, "3", owner="me", prevention="cancel_taker"))

    assert [fill.order_id for fill in match.fills] == ["other"]
    assert match.canceled == []
    assert match.end is MatchEnd.SELF_TRADE
    assert "own" in book


def test_cancel_both_ends_maker_and_taker() -> None:
    book = book_of(rest("own", SELL, "101", "1", owner="me"), rest("other", SELL, "102", "1"))

    match = book.match(take(BUY, "1", owner="me", prevention="cancel_both"))

    assert match.canceled == ["own"]
    assert match.leaves == Decimal(1)
    assert match.end is MatchEnd.SELF_TRADE


def test_a_solo_order_waits_for_what_came_before_it() -> None:
    book = book_of(rest("plain", SELL, "101", "1"))
    solo = rest("solo", SELL, "102", "1")
    solo.solo = True
    book.add(solo)

    first = book.match(take(BUY, "2"))
    second = book.match(take(BUY, "1"))

    assert (first.end, [fill.order_id for fill in first.fills]) == (MatchEnd.SOLO, ["plain"])
    assert [fill.order_id for fill in second.fills] == ["solo"]


def test_one_match_has_at_most_a_thousand_fills() -> None:
    book = book_of(*(rest(f"o{number}", SELL, "101", "1") for number in range(FILLS_PER_MATCH_MAX + 5)))

    match = book.match(take(BUY, "5000"))

    assert len(match.fills) == FILLS_PER_MATCH_MAX
    assert match.end is MatchEnd.FILLS_MAX


def test_what_is_fillable_leaves_out_own_orders() -> None:
    book = book_of(rest("own", SELL, "101", "1", owner="me"), rest("other", SELL, "102", "2"))

    assert book.fillable(take(BUY, "3", owner="me")) == Decimal(2)


def test_depth_adds_up_a_price() -> None:
    book = book_of(rest("a", BUY, "99", "1"), rest("b", BUY, "99", "2"), rest("c", BUY, "98", "4"))

    assert book.depth(BUY, 2) == [(Decimal(99), Decimal(3)), (Decimal(98), Decimal(4))]
    assert book.depth(SELL, 5) == []


def test_a_crossing_order_must_not_rest() -> None:
    book = book_of(rest("ask", SELL, "101", "1"))

    with pytest.raises(AssertionError):
        book.add(rest("bid", BUY, "101", "1"))


def test_many_cancels_at_one_price_leave_no_debris() -> None:
    book = book_of(rest("stays", SELL, "101", "1"))
    for number in range(200):
        book.add(rest(f"o{number}", SELL, "101", "1"))
        book.cancel(f"o{number}")

    assert book.depth(SELL, 1) == [(Decimal(101), Decimal(1))]
    assert len(book) == 1


actions = st.lists(
    st.tuples(
        st.sampled_from([BUY, SELL]),
        st.integers(min_value=95, max_value=105),
        st.integers(min_value=1, max_value=9),
        st.sampled_from(["a", "b", "c"]),
        st.booleans(),
    ),
    max_size=60,
)


class SlowBook:
    """A second, slow book to judge the first by: a list, searched from one end to the other."""

    def __init__(self) -> None:
        self.waiting: list[Resting] = []

    def match(self, taker: Taker) -> list[tuple[str, Decimal]]:
        leaves = taker.quantity
        fills: list[tuple[str, Decimal]] = []
        others = [order for order in self.waiting if order.side is not taker.side]
        others.sort(key=lambda order: order.price if taker.side is BUY else -order.price)
        for order in others:
            assert taker.limit_price is not None
            reachable = order.price <= taker.limit_price if taker.side is BUY else order.price >= taker.limit_price
            if not leaves or not reachable:
                break
            if order.owner == taker.owner:
                self.waiting.remove(order)
                continue
            quantity = min(leaves, order.quantity)
            leaves -= quantity
            order.quantity -= quantity
            fills.append((order.order_id, quantity))
            if not order.quantity:
                self.waiting.remove(order)
        return fills


@given(actions)
def test_the_book_never_crosses_and_never_makes_or_loses_quantity(
    steps: list[tuple[Side, int, int, str, bool]],
) -> None:
    book, slow = OrderBook(), SlowBook()
    for number, (side, price, quantity, owner, cancels) in enumerate(steps):
        if cancels and slow.waiting:
            gone = slow.waiting.pop(quantity % len(slow.waiting))
            assert book.cancel(gone.order_id) is not None
        taker = take(side, str(quantity), limit=str(price), owner=owner)
        match = book.match(taker)
        assert [(fill.order_id, fill.quantity) for fill in match.fills] == slow.match(taker)
        assert sum((fill.quantity for fill in match.fills), ZERO) + match.leaves == taker.quantity
        if match.leaves:
            book.add(rest(str(number), side, str(price), str(match.leaves), owner=owner))
            slow.waiting.append(rest(str(number), side, str(price), str(match.leaves), owner=owner))
        bid, ask = book.best_bid, book.best_ask
        assert bid is None or ask is None or bid < ask
        for each in (BUY, SELL):
            total = sum((order.quantity for order in slow.waiting if order.side is each), ZERO)
            assert sum((quantity for _, quantity in book.depth(each, 100)), ZERO) == total
