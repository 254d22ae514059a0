"""Orders and cancels of the same moment share a request, and each has an answer of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

import msgspec
import pytest

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode
from fairlead.core.model.order import Order
from fairlead.orders.desk_tools import RecordingDesk
from fairlead.orders.dispatch import ask_cancels
from fairlead.ports import Venue
from fairlead.simulator.okx.faults.rules import FaultKind, FaultRule, Match
from fairlead.venues.okx.order_desk import DEADLINES_APART_MS
from fairlead.venues.okx.outcomes import Ack, Answered, Lost, Refused, read_acks
from tests.venues.okx.okx_floor import SPOT, SWAP, OkxFloor, Trader, approve, open_floor

PLACE = "POST trade/order"
PLACE_MANY = "POST trade/batch-orders"
ONE = "POST trade/cancel-order"
MANY = "POST trade/cancel-batch-orders"


@dataclass
class CancelingDesk:
    """What a desk shows to whoever asks for cancels."""

    venue: Venue


@pytest.fixture(name="floor")
async def _floor() -> AsyncIterator[OkxFloor]:
    async with open_floor() as floor:
        yield floor


@pytest.fixture(name="trader", params=["rest", "socket"])
async def _trader(request: pytest.FixtureRequest, floor: OkxFloor) -> Trader:
    trader = floor.trader()
    if request.param == "socket":
        await floor.learn_codes()
        await trader.listen()
    return trader


async def rest_orders(trader: Trader, count: int, **changes: object) -> list[Order]:
    orders = [trader.resting(number + 1, **changes) for number in range(count)]
    outcomes = await asyncio.gather(*(trader.venue.place_order(approve(order)) for order in orders))
    assert all(isinstance(outcome, rp.Accepted) for outcome in outcomes)
    return orders


async def cancel_all(trader: Trader, orders: Sequence[Order]) -> list[rp.CancelOutcome]:
    return list(await asyncio.gather(*(trader.venue.cancel_order(order) for order in orders)))


def counted(floor: OkxFloor, *endpoints: str) -> dict[str, int]:
    """How many count against each limit now; without a name, cancels."""
    rows = [row for row in floor.governor.usage() if row.endpoint in (endpoints or (ONE, MANY)) and row.used]
    return {row.endpoint: row.used for row in rows}


async def place_all(trader: Trader, orders: Sequence[Order]) -> list[rp.PlaceOutcome]:
    return list(await asyncio.gather(*(trader.venue.place_order(approve(order)) for order in orders)))


def known(floor: OkxFloor) -> list[str]:
    """Orders of ours that the exchange has, by its books."""
    accounts = floor.okx.exchange.accounts
    orders = [*accounts.open_orders("k1"), *accounts.finished_orders("k1")]
    return sorted(order.client_order_id for order in orders)


async def test_the_levels_of_a_ladder_go_as_one_request(floor: OkxFloor, trader: Trader) -> None:
    until_ms = (floor.clock.now_ms() + 5_000) // DEADLINES_APART_MS * DEADLINES_APART_MS
    orders = [trader.resting(number, deadline_ms=until_ms + number) for number in range(8)]
    assert {type(outcome) for outcome in await place_all(trader, orders)} == {rp.Accepted}
    assert counted(floor, PLACE, PLACE_MANY) == {PLACE_MANY: 8}
    assert known(floor) == sorted(order.order_id for order in orders)
    assert floor.governor.refused.total() == 0


async def test_what_would_wait_for_its_limit_gathers_and_goes_as_batches(floor: OkxFloor, trader: Trader) -> None:
    until_ms = (floor.clock.now_ms() + 60_000) // DEADLINES_APART_MS * DEADLINES_APART_MS
    orders = [trader.resting(number, deadline_ms=until_ms) for number in range(90)]
    placing = []
    for order in orders:
        placing.append(asyncio.create_task(trader.venue.place_order(approve(order))))
        await asyncio.sleep(0.001)
    outcomes = await asyncio.gather(*placing)
    assert {type(outcome) for outcome in outcomes} == {rp.Accepted}
    assert known(floor) == sorted(order.order_id for order in orders)
    assert counted(floor, PLACE, PLACE_MANY)[PLACE_MANY] >= 20
    assert floor.governor.refused.total() == 0


async def test_orders_of_far_deadlines_do_not_share_a_request(floor: OkxFloor, trader: Trader) -> None:
    now_ms = floor.clock.now_ms()
    orders = [trader.resting(number, deadline_ms=now_ms + (5 + number) * 1_000) for number in range(3)]
    assert {type(outcome) for outcome in await place_all(trader, orders)} == {rp.Accepted}
    assert counted(floor, PLACE, PLACE_MANY) == {PLACE: 3}


async def test_what_is_wrong_with_one_order_is_not_the_others_fault(floor: OkxFloor, trader: Trader) -> None:
    until_ms = floor.clock.now_ms() + 5_000
    orders = [trader.resting(number, deadline_ms=until_ms) for number in range(3)]
    orders[1] = msgspec.structs.replace(orders[1], quantity=Decimal("0.000001"))
    first, wrong, last = await place_all(trader, orders)
    assert isinstance(wrong, rp.Rejected)
    assert isinstance(first, rp.Accepted)
    assert isinstance(last, rp.Accepted)
    assert first.venue_order_id != last.venue_order_id
    assert known(floor) == sorted([orders[0].order_id, orders[2].order_id])


@pytest.mark.parametrize("kind", [FaultKind.RESET_AFTER, FaultKind.RESET_BEFORE])
async def test_orders_whose_answer_was_lost_are_each_asked_for_and_there_once(floor: OkxFloor, kind: FaultKind) -> None:
    trader = floor.trader()
    until_ms = floor.clock.now_ms() + 5_000
    orders = [trader.resting(number, deadline_ms=until_ms) for number in range(3)]
    floor.okx.faults.plan.add(FaultRule(id="lost", kind=kind, match=Match(endpoint="trade/batch-orders"), count=1))
    assert {type(outcome) for outcome in await place_all(trader, orders)} == {rp.Unknown}
    found = [await trader.venue.find_order(order) for order in orders]
    there = rp.VenueOrder if kind is FaultKind.RESET_AFTER else rp.NoSuchOrder
    assert {type(one) for one in found} == {there}
    assert len(known(floor)) == (3 if kind is FaultKind.RESET_AFTER else 0)


async def test_orders_that_failed_for_the_sake_of_another_are_sent_alone(floor: OkxFloor, trader: Trader) -> None:
    until_ms = floor.clock.now_ms() + 5_000
    orders = [trader.resting(number, deadline_ms=until_ms) for number in range(3)]
    for endpoint in ("trade/batch-orders", "batch-orders"):
        match = Match(endpoint=endpoint)
        floor.okx.faults.plan.add(FaultRule(id=endpoint, kind=FaultKind.CODE_54004, match=match, count=1))
    assert {type(outcome) for outcome in await place_all(trader, orders)} == {rp.Accepted}
    assert known(floor) == sorted(order.order_id for order in orders)
    assert counted(floor, PLACE, PLACE_MANY) == {PLACE_MANY: 3, PLACE: 3}


async def test_many_cancels_go_as_batches_and_all_are_done(floor: OkxFloor, trader: Trader) -> None:
    orders = await rest_orders(trader, 45)
    outcomes = await cancel_all(trader, orders)
    assert outcomes == [rp.Canceled()] * 45
    assert counted(floor) == {MANY: 45}
    assert not floor.okx.exchange.accounts.open_orders("k1")
    assert floor.governor.refused.total() == 0


async def test_a_cancel_alone_goes_alone(floor: OkxFloor, trader: Trader) -> None:
    (order,) = await rest_orders(trader, 1)
    assert await cancel_all(trader, [order]) == [rp.Canceled()]
    assert counted(floor) == {ONE: 1}


async def test_each_of_a_batch_has_its_own_answer(trader: Trader) -> None:
    orders = await rest_orders(trader, 3)
    await trader.venue.cancel_order(orders[1])
    first, gone, last = await cancel_all(trader, orders)
    assert first == last == rp.Canceled()
    assert isinstance(gone, rp.Rejected)


async def test_a_batch_whose_answer_was_lost_is_a_doubt_about_each(floor: OkxFloor) -> None:
    trader = floor.trader()
    orders = await rest_orders(trader, 3)
    match = Match(endpoint="trade/cancel-batch-orders")
    floor.okx.faults.plan.add(FaultRule(id="lost", kind=FaultKind.RESET_AFTER, match=match, count=1))
    assert {type(outcome) for outcome in await cancel_all(trader, orders)} == {rp.Unknown}


async def test_instruments_do_not_share_a_request(floor: OkxFloor, trader: Trader) -> None:
    swaps = await rest_orders(trader, 1)
    floor_price = floor.price(SPOT)
    spot = trader.resting(2, symbol=SPOT, margin_mode=MarginMode.CASH, limit_price=floor_price * 9 // 10)
    assert isinstance(await trader.venue.place_order(approve(spot)), rp.Accepted)
    assert await cancel_all(trader, [*swaps, spot]) == [rp.Canceled()] * 2
    assert {row.subject for row in floor.governor.usage() if row.endpoint == ONE and row.used} == {SWAP, SPOT}


async def test_an_order_path_that_stops_everything_asks_for_twenty_at_once(floor: OkxFloor) -> None:
    trader = floor.trader()
    orders = await rest_orders(trader, 30)
    gone = trader.resting(31)
    refused = await ask_cancels(cast("RecordingDesk", CancelingDesk(trader.venue)), [*orders, gone])
    assert [text.partition(":")[0] for text in refused] == [gone.order_id]
    assert counted(floor) == {MANY: 31}


def test_an_answer_about_fewer_orders_is_a_doubt_about_all() -> None:
    row = Ack(ord_id="1", s_code="0")
    assert [type(one) for one in read_acks(Answered((row,)), 2)] == [Lost, Lost]
    assert read_acks(Answered((row, Ack(s_code="51400", s_msg="gone"))), 2) == [row, Refused("51400", "gone")]
    assert read_acks(Refused("50011", "too often"), 2) == [Refused("50011", "too often")] * 2
