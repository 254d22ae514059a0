"""Saving and loading: an account goes on exactly where it was."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.orders import Order, OrderStatus, OrderType, Trail
from fairlead.simulator.records import AccountRecord, ExchangeRecord
from fairlead.simulator.rules import VenueRules
from tests.simulator.member import INVERSE, LINEAR, SPOT, START_MS, Member, exits, quiet_exchange


def busy_member() -> Member:
    """Build a member with a bit of everything."""
    ann = Member()
    ann.leverage(LINEAR, "7")
    ann.buy(LINEAR, "10", exits=exits(take_profit="61000", stop_loss="59000"))
    ann.sell(INVERSE, "5", margin_mode=MarginMode.ISOLATED)
    ann.sell(SPOT, "0.3")
    ann.buy(SPOT, "0.2", price="59500", client_order_id="rests")
    ann.buy(LINEAR, "3", price="59400")
    ann.sell(LINEAR, "2", price="60900", reduce_only=True)
    ann.sell(LINEAR, "1", order_type=OrderType.TRAILING_STOP, trail=Trail(ratio=Decimal("0.01")))
    ann.price(LINEAR, "60300")
    return ann


def reloaded(ann: Member) -> Exchange:
    """Build a second exchange from what was saved, through JSON."""
    encode, decode = msgspec.json.encode, msgspec.json.decode
    records = ann.exchange.records
    exchange = quiet_exchange()
    market = decode(encode(records.dump_market()), type=ExchangeRecord)
    account = decode(encode(records.dump_account("ann")), type=AccountRecord)
    finished = [decode(encode(order), type=Order) for order in ann.exchange.accounts.finished_orders("ann")]
    exchange.records.load_market(market)
    exchange.records.load_account(account, finished)
    for symbol in (SPOT, LINEAR, INVERSE):
        exchange.feed_price(symbol, ann.exchange.markets.quote(symbol).mark, now_ms=ann.now_ms)
    return exchange


def test_a_loaded_account_is_the_saved_one() -> None:
    ann = busy_member()

    exchange = reloaded(ann)

    assert exchange.records.dump_account("ann") == ann.exchange.records.dump_account("ann")
    assert exchange.accounts.finished_orders("ann") == ann.exchange.accounts.finished_orders("ann")
    assert exchange.accounts.balances("ann") == ann.exchange.accounts.balances("ann")
    assert exchange.accounts.positions("ann") == ann.exchange.accounts.positions("ann")


@pytest.mark.parametrize("price", ["58900", "59450", "61100"])
def test_resting_and_waiting_orders_act_after_a_restart_as_they_would_have(price: str) -> None:
    ann = busy_member()
    exchange = reloaded(ann)

    for each in (ann.exchange, exchange):
        for symbol in (SPOT, LINEAR):
            each.feed_price(symbol, Decimal(price), now_ms=ann.now_ms)

    before, after = (each.records.dump_account("ann") for each in (ann.exchange, exchange))
    assert [order.venue_order_id for order in after.pending] == [order.venue_order_id for order in before.pending]
    assert after.positions[0].quantity == before.positions[0].quantity


def test_an_order_that_the_price_has_passed_meanwhile_fills() -> None:
    ann = Member()
    order = ann.buy(SPOT, "0.2", price="59900")
    account = ann.exchange.records.dump_account("ann")
    exchange = quiet_exchange()
    exchange.feed_price(SPOT, Decimal(58000), now_ms=START_MS)

    exchange.records.load_account(account)
    exchange.advance(START_MS + 250)

    found = exchange.accounts.find_venue_order("ann", order.venue_order_id)
    assert found is not None
    assert found.status is OrderStatus.FILLED
    assert found.average_price == Decimal(59900)


def test_new_orders_after_a_restart_have_new_ids() -> None:
    ann = busy_member()
    exchange = quiet_exchange()
    exchange.records.load_account(ann.exchange.records.dump_account("ann"), [])
    known = {order.venue_order_id for order in exchange.accounts.open_orders("ann")}

    answer = exchange.place("ann", ann.wish(ann.order(next(iter(known))).side, SPOT, "0.01"), now_ms=ann.now_ms)

    assert getattr(answer, "venue_order_id", "") not in known


def test_an_account_cannot_be_loaded_twice() -> None:
    ann = Member()

    with pytest.raises(ValueError, match="open already"):
        ann.exchange.records.load_account(ann.exchange.records.dump_account("ann"))


def test_one_order_can_be_saved_alone() -> None:
    ann = Member()
    order = ann.buy(SPOT, "0.1")

    saved = ann.exchange.records.dump_order("ann", order.venue_order_id)

    assert saved == order
    assert ann.exchange.records.dump_order("ann", "1") is None


def test_what_was_handed_out_is_a_copy() -> None:
    ann = Member()
    order = ann.buy(SPOT, "0.1", price="59000")
    order.quantity = Decimal(5)
    order.fills.clear()
    ann.exchange.records.dump_account("ann").totals["USDT"] = Decimal(0)

    assert ann.order(order.venue_order_id).quantity == Decimal("0.1")
    assert ann.total() == Decimal(100000)


def test_modes_and_leverages_survive() -> None:
    ann = Member(position_mode=PositionMode.LONG_SHORT)
    ann.exchange.set_leverage(
        "ann", LINEAR, Decimal(9), margin_mode=MarginMode.ISOLATED, position_side=PositionSide.LONG
    )
    ann.buy(LINEAR, "1", position_side=PositionSide.LONG)

    exchange = reloaded(ann)

    assert exchange.accounts.position_mode("ann") is PositionMode.LONG_SHORT
    assert exchange.accounts.leverage("ann", LINEAR, MarginMode.ISOLATED, PositionSide.LONG) == Decimal(9)
    assert exchange.accounts.positions("ann")[0].position_side is PositionSide.LONG


def test_prices_go_on_where_they_were() -> None:
    rules = VenueRules()
    first = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=3, now_ms=START_MS, rules=rules)
    first.advance(START_MS + 60_000)
    second = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=3, now_ms=START_MS + 999_999, rules=rules)

    second.records.load_market(first.records.dump_market())
    for each in (first, second):
        each.advance(START_MS + 90_000)

    for symbol in first.instruments:
        before, after = first.markets.quote(symbol), second.markets.quote(symbol)
        assert (before.index, before.mark) == (after.index, after.mark)
