"""A time-out is a question, not an answer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.events import OrderUnknown
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.request import OrderRequest, OrderType
from fairlead.core.model.state import RequestStatus
from fairlead.orders.account_desk import SEND_DEADLINE_MS
from fairlead.orders.reconcile import ASK_BACKOFF_MAX_MS, DEADLINE_MARGIN_MS
from fairlead.ports import VenueCapabilities
from tests.orders.trading_world import TradingWorld, buy


def promises(*, deadlines: bool, lasting: bool) -> VenueCapabilities:
    return VenueCapabilities(
        deadlines=deadlines,
        client_ids_lasting=lasting,
        long_short_mode=True,
        attached_protection=True,
    )


def brief_request(world: TradingWorld) -> OrderRequest:
    """A wish that is void by the time a doubt about it is settled."""
    return world.request(valid_until_ms=world.clock.now_ms() + SEND_DEADLINE_MS)


async def test_a_lost_answer_is_settled_by_asking_and_nothing_is_resent(world: TradingWorld) -> None:
    world.venue().lose_answers = 1
    world.venue().find_unanswered = 2
    request = world.request()
    (state,) = await world.ask(request)
    (order,) = await world.orders_of(request)
    assert state.status is RequestStatus.UNKNOWN
    assert order.status is OrderStatus.UNKNOWN
    assert order.message == "the answer was lost"
    await world.run_ms(1_000)
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.FILLED
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert len(await world.facts(OrderUnknown)) == 1
    assert world.venue().placed == [order.order_id]
    assert len(world.venue_orders()) == 1
    assert world.agrees()


async def test_a_lost_answer_of_a_resting_order_is_settled_as_resting(world: TradingWorld) -> None:
    world.venue().lose_answers = 1
    request = world.request(order_type=OrderType.LIMIT, limit_price=world.price() - 100)
    (state,) = await world.ask(request, within_ms=1_000)
    (order,) = await world.orders_of(request)
    assert state.status is RequestStatus.ACCEPTED
    assert order.status is OrderStatus.ACCEPTED
    assert order.venue_order_id
    assert world.agrees()


async def test_a_lost_answer_whose_reports_come_through_is_no_doubt(world: TradingWorld) -> None:
    venue = world.venue()
    venue.lose_answers = 1
    venue.hears_all = True
    state = await world.want()
    assert state.status is RequestStatus.FILLED
    assert await world.facts(OrderUnknown) == []
    assert world.agrees()


async def test_a_lost_request_stays_unknown_until_its_deadline_is_surely_past(world: TradingWorld) -> None:
    world.venue().lose_requests = 1
    request = brief_request(world)
    await world.ask(request, within_ms=SEND_DEADLINE_MS + DEADLINE_MARGIN_MS)
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.UNKNOWN
    assert (await world.state(request)).status is RequestStatus.UNKNOWN
    assert world.desk().book.balances["USDT"].reserved > 0
    await world.run_ms(ASK_BACKOFF_MAX_MS)
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.EXPIRED
    assert order.updated_ms > order.deadline_ms + DEADLINE_MARGIN_MS
    assert (await world.state(request)).status is RequestStatus.EXPIRED
    assert world.desk().book.balances["USDT"].reserved == 0
    assert world.venue().placed == []
    assert world.venue_orders() == []
    assert world.agrees()


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [False, True])
async def test_without_deadlines_no_such_order_proves_nothing(world: TradingWorld, *, lasting: bool) -> None:
    world.venue().promises = promises(deadlines=False, lasting=lasting)
    world.venue().lose_requests = 1
    request = world.request()
    await world.ask(request, within_ms=600_000)
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.UNKNOWN
    assert world.venue().calls.count("place_order") == 1
    assert world.venue().calls.count("find_order") > 20


@pytest.mark.parametrize("lasting", [False, True])
async def test_deadlines_are_enough_to_settle_a_doubt(world: TradingWorld, *, lasting: bool) -> None:
    world.venue().promises = promises(deadlines=True, lasting=lasting)
    world.venue().lose_requests = 1
    (state,) = await world.ask(brief_request(world), within_ms=60_000)
    assert state.status is RequestStatus.EXPIRED
    assert world.venue_orders() == []


async def test_a_doubt_survives_a_restart_with_its_owner(world: TradingWorld) -> None:
    world.venue().lose_requests = 1
    request = brief_request(world)
    await world.ask(request, within_ms=1_000)
    await world.restart()
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.UNKNOWN
    await world.run_ms(60_000)
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.EXPIRED
    assert world.venue_orders() == []
    assert world.agrees()


@pytest.mark.slow
async def test_a_silent_venue_is_asked_less_and_less_often(world: TradingWorld) -> None:
    world.venue().lose_answers = 1
    world.venue().find_unanswered = 1_000_000
    await world.ask(world.request(), within_ms=600_000)
    asked = world.venue().calls.count("find_order")
    assert 20 <= asked <= 30
    world.venue().find_unanswered = 0
    await world.run_ms(ASK_BACKOFF_MAX_MS)
    assert world.agrees()


async def test_a_close_waits_for_an_entry_in_doubt_and_closes_it(world: TradingWorld) -> None:
    world.venue().lose_answers = 1
    world.venue().find_unanswered = 3
    entry, close = world.request(), world.close_request()
    await world.ask(entry, close)
    assert (await world.state(entry)).status is RequestStatus.UNKNOWN
    assert (await world.state(close)).status is RequestStatus.QUEUED
    await world.run_ms(2_000)
    assert (await world.state(close)).filled_quantity == 2
    assert world.held() == 0
    assert world.agrees()


async def test_a_close_waits_for_an_entry_in_doubt_across_a_restart(world: TradingWorld) -> None:
    world.venue().lose_requests = 1
    close = world.close_request()
    await world.ask(world.request(), close)
    await world.restart()
    assert (await world.state(close)).status is RequestStatus.QUEUED
    await world.run_ms(16_000)
    assert (await world.state(close)).status is RequestStatus.SKIPPED
    assert world.agrees()


async def test_nothing_waits_for_a_doubt_that_may_never_end(world: TradingWorld) -> None:
    await world.want(intent=buy(5))
    world.venue().promises = promises(deadlines=False, lasting=False)
    world.venue().lose_requests = 1
    close = world.close_request()
    entry = world.request()
    await world.ask(entry, close, within_ms=SEND_DEADLINE_MS)
    assert (await world.state(close)).status is RequestStatus.QUEUED
    await world.run_ms(16_000)
    assert (await world.state(entry)).status is RequestStatus.UNKNOWN
    assert (await world.state(close)).status is RequestStatus.FILLED
    assert world.held() == 0


async def test_what_surely_never_arrived_is_tried_again_under_a_new_id_while_the_wish_holds(
    world: TradingWorld,
) -> None:
    world.venue().lose_requests = 1
    request = world.request()
    (state,) = await world.ask(request, within_ms=20_000)
    lost, sent = await world.orders_of(request)
    assert (lost.status, sent.status) == (OrderStatus.EXPIRED, OrderStatus.FILLED)
    assert lost.order_id != sent.order_id
    assert (state.status, state.filled_quantity) == (RequestStatus.FILLED, Decimal(2))
    assert world.venue().placed == [sent.order_id]
    assert world.held() == 2
    assert world.agrees()
