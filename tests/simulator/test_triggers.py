"""Stops, take-profits, OCO pairs, trailing stops and attached exits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.account import PositionMode, PositionSide
from fairlead.core.model.request import Side
from fairlead.simulator.amending import Amendment
from fairlead.simulator.events import OrderRejectedByEngine, TriggerFired
from fairlead.simulator.orders import CancelReason, ExitLeg, Exits, Order, OrderStatus, OrderType, Trail, TriggerSource
from tests.simulator.member import LINEAR, SPOT, Member, exits, quiet_exchange

STOP, STOP_LIMIT, TAKE_PROFIT = OrderType.STOP_MARKET, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT


@pytest.fixture
def ann() -> Member:
    return Member()


def status(ann: Member, order: Order) -> OrderStatus:
    return ann.order(order.venue_order_id).status


def child_of(ann: Member, parent: Order) -> Order:
    return ann.order(ann.order(parent.venue_order_id).exits_id)


def test_a_stop_sleeps_until_its_price_and_then_trades_at_market(ann: Member) -> None:
    ann.buy(LINEAR, "10")
    stop = ann.sell(LINEAR, "10", order_type=STOP, trigger_price=Decimal(59500), reduce_only=True)
    assert stop.status is OrderStatus.WAITING

    ann.price(LINEAR, "59500.1")
    assert status(ann, stop) is OrderStatus.WAITING
    ann.price(LINEAR, "59500")

    assert status(ann, stop) is OrderStatus.FILLED
    assert ann.position() is None


def test_a_fired_trigger_keeps_its_ids_and_says_so_before_it_fills(ann: Member) -> None:
    stop = ann.buy(LINEAR, "1", order_type=STOP, trigger_price=Decimal(60500))
    ann.events()

    ann.price(LINEAR, "60600")

    events = ann.events()
    assert isinstance(events[0], TriggerFired)
    assert events[0].leg == "stop_loss"
    assert {getattr(event, "client_order_id", stop.client_order_id) for event in events} == {stop.client_order_id}


def test_a_stop_limit_waits_at_its_limit_once_fired(ann: Member) -> None:
    order = ann.buy(LINEAR, "1", order_type=STOP_LIMIT, trigger_price=Decimal(60500), limit_price=Decimal(60400))

    ann.price(LINEAR, "60600")
    assert status(ann, order) is OrderStatus.LIVE
    ann.price(LINEAR, "60300")

    assert ann.order(order.venue_order_id).average_price == Decimal(60400)


def test_a_take_profit_sells_above(ann: Member) -> None:
    ann.buy(LINEAR, "10")
    order = ann.sell(LINEAR, "10", order_type=TAKE_PROFIT, trigger_price=Decimal(60500), reduce_only=True)

    ann.price(LINEAR, "60500")

    assert status(ann, order) is OrderStatus.FILLED


def test_a_trigger_may_watch_the_mark_instead_of_the_last_price(ann: Member) -> None:
    order = ann.buy(LINEAR, "1", order_type=STOP, trigger_price=Decimal(60500), trigger_source=TriggerSource.MARK)
    bob = Member(ann.exchange, "bob", balances={"USDT": "100000000"})

    bob.buy(LINEAR, "1500")
    ann.wait(250)

    assert ann.exchange.markets.trades(LINEAR)[-1].price > Decimal(60000)
    assert status(ann, order) is OrderStatus.WAITING


def test_a_trigger_that_cannot_pay_is_rejected_by_the_engine(ann: Member) -> None:
    order = ann.buy(LINEAR, "400", order_type=STOP, trigger_price=Decimal(60500))
    ann.buy(LINEAR, "400")

    ann.price(LINEAR, "60500")

    rejected = [event for event in ann.events() if isinstance(event, OrderRejectedByEngine)]
    assert [event.code for event in rejected] == ["51008"]
    assert status(ann, order) is OrderStatus.REJECTED


def test_a_waiting_order_holds_no_cash(ann: Member) -> None:
    ann.buy(SPOT, "1", order_type=STOP, trigger_price=Decimal(60500))

    assert ann.available() == ann.total()


def test_a_protective_stop_larger_than_what_is_left_closes_what_is_left(ann: Member) -> None:
    ann.buy(LINEAR, "10")
    order = ann.sell(LINEAR, "10", order_type=STOP, trigger_price=Decimal(59500), reduce_only=True)
    ann.sell(LINEAR, "6")

    ann.price(LINEAR, "59000")

    assert ann.order(order.venue_order_id).filled_quantity == Decimal(4)
    assert ann.position() is None


def test_a_trigger_can_be_moved(ann: Member) -> None:
    order = ann.sell(LINEAR, "1", order_type=STOP, trigger_price=Decimal(59500))
    change = Amendment(trigger_price=Decimal(59000))
    ann.exchange.amend("ann", change, venue_order_id=order.venue_order_id, now_ms=ann.now_ms)

    ann.price(LINEAR, "59400")
    assert status(ann, order) is OrderStatus.WAITING
    ann.price(LINEAR, "59000")

    assert status(ann, order) is OrderStatus.FILLED


@pytest.mark.parametrize(("price", "leg"), [("59500", "stop_loss"), ("60500", "take_profit")])
def test_only_one_side_of_an_oco_pair_fills(ann: Member, price: str, leg: str) -> None:
    ann.buy(LINEAR, "10")
    pair = ann.sell(
        LINEAR, "10", order_type=OrderType.OCO, exits=exits(take_profit="60500", stop_loss="59500"), reduce_only=True
    )

    ann.price(LINEAR, price)
    ann.price(LINEAR, "59000")
    ann.price(LINEAR, "61000")

    done = ann.order(pair.venue_order_id)
    assert (done.fired_leg, done.filled_quantity) == (leg, Decimal(10))
    assert ann.position() is None


def test_an_oco_leg_may_have_a_limit_price(ann: Member) -> None:
    pair = ann.buy(
        SPOT,
        "0.1",
        order_type=OrderType.OCO,
        exits=exits(stop_loss="60500", take_profit="59500"),
    )
    change = Amendment(
        exits=Exits(
            take_profit=ExitLeg(trigger_price=Decimal(59500), limit_price=Decimal(59400)),
        ),
    )
    ann.exchange.amend("ann", change, venue_order_id=pair.venue_order_id, now_ms=ann.now_ms)

    ann.price(SPOT, "59500")

    assert status(ann, pair) is OrderStatus.LIVE
    assert ann.order(pair.venue_order_id).limit_price == Decimal(59400)


def test_a_trailing_stop_follows_up_and_fires_on_the_way_back(ann: Member) -> None:
    ann.buy(LINEAR, "10")
    order = ann.sell(
        LINEAR, "10", order_type=OrderType.TRAILING_STOP, trail=Trail(ratio=Decimal("0.01")), reduce_only=True
    )

    for price in ("61000", "60500", "62000", "61381"):
        ann.price(LINEAR, price)
        assert status(ann, order) is OrderStatus.WAITING
    ann.price(LINEAR, "61380")

    assert status(ann, order) is OrderStatus.FILLED


def test_a_trailing_stop_sleeps_until_its_activation_price(ann: Member) -> None:
    trail = Trail(distance=Decimal(100), activation_price=Decimal(59500))
    order = ann.buy(LINEAR, "1", order_type=OrderType.TRAILING_STOP, trail=trail)

    ann.price(LINEAR, "60800")
    assert status(ann, order) is OrderStatus.WAITING
    for price in ("59400", "59300", "59399"):
        ann.price(LINEAR, price)
        assert status(ann, order) is OrderStatus.WAITING
    ann.price(LINEAR, "59400")

    assert status(ann, order) is OrderStatus.FILLED


def test_an_attached_exit_is_born_with_the_first_fill_and_closes_the_position(ann: Member) -> None:
    parent = ann.buy(LINEAR, "10", exits=exits(take_profit="60500", stop_loss="59500"))
    exit_order = child_of(ann, parent)
    assert (exit_order.status, exit_order.quantity) == (OrderStatus.WAITING, Decimal(10))
    assert exit_order.parent_id == parent.venue_order_id

    ann.price(LINEAR, "59400")

    assert child_of(ann, parent).fired_leg == "stop_loss"
    assert ann.position() is None


def test_an_attached_exit_grows_with_the_fills_of_its_parent(ann: Member) -> None:
    price, quantity = ann.exchange.markets.book(LINEAR, 1).asks[0]
    parent = ann.buy(LINEAR, str(quantity + 5), price=str(price), exits=exits(stop_loss="59500"))
    assert child_of(ann, parent).quantity == quantity

    ann.price(LINEAR, "59900")

    assert child_of(ann, parent).quantity == quantity + 5


def test_an_attached_exit_dies_with_an_unfilled_parent(ann: Member) -> None:
    parent = ann.buy(LINEAR, "10", price="59000", exits=exits(stop_loss="58500"))
    ann.exchange.cancel("ann", venue_order_id=parent.venue_order_id, now_ms=ann.now_ms)

    assert ann.order(parent.venue_order_id).exits_id == ""
    assert ann.exchange.accounts.open_orders("ann") == []


def test_an_attached_exit_goes_when_the_position_is_closed_by_hand(ann: Member) -> None:
    parent = ann.buy(LINEAR, "10", exits=exits(stop_loss="59500"))

    ann.sell(LINEAR, "10")

    assert child_of(ann, parent).cancel_reason is CancelReason.POSITION_CLOSED


def test_an_exit_of_a_spot_buy_sells_what_was_bought_less_the_fee(ann: Member) -> None:
    parent = ann.buy(SPOT, "0.1", exits=exits(stop_loss="59500"))

    ann.price(SPOT, "59400")

    assert child_of(ann, parent).filled_quantity == Decimal("0.0999")
    assert ann.total("BTC") == Decimal(10)


def test_exits_work_in_long_short_mode() -> None:
    ann = Member(position_mode=PositionMode.LONG_SHORT)
    parent = ann.sell(LINEAR, "10", position_side=PositionSide.SHORT, exits=exits(take_profit="59000"))

    ann.price(LINEAR, "58900")

    assert child_of(ann, parent).status is OrderStatus.FILLED
    assert ann.position() is None


def test_orders_that_sleep_on_one_price_fire_oldest_first() -> None:
    exchange = quiet_exchange()
    members = [Member(exchange, name) for name in ("cid", "ann", "bob")]
    for member in members:
        member.buy(LINEAR, "1", order_type=STOP, trigger_price=Decimal(60500))
    exchange.drain_events()

    members[0].price(LINEAR, "60500")

    fired = [event.account_id for event in exchange.drain_events() if isinstance(event, TriggerFired)]
    assert fired == ["cid", "ann", "bob"]


def test_a_spike_between_two_steps_fires_a_stop() -> None:
    exchange = quiet_exchange()
    ann = Member(exchange, "ann")
    bob = Member(exchange, "bob", balances={"USDT": "100000000"})
    stop = ann.buy(LINEAR, "1", order_type=STOP, trigger_price=Decimal("60002.4"))
    depth = sum((quantity for _, quantity in exchange.markets.book(LINEAR, 4).asks), Decimal(0))

    bob.buy(LINEAR, str(depth))
    bob.sell(LINEAR, "1", reduce_only=True)
    assert exchange.markets.quote(LINEAR).last < Decimal("60002.4")
    ann.wait(250)

    assert status(ann, stop) is OrderStatus.FILLED


def test_a_stop_at_the_price_of_now_is_refused(ann: Member) -> None:
    assert ann.refused(Side.SELL, LINEAR, "1", order_type=STOP, trigger_price=Decimal(60000)) == "51278"
