from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.rules.order_state import InvariantBroken, OrderEvent, apply
from tests.core.rules.trading_world import (
    INSTRUMENTS,
    INVERSE,
    LINEAR,
    SPOT,
    D,
    accepted,
    canceled,
    doubted,
    expired,
    filled,
    make_order,
    rejected,
)


def after(order: Order, *events: OrderEvent) -> Order:
    for event in events:
        order = apply(order, event, INSTRUMENTS[order.symbol])
    return order


def test_an_order_goes_from_flight_to_filled() -> None:
    order = make_order()
    order = after(order, accepted())
    assert (order.status, order.venue_order_id) == (OrderStatus.ACCEPTED, "v1")
    order = after(order, filled(order, 4, 60_000, fee=D("0.1")))
    assert (order.status, order.leaves_quantity) == (OrderStatus.PARTIALLY_FILLED, D(6))
    order = after(order, filled(order, 6, 60_010, fee=D("0.2")))
    assert order.status is OrderStatus.FILLED
    assert (order.average_price, order.filled_notional, order.fee) == (D(60_006), D("6000.6"), D("0.3"))


def test_the_average_price_of_an_inverse_order_is_harmonic() -> None:
    order = make_order(INVERSE, quantity=D(2))
    order = after(order, filled(order, 1, 40_000), filled(order, 1, 60_000))
    assert order.average_price == D(48_000)


@pytest.mark.parametrize("event", [accepted(), rejected(), canceled(), expired(), doubted(), filled(make_order(), 3)])
def test_the_same_news_twice_changes_nothing(event: OrderEvent) -> None:
    order = after(make_order(), event)
    assert after(order, event) is order


def test_a_fill_may_come_before_the_acceptance() -> None:
    order = make_order()
    order = after(order, filled(order, 4))
    assert order.status is OrderStatus.PARTIALLY_FILLED
    order = after(order, accepted())
    assert (order.status, order.venue_order_id, order.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, "v1", D(4))


def test_a_late_fill_after_a_cancel_counts() -> None:
    order = make_order()
    order = after(order, accepted(), canceled(), filled(order, 4))
    assert (order.status, order.filled_quantity, order.leaves_quantity) == (OrderStatus.CANCELED, D(4), ZERO)
    order = after(order, filled(order, 6))
    assert order.status is OrderStatus.FILLED


def test_an_acceptance_settles_a_doubt() -> None:
    order = after(make_order(), doubted())
    assert (order.status, order.message) == (OrderStatus.UNKNOWN, "timed out")
    order = after(order, accepted())
    assert (order.status, order.message) == (OrderStatus.ACCEPTED, "")


def test_an_order_taken_for_expired_that_the_venue_has_is_alive() -> None:
    order = after(make_order(), doubted(), expired())
    assert order.status is OrderStatus.EXPIRED
    assert after(order, accepted()).status is OrderStatus.ACCEPTED
    assert after(order, filled(order, 4)).status is OrderStatus.PARTIALLY_FILLED


def test_a_confirmed_order_does_not_expire() -> None:
    order = after(make_order(), accepted())
    assert after(order, expired()) is order
    order = after(make_order(), filled(make_order(), 1))
    assert after(order, expired()) is order


def test_a_refusal_after_a_fill_ends_only_the_rest() -> None:
    order = after(make_order(), filled(make_order(), 1), rejected())
    assert (order.status, order.reason_code, order.filled_quantity) == (OrderStatus.CANCELED, "51008", D(1))


def test_a_late_acceptance_does_not_wake_what_has_ended() -> None:
    for end in (rejected(), canceled()):
        order = after(make_order(), end)
        woken = after(order, accepted())
        assert (woken.status, woken.venue_order_id) == (order.status, "v1")


def test_more_than_ordered_breaks_the_invariant() -> None:
    order = after(make_order(), filled(make_order(), 6))
    with pytest.raises(InvariantBroken, match=r"would be filled 10\.01"):
        after(order, filled(order, "4.01"))


