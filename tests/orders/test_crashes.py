"""Dying at any step: after a restart every case ends right, equal to the exchange, nothing doubled."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from fairlead.core.model.events import (
    AccountRecovered,
    CancelRequested,
    LeverageChanged,
    OrderAccepted,
    OrderApproved,
    OrderExpired,
    OrderFilled,
    OrderRequested,
    RequestExpired,
)
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.request import CancelOrders, OrderRequest, OrderType, SetTarget, Size, SizeUnit, TargetPosition
from fairlead.core.model.state import RequestStatus
from fairlead.orders.account_desk import SEND_DEADLINE_MS
from tests.orders.trading_world import LINEAR, VALID_MS, TradingWorld, buy, sell
from tests.orders.watched_journal import Matches, has_fact

pytestmark = pytest.mark.slow

SETTLED_MS = 20_000


async def submit_and_die(world: TradingWorld, request: OrderRequest, *, pause_ms: int = 0) -> None:
    """Hand a request in, let the journal die as it was told to, and start again."""
    submit = asyncio.ensure_future(world.submit(request))
    await world.quiet()
    assert world.journal.is_dead
    submit.cancel()
    await asyncio.gather(submit, return_exceptions=True)
    await world.restart(pause_ms=pause_ms)


async def test_dying_between_approval_and_send_sends_nothing_under_that_id(world: TradingWorld) -> None:
    request = world.request(valid_until_ms=world.clock.now_ms() + SEND_DEADLINE_MS)
    world.journal.die_after = has_fact(OrderApproved)
    await submit_and_die(world, request)
    (order,) = await world.orders_of(request)
    assert order.status in {OrderStatus.UNKNOWN, OrderStatus.EXPIRED}
    await world.run_ms(SETTLED_MS)
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.EXPIRED
    assert (await world.state(request)).status is RequestStatus.EXPIRED
    assert len(await world.facts(OrderExpired)) == 1
    assert world.venue_orders() == []
    assert world.agrees()


async def test_dying_between_the_venues_fill_and_our_record_finds_the_fill(world: TradingWorld) -> None:
    request = world.request()
    world.journal.die_before = has_fact(OrderFilled)
    await submit_and_die(world, request)
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.FILLED
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert [order.client_order_id for order in world.venue_orders()] == [order.order_id]
    await world.run_ms(SETTLED_MS)
    assert len(world.venue_orders()) == 1
    assert world.agrees()


async def test_dying_with_a_queued_request_decides_it_after_the_restart(world: TradingWorld) -> None:
    request = world.request()
    world.journal.die_after = has_fact(OrderRequested)
    await submit_and_die(world, request)
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert len(await world.orders_of(request)) == 1
    assert world.trading.door.unfinished == 0
    assert world.agrees()


async def test_dying_before_a_request_is_stored_leaves_no_trace_and_it_may_come_again(world: TradingWorld) -> None:
    request = world.request()
    world.journal.die_before = has_fact(OrderRequested)
    await submit_and_die(world, request)
    assert await world.find_state(request) is None
    (state,) = await world.ask(request)
    assert state.status is RequestStatus.FILLED
    assert len(world.venue_orders()) == 1


async def test_a_request_that_is_too_old_after_the_restart_expires_instead_of_being_sent(world: TradingWorld) -> None:
    request = world.request()
    world.journal.die_after = has_fact(OrderRequested)
    await submit_and_die(world, request, pause_ms=VALID_MS + 1)
    state = await world.state(request)
    assert (state.status, state.reason_code) == (RequestStatus.EXPIRED, "expired")
    assert len(await world.facts(RequestExpired)) == 1
    assert await world.orders() == []
    assert world.venue_orders() == []


async def test_a_request_that_waited_just_long_enough_is_still_sent(world: TradingWorld) -> None:
    request = world.request()
    world.journal.die_after = has_fact(OrderRequested)
    await submit_and_die(world, request, pause_ms=VALID_MS - 1)
    assert (await world.state(request)).status is RequestStatus.FILLED


@pytest.mark.parametrize(
    "moment",
    [has_fact(OrderApproved), has_fact(OrderAccepted), has_fact(OrderFilled)],
    ids=["approved", "accepted", "filled"],
)
@pytest.mark.parametrize("when", ["die_before", "die_after"])
async def test_dying_in_the_middle_of_a_flip_ends_at_the_target_or_where_it_was(
    world: TradingWorld, moment: Matches, when: str
) -> None:
    await world.want(intent=buy(5))
    target = SetTarget(target=TargetPosition.SHORT, size=Size(amount=Decimal(3), unit=SizeUnit.NATIVE))
    request = world.request(intent=target)
    setattr(world.journal, when, moment)
    await submit_and_die(world, request)
    await world.run_ms(SETTLED_MS)
    state = await world.state(request)
    assert not state.is_pending
    assert world.held() == (-3 if state.status is RequestStatus.FILLED else 5)
    assert len(world.venue_orders()) <= 3
    assert world.agrees()


async def test_dying_between_the_steps_of_a_flip_takes_the_second_step_once(world: TradingWorld) -> None:
    await world.want(intent=buy(5))
    seen: list[object] = []

    def is_second_approval(unit: object) -> bool:
        if has_fact(OrderApproved)(unit):  # type: ignore[arg-type]
            seen.append(unit)
        return len(seen) == 2

    world.journal.die_before = is_second_approval
    target = SetTarget(target=TargetPosition.SHORT, size=Size(amount=Decimal(3), unit=SizeUnit.NATIVE))
    request = world.request(intent=target)
    await submit_and_die(world, request)
    assert world.held() == -3
    assert [order.quantity for order in await world.orders_of(request)] == [5, 3]
    assert world.agrees()


async def test_dying_in_the_middle_of_a_cancel_cancels_once_and_halts_nobody(world: TradingWorld) -> None:
    resting = world.request(order_type=OrderType.LIMIT, limit_price=world.price() - 100)
    await world.ask(resting)
    cancel = world.request(intent=CancelOrders())
    world.journal.die_after = has_fact(CancelRequested)
    await submit_and_die(world, cancel)
    assert (await world.state(cancel)).reason_code == "canceled"
    assert len(await world.facts(CancelRequested)) == 1
    (order,) = await world.orders_of(resting)
    assert order.status is OrderStatus.CANCELED
    assert world.exchange.accounts.open_orders("a1") == []
    assert world.agrees()


async def test_dying_after_the_venue_took_a_leverage_sets_it_again_and_sends_one_order(world: TradingWorld) -> None:
    request = world.request(leverage=Decimal(7))
    world.journal.die_before = has_fact(LeverageChanged)
    await submit_and_die(world, request)
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert len(await world.facts(LeverageChanged)) == 1
    assert len(world.venue_orders()) == 1
    (held,) = world.exchange.accounts.positions("a1")
    assert held.leverage == 7
    assert world.agrees()


async def test_a_stop_born_while_we_died_is_found_with_its_parent(world: TradingWorld) -> None:
    request = world.request(stop_loss_price=world.price() - 1_000)
    world.journal.die_before = has_fact(OrderFilled)
    await submit_and_die(world, request)
    protections = [order for order in await world.orders() if order.origin]
    (parent,) = await world.orders_of(request)
    assert [order.parent_id for order in protections] == [parent.order_id]
    assert world.agrees()


async def test_fills_of_several_orders_that_were_missed_are_taken_in_the_venues_order(world: TradingWorld) -> None:
    mid = world.price()
    await world.want(intent=buy(10))
    below = world.request(intent=buy(6), order_type=OrderType.LIMIT, limit_price=mid - 40)
    above = world.request(intent=sell(7), order_type=OrderType.LIMIT, limit_price=mid + 40)
    await world.ask(above, below)
    await world.lose_reports()
    world.feed(LINEAR, mid - 100)
    await world.run_ms(500)
    world.feed(LINEAR, mid + 100)
    await world.run_ms(500)
    await world.restart()
    statuses = [(await world.orders_of(request))[0].status for request in (below, above)]
    assert statuses == [OrderStatus.FILLED] * 2
    assert world.held() == 9
    assert world.agrees()


async def test_trade_numbers_are_not_given_out_again_after_a_crash(world: TradingWorld) -> None:
    highest = 0
    for _ in range(6):
        await world.want(intent=buy(1))
        numbers = [int(trade_id) for order in await world.orders() for trade_id in order.trade_ids]
        assert len(set(numbers)) == len(numbers)
        await world.run_ms(2_000)
        trades = world.exchange.markets.trades(LINEAR)
        assert min(trade.number for trade in trades) > highest
        highest = max(trade.number for trade in trades)
        await world.restart()
    assert world.agrees()


async def test_many_restarts_change_nothing(world: TradingWorld) -> None:
    await world.want(intent=buy(5), stop_loss_price=world.price() - 1_000)
    await world.want(order_type=OrderType.LIMIT, limit_price=world.price() - 100)
    rows = await world.facts()
    for _ in range(3):
        await world.restart(pause_ms=1_000)
        # Each start reports that it was one.
        rows.append((await world.facts(AccountRecovered))[-1])
        assert await world.facts() == rows
    assert world.agrees()
