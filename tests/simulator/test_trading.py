"""Orders at the simulated exchange: how they trade, rest and end."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.order import Liquidity
from fairlead.core.model.request import Side, TimeInForce
from fairlead.core.rules.matching import SelfTradePrevention
from fairlead.simulator.amending import Amendment
from fairlead.simulator.events import OrderAmended, OrderCanceled, OrderFilled, OrderOpened
from fairlead.simulator.orders import Amended, Canceled, CancelReason, OrderStatus, Refused
from tests.simulator.member import LINEAR, SPOT, Member, quiet_exchange


@pytest.fixture
def ann() -> Member:
    return Member()


def test_a_market_order_fills_at_the_touch(ann: Member) -> None:
    ask = ann.exchange.markets.quote(LINEAR).ask

    order = ann.buy(LINEAR, "1")

    assert order.status is OrderStatus.FILLED
    assert [(fill.price, fill.liquidity) for fill in order.fills] == [(ask, Liquidity.TAKER)]


def test_the_events_of_a_market_order_tell_its_story_in_order(ann: Member) -> None:
    ann.buy(LINEAR, "1", client_order_id="abc")

    kinds = [type(event).__name__ for event in ann.events()]

    assert kinds == ["OrderOpened", "OrderFilled", "BalanceChanged", "PositionChanged"]


def test_a_large_market_order_walks_up_the_book(ann: Member) -> None:
    levels = ann.exchange.markets.book(LINEAR, 3).asks

    order = ann.buy(LINEAR, str(levels[0][1] + levels[1][1] + 1))

    assert [fill.price for fill in order.fills] == [price for price, _ in levels]
    assert order.average_price > levels[0][0]


def test_only_the_fill_that_completes_an_order_is_its_last(ann: Member) -> None:
    ann.buy(LINEAR, str(ann.exchange.markets.quote(LINEAR).ask_quantity + 1))

    fills = [event for event in ann.events() if isinstance(event, OrderFilled)]

    assert [fill.is_last for fill in fills] == [False, True]
    assert fills[-1].filled_quantity == sum(fill.quantity for fill in fills)


def test_a_limit_order_away_from_the_market_rests_and_fills_when_the_price_comes(ann: Member) -> None:
    order = ann.buy(LINEAR, "2", price="59900")
    assert order.status is OrderStatus.LIVE

    ann.price(LINEAR, "59800")

    order = ann.order(order.venue_order_id)
    assert order.status is OrderStatus.FILLED
    assert [(fill.price, fill.liquidity) for fill in order.fills] == [(Decimal(59900), Liquidity.MAKER)]


def test_a_limit_order_through_the_market_takes_and_the_rest_waits(ann: Member) -> None:
    price, quantity = ann.exchange.markets.book(LINEAR, 1).asks[0]

    order = ann.buy(LINEAR, str(quantity + 3), price=str(price))

    assert order.status is OrderStatus.PARTIALLY_FILLED
    assert order.leaves_quantity == Decimal(3)
    assert ann.exchange.markets.quote(LINEAR).bid == price


def test_others_trade_and_fill_a_resting_order_bit_by_bit() -> None:
    ann = Member(quiet_exchange(flow_percent=100))
    bid = ann.exchange.markets.quote(LINEAR).bid
    order = ann.buy(LINEAR, "60", price=str(bid + Decimal("0.1")))

    while ann.order(order.venue_order_id).is_pending:
        ann.wait(250)

    order = ann.order(order.venue_order_id)
    assert order.status is OrderStatus.FILLED
    assert len(order.fills) > 1


def test_an_ioc_order_cancels_what_it_cannot_fill_at_once(ann: Member) -> None:
    price, quantity = ann.exchange.markets.book(LINEAR, 1).asks[0]

    order = ann.buy(LINEAR, str(quantity + 5), price=str(price), time_in_force=TimeInForce.IOC)

    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELED, CancelReason.IMMEDIATE_OR_CANCEL)
    assert order.filled_quantity == quantity


def test_a_fok_order_fills_whole_or_not_at_all(ann: Member) -> None:
    price, quantity = ann.exchange.markets.book(LINEAR, 1).asks[0]

    killed = ann.buy(LINEAR, str(quantity + 5), price=str(price), time_in_force=TimeInForce.FOK)
    filled = ann.buy(LINEAR, str(quantity), price=str(price), time_in_force=TimeInForce.FOK)

    assert (killed.cancel_reason, killed.fills) == (CancelReason.FILL_OR_KILL, [])
    assert filled.status is OrderStatus.FILLED


def test_a_post_only_order_never_takes(ann: Member) -> None:
    ask = ann.exchange.markets.quote(LINEAR).ask

    order = ann.buy(LINEAR, "1", price=str(ask), post_only=True)

    assert (order.cancel_reason, order.fills) == (CancelReason.POST_ONLY, [])
    assert [type(event) for event in ann.events()] == [OrderCanceled]


def test_a_venue_may_report_a_crossing_post_only_order_as_opened_first() -> None:
    ann = Member(quiet_exchange(post_only_opens=True))

    ann.buy(LINEAR, "1", price="60500", post_only=True)

    assert [type(event) for event in ann.events()] == [OrderOpened, OrderCanceled]


def test_a_market_order_sweeps_to_the_band_and_the_rest_is_canceled() -> None:
    ann = Member(quiet_exchange(bands={LINEAR: Decimal("0.0001")}), balances={"USDT": "100000000"})
    highest = ann.exchange.markets.price_limits(LINEAR).highest_buy

    order = ann.buy(LINEAR, "5000")

    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELED, CancelReason.PRICE_LIMIT)
    assert order.fills
    assert max(fill.price for fill in order.fills) <= highest
    assert order.filled_quantity < Decimal(5000)


def test_an_own_resting_order_is_canceled_rather_than_traded_with(ann: Member) -> None:
    resting = ann.sell(SPOT, "0.5", price="60000.1")

    taker = ann.buy(SPOT, "0.1")

    assert ann.order(resting.venue_order_id).cancel_reason is CancelReason.SELF_TRADE
    assert taker.status is OrderStatus.FILLED


def test_cancel_taker_keeps_the_own_resting_order(ann: Member) -> None:
    resting = ann.sell(SPOT, "0.5", price="60000.1")

    taker = ann.buy(SPOT, "0.1", self_trade_prevention=SelfTradePrevention.CANCEL_TAKER)

    assert taker.cancel_reason is CancelReason.SELF_TRADE
    assert ann.order(resting.venue_order_id).status is OrderStatus.LIVE


def test_two_members_can_trade_with_each_other() -> None:
    exchange = quiet_exchange()
    ann, bob = Member(exchange, "ann"), Member(exchange, "bob")
    offer = ann.sell(SPOT, "0.5", price="60000.1")

    bob.buy(SPOT, "0.5")

    assert ann.order(offer.venue_order_id).status is OrderStatus.FILLED
    assert ann.total("BTC") == Decimal("9.5")
    assert bob.total("BTC") == Decimal("10.5") - Decimal("0.0005")


def test_a_canceled_order_frees_what_it_held(ann: Member) -> None:
    order = ann.buy(SPOT, "1", price="59000")
    assert ann.available() == Decimal(41000)

    answer = ann.exchange.cancel("ann", client_order_id=order.client_order_id, now_ms=ann.now_ms)

    assert isinstance(answer, Canceled)
    assert ann.available() == Decimal(100000)


def test_a_filled_order_cannot_be_canceled(ann: Member) -> None:
    order = ann.buy(SPOT, "0.1")

    answer = ann.exchange.cancel("ann", client_order_id=order.client_order_id, now_ms=ann.now_ms)

    assert isinstance(answer, Refused)
    assert answer.code == "51400"


def test_cancel_all_can_be_limited_to_one_instrument(ann: Member) -> None:
    ann.buy(SPOT, "0.1", price="59000")
    kept = ann.buy(LINEAR, "1", price="59000")

    canceled = ann.exchange.cancel_all("ann", symbol=SPOT, now_ms=ann.now_ms)

    assert len(canceled) == 1
    assert [order.venue_order_id for order in ann.exchange.accounts.open_orders("ann")] == [kept.venue_order_id]


def amend(ann: Member, order_id: str, change: Amendment) -> Amended | Refused:
    return ann.exchange.amend("ann", change, venue_order_id=order_id, now_ms=ann.now_ms)


def test_an_order_made_smaller_keeps_its_place_and_frees_cash(ann: Member) -> None:
    order = ann.buy(SPOT, "1", price="59000")

    answer = amend(ann, order.venue_order_id, Amendment(quantity=Decimal("0.5")))

    assert isinstance(answer, Amended)
    assert ann.available() == Decimal(70500)
    assert isinstance(ann.events()[-1], OrderAmended)


def test_an_order_amended_through_the_market_trades(ann: Member) -> None:
    order = ann.buy(SPOT, "0.1", price="59000")

    amend(ann, order.venue_order_id, Amendment(limit_price=Decimal(61000)))

    assert ann.order(order.venue_order_id).status is OrderStatus.FILLED
    assert ann.available() == ann.total()


def test_an_amendment_beyond_the_balance_changes_nothing(ann: Member) -> None:
    order = ann.buy(SPOT, "1", price="59000")

    answer = amend(ann, order.venue_order_id, Amendment(quantity=Decimal(2)))

    assert isinstance(answer, Refused)
    assert answer.code == "51502"
    assert ann.order(order.venue_order_id).quantity == Decimal(1)
    assert ann.available() == Decimal(41000)


def test_an_amendment_after_its_deadline_is_refused(ann: Member) -> None:
    order = ann.buy(SPOT, "1", price="59000")

    answer = amend(ann, order.venue_order_id, Amendment(quantity=Decimal("0.5"), expires_at_ms=ann.now_ms - 1))

    assert isinstance(answer, Refused)
    assert answer.code == "50036"


def test_an_order_amended_down_to_its_fills_is_filled(ann: Member) -> None:
    price, quantity = ann.exchange.markets.book(SPOT, 1).asks[0]
    order = ann.buy(SPOT, str(quantity + 1), price=str(price))

    amend(ann, order.venue_order_id, Amendment(quantity=quantity))

    assert ann.order(order.venue_order_id).status is OrderStatus.FILLED
    assert ann.available() == ann.total()


def test_a_post_only_order_cannot_be_amended_into_the_market(ann: Member) -> None:
    order = ann.buy(SPOT, "0.1", price="59000", post_only=True)

    answer = amend(ann, order.venue_order_id, Amendment(limit_price=Decimal(61000)))

    assert isinstance(answer, Refused)
    assert answer.code == "51511"


def test_finished_orders_are_forgotten_oldest_first() -> None:
    ann = Member(quiet_exchange(finished_orders_kept_max=3))
    for number in range(5):
        ann.buy(SPOT, "0.001", client_order_id=f"c{number}")

    found = [ann.exchange.accounts.find_order("ann", f"c{number}") is not None for number in range(5)]

    assert found == [False, False, True, True, True]


def test_a_client_order_id_may_be_used_again_once_its_order_is_done(ann: Member) -> None:
    ann.buy(SPOT, "0.001", client_order_id="same")

    again = ann.buy(SPOT, "0.002", client_order_id="same")

    newest = ann.exchange.accounts.find_order("ann", "same")
    assert newest is not None
    assert newest.venue_order_id == again.venue_order_id


def test_the_tape_shows_every_trade_once(ann: Member) -> None:
    order = ann.buy(LINEAR, str(ann.exchange.markets.quote(LINEAR).ask_quantity + 1))

    trades = ann.exchange.markets.trades(LINEAR)

    assert [(str(trade.number), trade.price, trade.side) for trade in trades] == [
        (fill.trade_id, fill.price, Side.BUY) for fill in order.fills
    ]
