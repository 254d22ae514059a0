"""What happens at the venue while nobody asks: rests, fills, stops, liquidations, funding, changes by hand."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from fairlead.core.model.account import MarginMode, PositionMode
from fairlead.core.model.events import CashAdjusted, DriftFound, VenueOrderBorn
from fairlead.core.model.ids import PROTECTION, child_order_id
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.request import CancelOrders, Close, OrderRequest, OrderType, TimeInForce
from fairlead.core.model.state import RequestStatus
from fairlead.ports import Unit
from fairlead.simulator.records import AccountRecord
from fairlead.store.journal import StoredJournal
from fairlead.venues.paper.house import ACCOUNT_SPACE
from tests.orders.trading_world import ETHER, INVERSE, LINEAR, SPOT, TradingWorld, account, buy, sell

FUNDING_INTERVAL_MS = 8 * 3_600_000


async def protections(world: TradingWorld, account_id: str = "a1") -> list[Order]:
    return [order for order in await world.orders(account_id) if order.origin]


async def change_paper_cash(world: TradingWorld, change: Decimal) -> None:
    """Move cash of a1 at the exchange while nothing of ours runs."""
    journal = await StoredJournal.open(world.url, on_death=lambda _: None)
    (record,) = await journal.read_records(ACCOUNT_SPACE)
    assert record.body is not None
    books = msgspec.json.decode(record.body, type=AccountRecord)
    totals = {**books.totals, "USDT": books.totals["USDT"] + change}
    body = msgspec.json.encode(msgspec.structs.replace(books, totals=totals))
    await journal.commit(Unit(records=(msgspec.structs.replace(record, body=body),)))
    await journal.close()


def resting_buy(world: TradingWorld) -> OrderRequest:
    return world.request(order_type=OrderType.LIMIT, limit_price=world.price() - 100)


# --- limits


@pytest.mark.parametrize("symbol", [LINEAR, SPOT, INVERSE])
async def test_a_limit_order_rests_and_its_sender_need_not_wait(world: TradingWorld, symbol: str) -> None:
    amount = 5 if symbol == INVERSE else "0.5"
    request = world.request(
        symbol=symbol, intent=buy(amount), order_type=OrderType.LIMIT, limit_price=world.price(symbol) - 100
    )
    (state,) = await world.ask(request)
    (order,) = await world.orders_of(request)
    assert state.status is RequestStatus.ACCEPTED
    assert order.status is OrderStatus.ACCEPTED
    assert world.trading.door.unfinished == 0
    currency = "BTC" if symbol == INVERSE else "USDT"
    held = world.exchange.accounts.balance("a1", currency).reserved
    assert world.desk().book.balances[currency].reserved == held > 0
    assert world.agrees()


async def test_a_later_fill_moves_order_position_and_request(world: TradingWorld) -> None:
    request = world.request(order_type=OrderType.LIMIT, limit_price=world.price() - 50)
    await world.ask(request)
    world.feed(LINEAR, world.price() - 100)
    await world.run_ms(250)
    (order,) = await world.orders_of(request)
    state = await world.state(request)
    assert order.status is OrderStatus.FILLED
    assert (state.status, state.filled_quantity) == (RequestStatus.FILLED, Decimal(2))
    (position,) = world.desk().book.positions.values()
    assert (position.quantity, position.entry_price) == (Decimal(2), order.average_price)
    assert world.agrees()


async def test_a_resting_order_is_filled_right_after_a_restart_too(world: TradingWorld) -> None:
    request = world.request(order_type=OrderType.LIMIT, limit_price=world.price() - 50)
    await world.ask(request)
    await world.restart(pause_ms=60_000)
    world.feed(LINEAR, world.price() - 200)
    await world.run_ms(250)
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert world.agrees()


async def test_cancel_orders_cancels_what_rests_of_the_instrument(world: TradingWorld) -> None:
    requests = [resting_buy(world), resting_buy(world)]
    elsewhere = world.request(symbol=ETHER, order_type=OrderType.LIMIT, limit_price=world.price(ETHER) - 5)
    await world.ask(*requests, elsewhere)
    state = await world.want(intent=CancelOrders())
    assert (state.status, state.reason_code) == (RequestStatus.SKIPPED, "canceled")
    assert {(await world.state(request)).status for request in requests} == {RequestStatus.REJECTED}
    assert [order.symbol for order in world.exchange.accounts.open_orders("a1")] == [ETHER]
    assert world.agrees()


async def test_cancel_orders_can_name_one(world: TradingWorld) -> None:
    kept, named = resting_buy(world), resting_buy(world)
    await world.ask(kept, named)
    (order,) = await world.orders_of(named)
    await world.want(intent=CancelOrders(order_ids=(order.order_id,)))
    (left,) = world.exchange.accounts.open_orders("a1")
    assert left.client_order_id == (await world.orders_of(kept))[0].order_id
    assert world.agrees()


async def test_what_is_left_of_an_order_that_must_not_rest_is_canceled(world: TradingWorld) -> None:
    request = world.request(order_type=OrderType.LIMIT, limit_price=world.price() - 100, time_in_force=TimeInForce.IOC)
    (state,) = await world.ask(request)
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.CANCELED
    assert (state.status, state.reason_code) == (RequestStatus.REJECTED, "immediate_or_cancel")
    assert world.desk().book.balances["USDT"].reserved == 0


# --- protection


async def test_an_attached_stop_is_an_order_of_ours_with_its_parent_and_survives_a_restart(world: TradingWorld) -> None:
    stop = world.price() - 500
    request = world.request(stop_loss_price=stop)
    await world.ask(request)
    (parent,) = await world.orders_of(request)
    (protection,) = await protections(world)
    assert protection.parent_id == parent.order_id
    assert protection.order_id == child_order_id(parent.order_id, PROTECTION)
    assert (protection.status, protection.stop_loss_price) == (OrderStatus.ACCEPTED, stop)
    assert world.agrees()
    await world.restart()
    assert await protections(world) == [protection]
    assert len(await world.facts(VenueOrderBorn)) == 1
    assert world.agrees()


async def test_a_stop_that_fires_closes_the_position(world: TradingWorld) -> None:
    await world.want(stop_loss_price=world.price() - 500)
    world.feed(LINEAR, world.price() - 600)
    await world.run_ms(500)
    (protection,) = await protections(world)
    assert protection.status is OrderStatus.FILLED
    assert world.held() == 0
    assert world.desk().book.positions == {}
    assert world.agrees()


async def test_a_stop_that_fires_after_a_restart_closes_the_position(world: TradingWorld) -> None:
    await world.want(stop_loss_price=world.price() - 500)
    await world.restart()
    world.feed(LINEAR, world.price() - 600)
    await world.run_ms(500)
    assert world.held() == 0
    assert world.agrees()


async def test_a_stop_grows_with_the_fills_of_its_parent_and_closes_all_of_them(world: TradingWorld) -> None:
    price = world.price() - 2
    request = world.request(
        intent=buy(60),
        leverage=Decimal(10),
        order_type=OrderType.LIMIT,
        limit_price=price,
        stop_loss_price=price - 300,
    )
    await world.ask(request)
    sizes = set()
    for _ in range(60):
        world.feed(LINEAR, price + Decimal("0.1"))
        await world.run_ms(250)
        sizes |= {order.quantity for order in await protections(world)}
    (protection,) = await protections(world)
    (parent,) = await world.orders_of(request)
    assert len(sizes) > 1
    assert protection.quantity == parent.filled_quantity == max(sizes)
    world.feed(LINEAR, price - 400)
    await world.run_ms(500)
    assert world.held() == 0
    assert world.agrees()


async def test_a_protection_that_ended_is_not_born_again_with_its_parents_story(world: TradingWorld) -> None:
    price = world.price() - 2
    request = world.request(
        intent=buy(900),
        leverage=Decimal(10),
        order_type=OrderType.LIMIT,
        limit_price=price,
        take_profit_price=price + 100,
    )
    await world.ask(request)
    for _ in range(20):
        world.feed(LINEAR, price + Decimal("0.1"))
        await world.run_ms(250)
    world.feed(LINEAR, price + 150)
    await world.run_ms(500)
    (parent,) = await world.orders_of(request)
    (protection,) = await protections(world)
    assert (parent.status, protection.status) == (OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED)
    # Later than anything but the open orders' own story is remembered.
    await world.restart(pause_ms=600_000)
    assert len(await protections(world)) == 1
    assert world.held() == 0
    assert world.agrees()


async def test_a_close_leaves_no_stop_behind(world: TradingWorld) -> None:
    await world.want(stop_loss_price=world.price() - 500)
    await world.want(intent=Close())
    await world.run_ms(500)
    (protection,) = await protections(world)
    assert protection.is_terminal
    assert world.agrees()


# --- liquidation


@pytest.mark.parametrize("mode", list(PositionMode))
@pytest.mark.parametrize("margin_mode", [MarginMode.CROSS, MarginMode.ISOLATED])
@pytest.mark.parametrize("symbol", [LINEAR, INVERSE])
async def test_a_liquidation_is_recorded_and_ends_with_equal_books(
    world: TradingWorld, mode: PositionMode, margin_mode: MarginMode, symbol: str
) -> None:
    cash = {"USDT": Decimal(10_000), "BTC": Decimal("0.2")}
    await world.configure(account(), account("a2", position_mode=mode, opening_balances=cash))
    amount = 900 if symbol == INVERSE else 120
    state = await world.want("a2", symbol=symbol, intent=buy(amount), margin_mode=margin_mode, leverage=Decimal(10))
    assert state.status is RequestStatus.FILLED
    world.feed(symbol, world.price(symbol) * Decimal("0.7"))
    await world.run_ms(500)
    (liquidation,) = await protections(world, "a2")
    assert liquidation.origin == "liquidation"
    assert liquidation.status is OrderStatus.FILLED
    assert world.held(symbol, "a2") == 0
    assert world.agrees("a2")
    await world.restart()
    assert world.agrees("a2")


async def test_a_liquidation_takes_resting_orders_with_it(world: TradingWorld) -> None:
    await world.configure(account(), account("a2", opening_balances={"USDT": Decimal(10_000)}))
    await world.want("a2", intent=buy(120), leverage=Decimal(10))
    resting = world.request(
        "a2", intent=buy(1), order_type=OrderType.LIMIT, limit_price=world.price() * Decimal("0.99")
    )
    await world.ask(resting)
    world.feed(LINEAR, world.price() * Decimal("0.8"))
    await world.run_ms(500)
    (order,) = await world.orders_of(resting)
    assert order.is_terminal
    assert world.agrees("a2")


# --- funding and cash moved by hand


@pytest.mark.parametrize("entry", [buy(20), sell(20)])
async def test_funding_moves_cash_once_also_after_a_restart(world: TradingWorld, entry: object) -> None:
    await world.want(intent=entry)
    before = world.desk().book.balances["USDT"].total
    now_ms = world.clock.now_ms()
    world.clock.advance_ms(FUNDING_INTERVAL_MS - now_ms % FUNDING_INTERVAL_MS + 1_000)
    await world.run_ms(500)
    (fact,) = await world.facts(CashAdjusted)
    assert isinstance(fact.event, CashAdjusted)
    assert world.desk().book.balances["USDT"].total == before + fact.event.amount
    assert fact.event.kind == "funding"
    (position,) = world.desk().book.positions.values()
    assert position.funding == fact.event.amount != 0
    assert world.agrees()
    for _ in range(2):
        await world.restart()
        await world.run_ms(500)
        assert len(await world.facts(CashAdjusted)) == 1
        assert world.agrees()


async def test_a_paper_account_sleeps_while_we_are_down(world: TradingWorld) -> None:
    await world.want(intent=buy(20))
    before = world.desk().book.balances["USDT"].total
    await world.restart(pause_ms=FUNDING_INTERVAL_MS)
    await world.run_ms(1_000)
    assert await world.facts(CashAdjusted) == []
    assert world.desk().book.balances["USDT"].total == before
    assert world.agrees()


async def test_a_deposit_is_booked_while_we_run(world: TradingWorld) -> None:
    world.exchange.deposit("a1", "USDT", Decimal("12.5"))
    await world.run_ms(250)
    assert world.desk().book.balances["USDT"].total == Decimal("100012.5")
    assert world.agrees()


async def test_cash_changed_while_we_were_down_is_a_drift_that_allows_only_less_risk(world: TradingWorld) -> None:
    await world.want(intent=buy(5))
    await world.stop()
    await change_paper_cash(world, Decimal(-1_000))
    await world.start()
    (difference,) = world.desk().book.drift
    assert difference.startswith("balance USDT: ")
    assert len(await world.facts(DriftFound)) == 1
    denied = await world.want(intent=buy(1))
    assert (denied.status, denied.reason_code) == (RequestStatus.DENIED, "drift_open")
    assert (await world.want(intent=sell(9))).status is RequestStatus.DENIED
    assert (await world.want(intent=Close())).status is RequestStatus.FILLED
    assert world.held() == 0


async def test_a_drift_is_noted_once_and_ends_when_the_books_agree_again(world: TradingWorld) -> None:
    await world.stop()
    await change_paper_cash(world, Decimal(5))
    await world.start()
    await world.restart()
    assert len(await world.facts(DriftFound)) == 1
    await world.stop()
    await change_paper_cash(world, Decimal(-5))
    await world.start()
    assert len(await world.facts(DriftFound)) == 2
    assert world.agrees()
    assert (await world.want()).status is RequestStatus.FILLED


async def test_a_leverage_that_resting_orders_block_names_them(world: TradingWorld) -> None:
    entry = world.request(order_type=OrderType.LIMIT, limit_price=world.price() - 100, leverage=Decimal(3))
    await world.ask(entry)
    (resting,) = await world.orders_of(entry)
    state = await world.want(leverage=Decimal(8))
    assert (state.status, state.reason_code) == (RequestStatus.DENIED, "leverage_refused")
    assert resting.order_id in state.message
    assert await world.orders_of(entry) == [resting]
