"""A refused write stops one account, which is rebuilt by itself; nobody else notices."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.events import (
    CashAdjusted,
    DeskRebuilt,
    DriftFound,
    LeverageChanged,
    OrderAccepted,
    OrderApproved,
    OrderFilled,
    OrderUnknown,
    RequestSkipped,
)
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.request import Close, OrderRequest, OrderType
from fairlead.core.model.state import RequestStatus
from fairlead.orders.recover import ASK_PAUSE_MS, ASK_TIMES_MAX, REOPEN_FIRST_MS
from fairlead.ports import Unit
from tests.orders.trading_world import LINEAR, TradingWorld, account, buy, sell
from tests.orders.watched_journal import Matches, has_fact

SETTLED_MS = 20_000


def of_account(account_id: str, matches: Matches) -> Matches:
    return lambda unit: unit.chain == f"account:{account_id}" and matches(unit)


async def open_three(world: TradingWorld) -> None:
    world.halts_expected = True
    await world.configure(account("a1"), account("a2"), account("a3"))


@pytest.mark.parametrize(
    "moment",
    [OrderApproved, OrderAccepted, OrderFilled, RequestSkipped, LeverageChanged],
    ids=lambda kind: kind.__name__,
)
async def test_a_refused_unit_halts_only_its_account_which_is_rebuilt_and_trades_again(
    world: TradingWorld, moment: type
) -> None:
    await open_three(world)
    world.journal.refuse = of_account("a1", has_fact(moment))
    changes = {"intent": Close()} if moment is RequestSkipped else {"leverage": Decimal(5)}
    requests = [world.request(account_id, **changes) for account_id in ("a1", "a2", "a3")]
    await asyncio.gather(*(world.submit(request) for request in requests))
    await world.quiet()
    assert len(world.trading.halts) == 1
    assert world.trading.floor.find("a1") is None
    done = {RequestStatus.FILLED, RequestStatus.SKIPPED}
    assert {(await world.state(request)).status for request in requests[1:]} <= done
    await world.run_ms(SETTLED_MS)
    assert world.trading.halts[0].startswith("a1: ")
    assert len(world.trading.halts) == 1
    (rebuilt,) = await world.facts(DeskRebuilt)
    assert rebuilt.stream == "account:a1"
    assert (await world.state(requests[0])).status in done
    assert (await world.want("a1", intent=buy(1))).status is RequestStatus.FILLED
    for account_id in ("a1", "a2", "a3"):
        assert world.agrees(account_id)
        assert len({order.client_order_id for order in world.venue_orders(account_id)}) == len(
            world.venue_orders(account_id)
        )
    assert world.held(LINEAR, "a2") == world.held(LINEAR, "a3")


async def test_units_after_a_refused_one_are_refused_until_the_account_is_rebuilt(world: TradingWorld) -> None:
    await open_three(world)
    seen: list[Unit] = []

    def is_first_approval(unit: Unit) -> bool:
        if of_account("a1", has_fact(OrderApproved))(unit):
            seen.append(unit)
        return len(seen) == 1 and unit is seen[0]

    world.journal.refuse = is_first_approval
    requests = [world.request("a1"), world.request("a1", intent=sell(1))]
    await world.ask(*requests)
    assert [has_fact(OrderApproved)(unit) for unit in world.journal.refused] == [True, True]
    assert world.venue("a1").placed == []
    await world.run_ms(SETTLED_MS)
    assert [(await world.state(request)).status for request in requests] == [RequestStatus.FILLED] * 2
    assert world.held(LINEAR, "a1") == 1
    assert world.agrees("a1")


async def test_nothing_of_a_refused_approval_is_sent_and_it_is_decided_anew(world: TradingWorld) -> None:
    await open_three(world)
    world.journal.refuse = has_fact(OrderApproved)
    request = world.request("a1")
    await world.ask(request)
    assert world.venue("a1").calls == []
    assert await world.orders_of(request) == []
    await world.run_ms(REOPEN_FIRST_MS)
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.FILLED
    assert world.venue("a1").placed == [order.order_id]


async def test_fills_that_come_while_an_account_is_halted_are_not_missed(world: TradingWorld) -> None:
    await open_three(world)
    resting = world.request("a1", order_type=OrderType.LIMIT, limit_price=world.price() - 50)
    await world.ask(resting)
    world.journal.refuse = has_fact(OrderApproved)
    await world.ask(world.request("a1"))
    world.feed(LINEAR, world.price() - 100)
    world.exchange.advance(world.clock.now_ms() + 50)
    await world.run_ms(SETTLED_MS)
    assert (await world.state(resting)).status is RequestStatus.FILLED
    assert await world.facts(DriftFound) == []
    assert world.agrees("a1")


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_a_request_that_comes_while_an_account_is_rebuilt_is_served_once(world: TradingWorld, turns: int) -> None:
    await open_three(world)
    world.journal.refuse = has_fact(OrderApproved)
    await world.ask(world.request("a1"))
    world.clock.advance_ms(REOPEN_FIRST_MS)
    for _ in range(turns):
        await asyncio.sleep(0)
    late = world.request("a1", intent=buy(5))
    await world.submit(late)
    await world.run_ms(1_000)
    assert (await world.state(late)).filled_quantity == 5
    assert len(await world.orders_of(late)) == 1
    assert world.held(LINEAR, "a1") == 7
    assert world.agrees("a1")


async def test_an_account_whose_venue_is_silent_opens_when_it_speaks(world: TradingWorld) -> None:
    await world.stop()
    world.silent.add("a2")
    await world.start(account("a1"), account("a2"))
    assert world.trading.floor.find("a1") is not None
    assert world.trading.floor.find("a2") is None
    early = world.request("a2")
    await world.submit(early)
    assert (await world.want("a1")).status is RequestStatus.FILLED
    world.venue("a2").is_silent = False
    await world.run_ms(SETTLED_MS)
    assert (await world.state(early)).status is RequestStatus.FILLED
    assert len(await world.orders_of(early)) == 1
    assert world.agrees("a2")


async def test_a_broken_invariant_halts_the_account_and_is_told(world: TradingWorld) -> None:
    await open_three(world)
    await world.want("a1")
    desk = world.desk("a1")
    (order,) = await world.orders("a1")
    desk.halt("an order would be overfilled")
    assert world.trading.floor.find("a1") is None
    desk.record([])
    await world.run_ms(SETTLED_MS)
    (row,) = await world.facts(DeskRebuilt)
    assert isinstance(row.event, DeskRebuilt)
    assert row.event.reason == "an order would be overfilled"
    assert world.desk("a1") is not desk
    assert [one.order_id for one in await world.orders("a1")] == [order.order_id]
    assert world.agrees("a1")


async def halt_with_a_resting_order(world: TradingWorld) -> OrderRequest:
    await open_three(world)
    resting = world.request("a1", order_type=OrderType.LIMIT, limit_price=world.price() - 50)
    await world.ask(resting)
    world.journal.refuse = has_fact(OrderApproved)
    await world.ask(world.request("a1"))
    return resting


async def test_a_question_about_a_known_order_is_asked_until_it_is_answered(world: TradingWorld) -> None:
    resting = await halt_with_a_resting_order(world)
    world.feed(LINEAR, world.price() - 100)
    world.venue("a1").find_unanswered = 3
    await world.run_ms(SETTLED_MS)
    assert (await world.state(resting)).status is RequestStatus.FILLED
    assert await world.facts(DriftFound) == []
    assert world.agrees("a1")


async def test_what_is_heard_while_an_account_opens_is_not_lost(world: TradingWorld) -> None:
    await halt_with_a_resting_order(world)
    world.venue("a1").find_unanswered = 3
    await world.run_ms(REOPEN_FIRST_MS + 100)
    assert world.trading.floor.find("a1") is None
    world.exchange.deposit("a1", "USDT", Decimal(7))
    await world.run_ms(SETTLED_MS)
    assert len(await world.facts(CashAdjusted)) == 1
    assert await world.facts(DriftFound) == []
    assert world.agrees("a1")


async def test_a_drift_that_was_only_an_unanswered_doubt_ends_with_it(world: TradingWorld) -> None:
    await open_three(world)
    venue = world.venue("a1")
    venue.lose_answers = 1
    venue.find_unanswered = ASK_TIMES_MAX + 3
    world.journal.refuse = has_fact(OrderUnknown)
    request = world.request("a1")
    await world.ask(request)
    await world.run_ms(REOPEN_FIRST_MS + ASK_TIMES_MAX * ASK_PAUSE_MS + 100)
    assert world.desk("a1").book.drift
    await world.run_ms(SETTLED_MS)
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert len(await world.facts(DriftFound)) == 2
    assert world.agrees("a1")


async def test_what_a_halted_account_had_queued_is_part_of_its_rebuilt_book(world: TradingWorld) -> None:
    await open_three(world)
    desk = world.desk("a1")
    world.journal.hold()
    event = LeverageChanged(
        account_id="a1",
        symbol=LINEAR,
        margin_mode=MarginMode.CROSS,
        position_side=PositionSide.NET,
        leverage=Decimal(9),
        at_ms=world.clock.now_ms(),
    )
    desk.record([event])
    desk.halt("stopped with something queued")
    for _ in range(20):
        await asyncio.sleep(0)
    world.clock.advance_ms(REOPEN_FIRST_MS)
    # Long enough for a rebuild that does not wait.
    for _ in range(2_000):
        await asyncio.sleep(0)
    world.journal.release()
    await world.run_ms(1_000)
    assert list(world.desk("a1").book.leverages.values()) == [9]


async def test_nothing_is_told_of_the_paper_books_before_they_are_saved(world: TradingWorld) -> None:
    world.journal.refuse_all = lambda unit: bool(unit.records) and not unit.facts and not unit.chain
    request = world.request(valid_until_ms=world.clock.now_ms() + 5_000)
    await world.ask(request, within_ms=3_000)
    (order,) = await world.orders_of(request)
    assert order.status is OrderStatus.UNKNOWN
    await world.restart()
    # The books that never were saved are gone, and so is the fill.
    await world.run_ms(SETTLED_MS)
    assert (await world.state(request)).status is RequestStatus.EXPIRED
    assert world.held() == 0
    assert world.agrees()


async def test_a_refusal_of_the_paper_books_leaves_a_doubt_that_is_settled(world: TradingWorld) -> None:
    world.halts_expected = True
    world.journal.refuse = lambda unit: bool(unit.records) and not unit.facts and not unit.chain
    request = world.request()
    await world.ask(request)
    await world.run_ms(SETTLED_MS)
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert len(world.venue_orders()) == 1
    assert world.agrees()
    await world.restart()
    assert world.agrees()


async def test_what_comes_while_a_desk_halts_again_as_it_opens_is_not_lost(world: TradingWorld) -> None:
    world.halts_expected = True
    venue = world.venue()
    venue.lose_answers = 1
    venue.find_unanswered = 1
    await world.submit(world.request())
    await world.quiet()
    # The desk halts; the next one hears of the fill and is refused that, while it waits for the venue's view.
    world.journal.refuse = of_account("a1", has_fact(OrderApproved))
    await world.submit(world.request(intent=buy(3)))
    await world.quiet()
    assert len(world.trading.halts) == 1
    world.journal.refuse = of_account("a1", has_fact(OrderFilled))
    venue.read_unanswered = 2
    await world.run_ms(REOPEN_FIRST_MS)
    await world.run_ms(REOPEN_FIRST_MS)
    assert len(world.trading.halts) == 2
    late = world.request(intent=buy(4))
    await world.submit(late)
    await world.run_ms(SETTLED_MS)
    assert (await world.state(late)).status is RequestStatus.FILLED
    assert world.held() == 2 + 3 + 4
    assert world.agrees()
