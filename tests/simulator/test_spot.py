"""Spot: cash for coins, fees in what is received, sizes in either currency."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.account import MarginMode
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.simulator.orders import CancelReason, OrderStatus, QuantityUnit
from tests.simulator.member import SPOT, Member, quiet_exchange


@pytest.fixture
def ann() -> Member:
    return Member()


def test_a_buyer_pays_the_fee_in_the_coin_it_gets(ann: Member) -> None:
    order = ann.buy(SPOT, "0.1")

    cost = sum((fill.quantity * fill.price for fill in order.fills), ZERO)
    assert (order.fee, order.fee_currency) == (Decimal("0.0001"), "BTC")
    assert ann.total("BTC") == Decimal("10.0999")
    assert ann.total("USDT") == Decimal(100000) - cost


def test_a_seller_pays_the_fee_in_the_quote_currency(ann: Member) -> None:
    order = ann.sell(SPOT, "0.1")

    proceeds = sum((fill.quantity * fill.price for fill in order.fills), ZERO)
    assert (order.fee, order.fee_currency) == (proceeds * Decimal("0.001"), "USDT")
    assert ann.total("BTC") == Decimal("9.9")
    assert ann.total("USDT") == Decimal(100000) + proceeds - order.fee


def test_a_maker_pays_less(ann: Member) -> None:
    order = ann.buy(SPOT, "0.1", price="59900")

    ann.price(SPOT, "59800")

    assert ann.order(order.venue_order_id).fee == Decimal("0.00008")


def test_a_market_buy_can_spend_an_amount_of_quote_currency(ann: Member) -> None:
    order = ann.buy(SPOT, "3000", quantity_unit=QuantityUnit.QUOTE)

    spent = Decimal(100000) - ann.total("USDT")
    assert order.status is OrderStatus.FILLED
    assert Decimal("2999.99") < spent <= Decimal(3000)
    assert order.quantity == Decimal(3000)


def test_a_market_sell_can_aim_at_an_amount_of_quote_currency(ann: Member) -> None:
    order = ann.sell(SPOT, "3000", quantity_unit=QuantityUnit.QUOTE)

    got = ann.total("USDT") - Decimal(100000) + order.fee
    assert order.status is OrderStatus.FILLED
    assert Decimal("2999.99") < got <= Decimal(3000)


def test_a_quote_sized_order_larger_than_the_book_is_canceled_with_a_rest() -> None:
    ann = Member(balances={"USDT": "100000000"})
    offered = sum((price * quantity for price, quantity in ann.exchange.markets.book(SPOT, 100).asks), ZERO)

    order = ann.buy(SPOT, str(offered + 1000), quantity_unit=QuantityUnit.QUOTE)

    assert (order.status, order.cancel_reason) == (OrderStatus.CANCELED, CancelReason.PRICE_LIMIT)
    assert ann.total() == Decimal(100000000) - offered


def test_a_market_buy_in_coins_executes_what_the_balance_covers(ann: Member) -> None:
    order = ann.buy(SPOT, "2")

    assert order.status is OrderStatus.FILLED
    assert Decimal("1.66") < order.filled_quantity < Decimal("1.67")
    assert ZERO <= ann.total() < Decimal("0.01")


def test_a_market_buy_that_may_not_shrink_is_refused(ann: Member) -> None:
    assert ann.refused(Side.BUY, SPOT, "2", shrink_to_balance=False) == "51008"


def test_a_resting_buy_holds_its_cost_and_a_resting_sell_its_coins(ann: Member) -> None:
    ann.buy(SPOT, "1", price="59000")
    ann.sell(SPOT, "4", price="61000")

    assert ann.exchange.accounts.balance("ann", "USDT").reserved == Decimal(59000)
    assert ann.exchange.accounts.balance("ann", "BTC").reserved == Decimal(4)


def test_nothing_is_held_once_an_order_is_filled(ann: Member) -> None:
    ann.buy(SPOT, "1", price="59900")

    ann.price(SPOT, "59800")

    assert ann.exchange.accounts.balance("ann", "USDT").reserved == ZERO


def test_the_largest_order_is_one_that_is_taken(ann: Member) -> None:
    largest = ann.exchange.accounts.max_order_quantity("ann", SPOT, price=Decimal(59000))

    ann.sell(SPOT, str(largest.sell), price="61000")
    ann.buy(SPOT, str(largest.buy), price="59000")

    assert ann.available("BTC") == ZERO
    assert ann.available("USDT") < Decimal("0.01")


def test_deposits_and_withdrawals_move_cash() -> None:
    ann = Member(quiet_exchange(), balances={})
    ann.exchange.deposit("ann", "USDT", Decimal(50))

    ann.exchange.withdraw("ann", "USDT", Decimal(20))

    assert ann.total() == Decimal(30)
    assert getattr(ann.exchange.withdraw("ann", "USDT", Decimal(31)), "code", "") == "58350"


def test_the_margin_of_a_position_cannot_be_spent_on_coins() -> None:
    ann = Member(balances={"USDT": "1000"})
    ann.buy("BTC-USDT-SWAP", "4", margin_mode=MarginMode.ISOLATED)
    free = ann.available()

    order = ann.buy(SPOT, "1")

    assert order.status is OrderStatus.FILLED
    assert order.filled_quantity * order.average_price <= free
