"""Closes, flips, and whose turn it is: what is decided together with what."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.events import CancelRequested, OrderApproved, OrderCanceled
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.request import (
    CancelOrders,
    Close,
    CloseScope,
    OrderRequest,
    OrderType,
    SetTarget,
    Size,
    SizeUnit,
    TargetPosition,
)
from fairlead.core.model.risk import RiskLimits
from fairlead.core.model.state import RequestStatus
from tests.orders.trading_world import ETHER, INVERSE, LINEAR, SPOT, TradingWorld, account, buy, sell
from tests.orders.watched_journal import has_fact

MODES = pytest.mark.parametrize("mode", list(PositionMode))


async def use_mode(world: TradingWorld, mode: PositionMode) -> str:
    """Open an account of this mode beside the first one."""
    await world.configure(account("a1"), account("a2", position_mode=mode))
    return "a2"


def target(direction: TargetPosition, amount: int) -> SetTarget:
    return SetTarget(target=direction, size=Size(amount=Decimal(amount), unit=SizeUnit.NATIVE))


@MODES
@pytest.mark.parametrize("symbol", [LINEAR, SPOT])
async def test_buy_then_close_in_the_same_instant_closes_what_the_buy_bought(
    world: TradingWorld, mode: PositionMode, symbol: str
) -> None:
    account_id = await use_mode(world, mode)
    await world.want(account_id, intent=Close(), symbol=SPOT)
    amount = Decimal("0.5")
    entry = world.request(account_id, symbol=symbol, intent=buy(amount))
    close = world.close_request(account_id, symbol=symbol)
    await world.submit(entry)
    await world.submit(close)
    await world.quiet()
    states = [await world.state(request) for request in (entry, close)]
    assert [state.status for state in states] == [RequestStatus.FILLED] * 2
    # Spot pays its fee out of what was bought.
    assert amount * Decimal("0.998") < states[1].filled_quantity <= amount
    assert world.held(symbol, account_id) == 0
    assert world.agrees(account_id)


@MODES
async def test_buy_and_close_handed_in_together_keep_their_order(world: TradingWorld, mode: PositionMode) -> None:
    account_id = await use_mode(world, mode)
    requests = [
        world.request(account_id, intent=buy(3)),
        world.close_request(account_id),
        world.request(account_id, intent=sell(2)),
        world.close_request(account_id),
        world.request(account_id, intent=buy(1)),
    ]
    states = await world.ask(*requests)
    assert [state.filled_quantity for state in states] == [3, 3, 2, 2, 1]
    assert world.held(LINEAR, account_id) == 1
    assert world.agrees(account_id)


@MODES
async def test_closing_nothing_is_a_success_with_quantity_zero_also_twice(
    world: TradingWorld, mode: PositionMode
) -> None:
    account_id = await use_mode(world, mode)
    for _ in range(2):
        state = await world.want(account_id, intent=Close())
        assert (state.status, state.reason_code) == (RequestStatus.SKIPPED, "no_position")
        assert state.filled_quantity == 0
    assert world.venue_orders(account_id) == []


async def test_closing_twice_at_once_closes_once(world: TradingWorld) -> None:
    await world.want(intent=buy(3))
    states = await world.ask(world.close_request(), world.close_request())
    assert [state.status for state in states] == [RequestStatus.FILLED, RequestStatus.SKIPPED]
    assert world.held() == 0
    assert world.agrees()


@MODES
async def test_w04_a_close_brings_long_and_short_to_exactly_zero(world: TradingWorld, mode: PositionMode) -> None:
    account_id = await use_mode(world, mode)
    for entry in (buy("7.31"), sell("4.47")):
        await world.want(account_id, intent=entry)
        state = await world.want(account_id, intent=Close())
        assert state.filled_quantity == entry.size.amount
        assert world.exchange.accounts.positions(account_id) == []
        assert world.agrees(account_id)


async def test_one_close_ends_a_long_and_a_short_held_side_by_side(world: TradingWorld) -> None:
    account_id = await use_mode(world, PositionMode.LONG_SHORT)
    await world.ask(world.request(account_id, intent=buy(3)), world.request(account_id, intent=sell(2)))
    close = world.close_request(account_id)
    (state,) = await world.ask(close)
    assert state.filled_quantity == 5
    sides = {order.position_side for order in await world.orders_of(close)}
    assert sides == {PositionSide.LONG, PositionSide.SHORT}
    assert world.agrees(account_id)


@MODES
@pytest.mark.parametrize(("first", "direction", "sign"), [(buy(5), "short", -1), (sell(5), "long", 1)])
async def test_a_flip_ends_at_its_target_in_one_request_with_two_orders(
    world: TradingWorld, mode: PositionMode, first: object, direction: str, sign: int
) -> None:
    account_id = await use_mode(world, mode)
    await world.want(account_id, intent=first)
    request = world.request(account_id, intent=target(TargetPosition(direction), 3))
    (state,) = await world.ask(request)
    orders = await world.orders_of(request)
    assert [order.quantity for order in orders] == [5, 3]
    assert [order.leg for order in orders] == [0, 1]
    assert state.status is RequestStatus.FILLED
    assert state.order_ids == tuple(order.order_id for order in orders)
    assert world.held(LINEAR, account_id) == 3 * sign
    assert world.agrees(account_id)


async def test_a_target_that_is_reached_needs_no_order(world: TradingWorld) -> None:
    await world.want(intent=target(TargetPosition.LONG, 3))
    state = await world.want(intent=target(TargetPosition.LONG, 3))
    assert (state.status, state.reason_code) == (RequestStatus.SKIPPED, "target_reached")
    assert world.held() == 3


async def test_a_flip_whose_close_rests_does_not_keep_its_sender_or_anybody_waiting(world: TradingWorld) -> None:
    await world.want(intent=buy(5))
    price = world.price() + 200
    request = world.request(intent=target(TargetPosition.SHORT, 3), order_type=OrderType.LIMIT, limit_price=price)
    (state,) = await world.ask(request)
    assert state.status is RequestStatus.ACCEPTED
    assert (await world.want(intent=buy(1))).status is RequestStatus.FILLED
    assert (await world.want(intent=CancelOrders())).reason_code == "canceled"
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.CANCELED
    assert world.held() == 6
    assert world.agrees()


async def test_a_flip_whose_close_rested_goes_on_when_it_fills(world: TradingWorld) -> None:
    await world.want(intent=buy(5))
    price = world.price() + 50
    request = world.request(intent=target(TargetPosition.SHORT, 3), order_type=OrderType.LIMIT, limit_price=price)
    await world.ask(request)
    for _ in range(8):
        world.feed(LINEAR, price + 20)
        await world.run_ms(250)
    assert world.held() == -3
    assert len(await world.orders_of(request)) == 2
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert world.agrees()


async def test_of_three_parallel_entries_at_a_limit_for_one_one_passes(world: TradingWorld) -> None:
    await world.limit(RiskLimits(gross_exposure_max=Decimal("0.2")))
    await world.configure(account(), account("a2", opening_balances={"USDT": Decimal(10_000)}))
    states = await world.ask(*(world.request("a2", intent=buy(2)) for _ in range(3)))
    assert [state.status for state in states] == [RequestStatus.FILLED, RequestStatus.DENIED, RequestStatus.DENIED]
    assert {state.reason_code for state in states[1:]} == {"gross_exposure_limit"}
    assert world.held(LINEAR, "a2") == 2


async def test_an_account_disabled_between_approval_and_send_sends_nothing(world: TradingWorld) -> None:
    world.journal.pause_at = has_fact(OrderApproved)
    request = world.request()
    await world.ask(request)
    await world.configure(account(enabled=False))
    world.journal.resume()
    await world.quiet()
    (order,) = await world.orders_of(request)
    assert (order.status, order.reason_code) == (OrderStatus.CANCELED, "never_sent")
    assert "disabled" in order.message
    assert (await world.state(request)).status is RequestStatus.REJECTED
    assert world.venue().calls == []
    assert len(await world.facts(OrderCanceled)) == 1
    assert world.desk().book.balances["USDT"].reserved == 0


async def test_an_account_disabled_while_an_order_waits_out_a_rate_limit_sends_nothing(world: TradingWorld) -> None:
    world.venue().answers.append(world.rate_limit(500))
    await world.ask(world.request())
    await world.configure(account(enabled=False))
    await world.run_ms(5_000)
    assert world.venue().calls == ["place_order"]
    assert world.venue_orders() == []


async def test_a_disabled_account_denies_entries(world: TradingWorld) -> None:
    await world.configure(account(enabled=False))
    state = await world.want()
    assert (state.status, state.reason_code) == (RequestStatus.DENIED, "kill_switch_active")


async def test_an_order_held_up_beyond_its_deadline_is_not_sent(world: TradingWorld) -> None:
    world.journal.pause_at = has_fact(OrderApproved)
    request = world.request()
    await world.ask(request)
    world.clock.advance_ms(5_000)
    world.journal.resume()
    await world.quiet()
    (order,) = await world.orders_of(request)
    assert (order.status, order.reason_code) == (OrderStatus.CANCELED, "never_sent")
    assert world.venue().placed == []


async def test_closes_are_taken_before_entries_of_other_instruments(world: TradingWorld) -> None:
    await world.want(intent=buy(3))
    world.venue().placed.clear()
    entries = [world.request(symbol=ETHER), world.request(symbol=SPOT, intent=buy("0.1"))]
    close = world.close_request()
    # As one unit, so that the desk finds all three at its next turn.
    await world.submit(*(replace(request, cause="alert") for request in (*entries, close)))
    await world.quiet()
    (order,) = await world.orders_of(close)
    assert world.venue().placed[0] == order.order_id
    assert len(world.venue().placed) == 3


async def test_an_entry_does_not_overtake_a_close_of_its_instrument(world: TradingWorld) -> None:
    await world.want(intent=buy(3))
    world.venue().gate.clear()
    close, entry = world.close_request(), world.request(intent=buy(2))
    await world.ask(close, entry)
    assert len(await world.orders_of(close)) == 1
    assert await world.orders_of(entry) == []
    world.venue().gate.set()
    await world.quiet()
    assert (await world.state(close)).filled_quantity == 3
    assert (await world.state(entry)).filled_quantity == 2
    assert world.agrees()


async def test_a_close_waits_for_a_cancel_of_its_instrument(world: TradingWorld) -> None:
    account_id = await use_mode(world, PositionMode.LONG_SHORT)
    await world.want(account_id, intent=buy(3))
    price = world.price() + 300
    await world.want(account_id, intent=Close(), order_type=OrderType.LIMIT, limit_price=price)
    cancel, close = world.request(account_id, intent=CancelOrders()), world.close_request(account_id)
    states = await world.ask(cancel, close)
    assert states[0].reason_code == "canceled"
    assert states[1].filled_quantity == 3
    assert world.agrees(account_id)


async def test_entries_do_not_wait_for_each_other(world: TradingWorld) -> None:
    world.venue().gate.clear()
    await world.ask(world.request(), world.request(), world.request(symbol=ETHER))
    assert world.venue().calls == ["place_order"] * 3
    world.venue().gate.set()
    await world.quiet()
    assert world.held() == 4
    assert world.agrees()


async def test_entries_that_do_not_wait_see_each_others_reservations(world: TradingWorld) -> None:
    world.venue().gate.clear()
    await world.configure(account(), account("a2", opening_balances={"USDT": Decimal(1_000)}))
    world.venue("a2").gate.clear()
    # 3 contracts at 60,000 and a leverage of 3 need 600 of margin each.
    states = await world.ask(*(world.request("a2", intent=buy(3)) for _ in range(2)))
    assert [state.status for state in states] == [RequestStatus.WORKING, RequestStatus.DENIED]
    assert states[1].reason_code == "insufficient_balance"
    world.venue("a2").gate.set()
    await world.quiet()
    assert world.agrees("a2")


@pytest.mark.slow
@pytest.mark.parametrize("symbol", [LINEAR, INVERSE])
async def test_hundreds_of_fills_leave_no_difference_however_small(world: TradingWorld, symbol: str) -> None:
    for number in range(25):
        for index, amount in enumerate((7, 4, 6, 9)):
            world.feed(symbol, Decimal(60_000 + (number * 7 + index * 13) % 41))
            await world.want(symbol=symbol, intent=(buy if number % 2 else sell)(amount))
        await world.want(symbol=symbol, intent=Close())
    assert len(await world.orders()) == 125
    assert world.agrees()


# --- entries that would undo a close


def entry_below(world: TradingWorld, symbol: str = LINEAR, **changes: object) -> OrderRequest:
    request = world.request(
        symbol=symbol,
        intent=buy("0.1" if symbol == SPOT else 1),
        order_type=OrderType.LIMIT,
        limit_price=world.price(symbol) - 100,
    )
    return replace(request, **changes)


@pytest.mark.parametrize("symbol", [LINEAR, INVERSE, SPOT])
@pytest.mark.parametrize("intent", [Close(), target(TargetPosition.FLAT, 1)])
async def test_a_full_close_takes_back_the_entries_that_would_open_it_again(
    world: TradingWorld, symbol: str, intent: Close | SetTarget
) -> None:
    await world.want(symbol=symbol, intent=buy("0.5" if symbol == SPOT else 2))
    entry = entry_below(world, symbol)
    await world.ask(entry)

    state = await world.want(symbol=symbol, intent=intent)

    assert state.status is RequestStatus.FILLED
    assert [order.status for order in await world.orders_of(entry)] == [OrderStatus.CANCELED]
    assert world.held(symbol) < Decimal("0.001")
    (cancel,) = await world.facts(CancelRequested)
    assert cancel.cause == state.request.request_id
    assert world.agrees()


async def test_a_full_close_of_nothing_still_takes_back_entries(world: TradingWorld) -> None:
    entry = entry_below(world)
    await world.ask(entry)

    state = await world.want(intent=Close())

    assert (state.status, state.reason_code) == (RequestStatus.SKIPPED, "no_position")
    assert [order.status for order in await world.orders_of(entry)] == [OrderStatus.CANCELED]


async def test_a_close_leaves_entries_that_it_is_not_about(world: TradingWorld) -> None:
    await world.want(intent=buy(2))
    others = [
        entry_below(world, ETHER),
        entry_below(world, source_id="h2"),
        entry_below(world, strategy_id="other"),
    ]
    await world.ask(*others)

    await world.want(intent=Close(scope=CloseScope.STRATEGY))
    half = Size(amount=Decimal(50), unit=SizeUnit.PERCENT)
    await world.want(intent=Close(size=half))
    await world.ask(world.request(intent=Close(), dry_run=True))

    assert [[order.status for order in await world.orders_of(one)] for one in others] == [[OrderStatus.ACCEPTED]] * 3


async def test_a_target_in_the_other_direction_takes_back_what_would_pull_against_it(world: TradingWorld) -> None:
    await world.want(intent=buy(2))
    entry = entry_below(world)
    await world.ask(entry)

    await world.want(intent=target(TargetPosition.SHORT, 1))

    assert [order.status for order in await world.orders_of(entry)] == [OrderStatus.CANCELED]
    assert world.held() == -1


@pytest.mark.parametrize("moment", ["die_before", "die_after"])
@pytest.mark.parametrize("fact", [CancelRequested, OrderCanceled, OrderApproved])
async def test_dying_between_the_cancel_and_the_close_closes_once(world: TradingWorld, fact: type, moment: str) -> None:
    await world.want(intent=buy(2))
    entry = entry_below(world)
    await world.ask(entry)
    close = world.close_request()
    setattr(world.journal, moment, has_fact(fact))
    submitting = asyncio.ensure_future(world.submit(close))
    await world.quiet()
    submitting.cancel()

    await world.restart()
    await world.run_ms(10_000)

    assert (await world.state(close)).status is RequestStatus.FILLED
    assert [order.status for order in await world.orders_of(entry)] == [OrderStatus.CANCELED]
    assert world.held() == 0
    assert world.agrees()


async def test_entries_of_two_margin_modes_never_rest_on_one_side(world: TradingWorld) -> None:
    await world.ask(entry_below(world))

    state = await world.want(intent=buy(1), margin_mode=MarginMode.ISOLATED)

    assert (state.status, state.reason_code) == (RequestStatus.DENIED, "margin_mode_conflict")