def test_an_order_in_quote_ends_by_its_last_fill_or_by_a_cancel() -> None:
    order = make_order(SPOT, quantity=D(1_000), in_quote=True)
    order = after(order, accepted(), filled(order, "0.01", 60_000))
    assert (order.status, order.leaves_quantity, order.filled_quantity) == (
        OrderStatus.PARTIALLY_FILLED,
        D(400),
        D("0.01"),
    )
    done = after(order, filled(order, "0.0066", 60_000, is_last=True))
    assert (done.status, done.leaves_quantity) == (OrderStatus.FILLED, ZERO)
    assert after(order, canceled()).status is OrderStatus.CANCELED
    with pytest.raises(InvariantBroken):
        after(order, filled(order, "0.01", 60_000))


def test_a_fee_in_another_currency_is_not_added_up() -> None:
    order = after(
        make_order(), filled(make_order(), 1, fee=D(1)), filled(make_order(), 1, fee=D(9), fee_currency="OKB")
    )
    assert (order.fee, order.fee_currency) == (D(1), "USDT")


def test_every_order_of_arrival_gives_the_same_fills_and_venue_id() -> None:
    order = make_order()
    news: list[OrderEvent] = [accepted(), filled(order, 4), filled(order, 6, is_last=True), doubted()]
    for arrival in permutations(news):
        done = after(order, *arrival)
        assert (done.status, done.filled_quantity, done.venue_order_id) == (OrderStatus.FILLED, D(10), "v1"), arrival


class OrderLife(RuleBasedStateMachine):
    """Any news in any order, often twice: the quantity is always what the fills add up to, and a repeat is silent."""

    @initialize(quantity=st.integers(1, 20), symbol=st.sampled_from([SPOT, LINEAR, INVERSE]))
    def start(self, quantity: int, symbol: str) -> None:
        self.order = make_order(symbol, quantity=D(quantity))
        self.total = ZERO

    @rule(event=st.sampled_from([accepted(), rejected(), canceled(), expired(), doubted()]))
    def hear(self, event: OrderEvent) -> None:
        self.order = apply(self.order, event, INSTRUMENTS[self.order.symbol])
        assert apply(self.order, event, INSTRUMENTS[self.order.symbol]) is self.order

    @rule(quantity=st.integers(1, 8), price=st.integers(50_000, 70_000))
    def fill(self, quantity: int, price: int) -> None:
        event = filled(self.order, quantity, price)
        if self.total + quantity > self.order.quantity:
            with pytest.raises(InvariantBroken):
                apply(self.order, event, INSTRUMENTS[self.order.symbol])
            return
        self.order = apply(self.order, event, INSTRUMENTS[self.order.symbol])
        assert apply(self.order, event, INSTRUMENTS[self.order.symbol]) is self.order
        self.total += quantity

    @invariant()
    def quantity_is_truth(self) -> None:
        order: Order | None = getattr(self, "order", None)
        if order is None:
            return
        assert order.filled_quantity == self.total <= order.quantity
        assert (order.status is OrderStatus.FILLED) is (self.total == order.quantity)
        assert order.status is not OrderStatus.REJECTED or not self.total
        assert order.status is not OrderStatus.EXPIRED or not self.total
        assert order.leaves_quantity == (ZERO if order.is_terminal else order.quantity - self.total)


TestOrderLife = OrderLife.TestCase


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(40_000, 80_000)), min_size=1, max_size=10))
def test_the_average_price_times_the_quantity_is_the_notional(fills: list[tuple[int, int]]) -> None:
    for symbol in (LINEAR, INVERSE):
        order = make_order(symbol, quantity=D(sum(quantity for quantity, _ in fills)))
        order = after(order, *(filled(order, quantity, price) for quantity, price in fills))
        notional: Decimal = INSTRUMENTS[symbol].notional(order.filled_quantity, order.average_price)
        assert abs(notional - order.filled_notional) <= order.filled_notional * D("1E-20")
