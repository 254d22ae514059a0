"""What the order path may rely on at the paper venue, through the Venue port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.ids import child_order_id
from fairlead.core.model.request import OrderType, Side
from fairlead.simulator.rules import VenueRules
from fairlead.venues.paper.house import ORDER_SPACE
from tests.venues.paper_world import PaperWorld, approve, paper_account, paper_order


@pytest.fixture(name="world")
async def _world(tmp_path: Path) -> AsyncIterator[PaperWorld]:
    world = await PaperWorld.open(tmp_path)
    yield world
    await world.stop()


async def test_a_market_order_is_reported_filled_before_its_answer_comes(world: PaperWorld) -> None:
    venue = world.venue()
    outcome = await venue.place_order(approve(paper_order()))
    assert isinstance(outcome, rp.Accepted)
    accepted, *fills = world.reports
    assert isinstance(accepted, rp.ReportAccepted)
    assert all(isinstance(report, rp.ReportFill) for report in fills)
    assert sum(report.fill.quantity for report in fills if isinstance(report, rp.ReportFill)) == Decimal(1)
    last = fills[-1]
    assert isinstance(last, rp.ReportFill)
    assert last.is_last


async def test_an_order_after_its_deadline_is_refused(world: PaperWorld) -> None:
    venue = world.venue()
    world.clock.advance_ms(6_000)
    outcome = await venue.place_order(approve(paper_order()))
    assert isinstance(outcome, rp.Rejected)
    assert outcome.code == "50036"
    assert isinstance(await venue.find_order(paper_order()), rp.NoSuchOrder)


async def test_the_whole_story_of_an_order_can_be_asked_again_after_a_restart(world: PaperWorld) -> None:
    await world.venue().place_order(approve(paper_order()))
    told = tuple(world.reports)
    await world.restart()
    found = await world.venue().find_order(paper_order())
    assert isinstance(found, rp.VenueOrder)
    assert found.reports == told


async def test_balances_positions_and_resting_orders_survive_a_restart(world: PaperWorld) -> None:
    venue = world.venue()
    await venue.place_order(approve(paper_order()))
    price = world.quotes["BTC-USDT-SWAP"].bid * Decimal("0.99")
    resting = paper_order(2, order_type=OrderType.LIMIT, limit_price=price - price % 1)
    await venue.place_order(approve(resting))
    before = await venue.read_account()
    await world.restart()
    after = await world.venue().read_account()
    assert isinstance(before, rp.AccountReport)
    assert isinstance(after, rp.AccountReport)
    assert after.balances == before.balances
    held = [(row.symbol, row.quantity, row.entry_price) for row in after.positions]
    assert held == [(row.symbol, row.quantity, row.entry_price) for row in before.positions]
    assert after.open_order_ids == before.open_order_ids == (resting.order_id,)


async def test_an_account_that_opens_first_is_never_given_the_order_number_of_one_that_opens_later(
    world: PaperWorld,
) -> None:
    first, second = paper_account("a1"), paper_account("a2")
    world.venue(first)
    price = world.quotes["BTC-USDT-SWAP"].bid * Decimal("0.99")
    rests = {"order_type": OrderType.LIMIT, "limit_price": price - price % 1}
    # Taken after the market was saved at the start.
    await world.venue(second).place_order(approve(paper_order(1, account_id="a2", **rests)))
    await world.restart()
    opened = world.venue(first)
    await opened.place_order(approve(paper_order(2, **rests)))
    later = world.venue(second)
    assert len(world.house.exchange.accounts.open_orders("a1")) == 1
    (kept,) = world.house.exchange.accounts.open_orders("a2")
    (mine,) = world.house.exchange.accounts.open_orders("a1")
    assert kept.venue_order_id != mine.venue_order_id
    assert isinstance(await later.cancel_order(paper_order(1, account_id="a2", **rests)), rp.Canceled)
    assert isinstance(await opened.cancel_order(paper_order(2, **rests)), rp.Canceled)


async def test_prices_go_on_after_a_restart(world: PaperWorld) -> None:
    for _ in range(40):
        world.clock.advance_ms(250)
        world.house.tick()
    before = world.quotes["BTC-USDT"].mid
    await world.restart()
    after = world.quotes["BTC-USDT"].mid
    assert abs(after / before - 1) < Decimal("0.005")


async def test_an_attached_stop_is_born_with_the_first_fill_and_named_by_its_parent(world: PaperWorld) -> None:
    venue = world.venue()
    mark = world.quotes["BTC-USDT-SWAP"].mark
    order = paper_order(stop_loss_price=(mark * Decimal("0.9")).quantize(Decimal(1)))
    await venue.place_order(approve(order))
    born = [report for report in world.reports if isinstance(report, rp.ReportBorn)]
    assert [report.parent_id for report in born] == [order.order_id]
    assert born[0].order_id == child_order_id(order.order_id, "protection")
    assert born[0].stop_loss_price == order.stop_loss_price


async def test_cancel_is_answered_and_reported(world: PaperWorld) -> None:
    venue = world.venue()
    price = world.quotes["BTC-USDT-SWAP"].bid * Decimal("0.99")
    order = paper_order(order_type=OrderType.LIMIT, limit_price=price - price % 1)
    await venue.place_order(approve(order))
    assert isinstance(await venue.cancel_order(order), rp.Canceled)
    assert isinstance(world.reports[-1], rp.ReportCanceled)
    again = await venue.cancel_order(order)
    assert isinstance(again, rp.Rejected)
    assert again.code == "51400"


async def test_leverage_above_the_instruments_maximum_is_refused_in_the_venues_words(world: PaperWorld) -> None:
    venue = world.venue()
    refusal = await venue.set_leverage("BTC-USDT-SWAP", MarginMode.CROSS, PositionSide.NET, Decimal(1000))
    assert isinstance(refusal, rp.Rejected)
    assert refusal.code == "59102"
    assert await venue.set_leverage("BTC-USDT-SWAP", MarginMode.CROSS, PositionSide.NET, Decimal(10)) is None


async def test_nothing_is_told_before_the_books_are_durable(world: PaperWorld) -> None:
    venue = world.venue()
    await world.stop()
    outcome = await venue.place_order(approve(paper_order()))
    assert isinstance(outcome, rp.Unknown)
    assert world.reports == []


async def test_whoever_gives_up_waiting_takes_nobody_else_along(world: PaperWorld) -> None:
    venue, other = world.venue(), world.venue(paper_account("a2"))
    gone = asyncio.create_task(venue.place_order(approve(paper_order(1))))
    waiting = asyncio.create_task(other.place_order(approve(paper_order(2, account_id="a2"))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone.cancel()
    assert isinstance(await waiting, rp.Accepted)
    assert gone.cancelled()
    assert isinstance(await venue.find_order(paper_order(1)), rp.VenueOrder)


async def test_a_resting_order_is_kept_once_with_its_account(world: PaperWorld) -> None:
    venue = world.venue()
    order = paper_order(order_type=OrderType.LIMIT, limit_price=Decimal(59_500))
    await venue.place_order(approve(order))
    resting = await world.journal.read_records(ORDER_SPACE)
    await venue.cancel_order(order)
    ended = await world.journal.read_records(ORDER_SPACE)
    assert (len(resting), len(ended)) == (0, 1)


async def test_long_and_short_are_held_side_by_side(world: PaperWorld) -> None:
    venue = world.venue(paper_account("a1", position_mode=PositionMode.LONG_SHORT))
    await venue.place_order(approve(paper_order(1, position_side=PositionSide.LONG)))
    short = paper_order(2, position_side=PositionSide.SHORT, side="sell")
    await venue.place_order(approve(short))
    report = await venue.read_account()
    assert isinstance(report, rp.AccountReport)
    assert {row.position_side: row.quantity for row in report.positions} == {
        PositionSide.LONG: Decimal(1),
        PositionSide.SHORT: Decimal(1),
    }


@pytest.mark.slow
async def test_five_thousand_orders_leave_a_bounded_table_and_a_known_state(world: PaperWorld) -> None:
    venue = world.venue()
    for start in range(0, 5_000, 250):
        orders = [
            paper_order(number, quantity=Decimal("0.1"), side=Side.SELL if number % 2 else Side.BUY)
            for number in range(start, start + 250)
        ]
        await asyncio.gather(*(venue.place_order(approve(order)) for order in orders))
        world.house.tick()
    told = await venue.read_account()
    newest, oldest = await venue.find_order(paper_order(4_999)), await venue.find_order(paper_order(0))
    kept = await world.journal.read_records(ORDER_SPACE)
    await world.restart()
    again = world.venue()

    assert len(kept) == VenueRules().finished_orders_kept_max
    assert isinstance(newest, rp.VenueOrder)
    assert isinstance(oldest, rp.NoSuchOrder)
    assert await again.find_order(paper_order(4_999)) == newest
    assert await again.find_order(paper_order(0)) == oldest
    assert isinstance(told, rp.AccountReport)
    after = await again.read_account()
    assert isinstance(after, rp.AccountReport)
    assert (after.balances, after.open_order_ids) == (told.balances, told.open_order_ids)
    assert [one.quantity for one in after.positions] == [one.quantity for one in told.positions]
