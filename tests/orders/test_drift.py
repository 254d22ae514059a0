"""Somebody else changes the account at its venue; what is found, what it stops, and how it is settled."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.account import PositionSide
from fairlead.core.model.drift import Drift, DriftCause, DriftDecision, DriftKind, DriftWay
from fairlead.core.model.events import AccountRecovered, DriftFound, DriftSettled, TransferCounted
from fairlead.core.model.request import Close, OrderType, Side
from fairlead.core.model.state import RequestStatus
from fairlead.orders.drift_watch import DriftWatch
from fairlead.simulator.orders import NewOrder
from fairlead.simulator.orders import OrderType as VenueOrderType
from tests.orders.trading_world import LINEAR, SPOT, TradingWorld, buy


async def look(world: TradingWorld, times: int = 1) -> tuple[Drift, ...]:
    """Compare some times in a row; returns what is open."""
    for _ in range(times):
        await world.trading.drift_watch.look(world.desk())
        await world.quiet()
        world.clock.advance_ms(10_000)
    return tuple(drift for drift in world.desk().book.drifts.values() if not drift.is_ignored)


async def by_hand(world: TradingWorld, amount: int) -> None:
    """Change the account's cash at the venue, which tells nobody."""
    await world.lose_reports()
    if amount > 0:
        world.exchange.deposit("a1", "USDT", Decimal(amount))
    else:
        world.exchange.withdraw("a1", "USDT", Decimal(-amount))
    await world.run_ms(500)
    world.venue().is_deaf = False


async def trade_by_hand(world: TradingWorld, symbol: str, quantity: int | str, *, price: Decimal | None = None) -> None:
    """Buy at the venue as its web page would."""
    wish = NewOrder(
        client_order_id="",
        symbol=symbol,
        side=Side.BUY,
        order_type=VenueOrderType.MARKET if price is None else VenueOrderType.LIMIT,
        quantity=Decimal(quantity),
        limit_price=price,
        position_side=PositionSide.NET,
    )
    world.exchange.place("a1", wish, now_ms=world.clock.now_ms())
    await world.run_ms(500)


async def settle(world: TradingWorld, drift: Drift, way: DriftWay) -> str:
    """Decide as somebody on the command line."""
    decision = DriftDecision(
        drift_id=drift.drift_id,
        tenant="t1",
        account_id="a1",
        way=way,
        decided_by="ann",
        reason="I know",
        created_ms=world.clock.now_ms(),
    )
    refused = await world.trading.settler.settle(world.desk(), decision)
    await world.run_ms(1_000)
    return refused


async def test_a_difference_counts_at_the_second_look_and_then_allows_only_less_risk(world: TradingWorld) -> None:
    await world.want(intent=buy(5))
    await by_hand(world, -700)
    assert await look(world) == ()
    assert (await world.want(intent=buy(1))).status is RequestStatus.FILLED
    (drift,) = await look(world)
    assert (drift.kind, drift.subject, drift.change) == (DriftKind.BALANCE, "USDT", Decimal(-700))
    denied = await world.want(intent=buy(1))
    assert (denied.status, denied.reason_code) == (RequestStatus.DENIED, "drift_open")
    assert (await world.want(intent=Close())).status is RequestStatus.FILLED
    assert await look(world, 3) == (drift,)
    assert len(await world.facts(DriftFound)) == 1


async def test_a_difference_of_a_moment_is_none(world: TradingWorld) -> None:
    await by_hand(world, 50)
    assert await look(world) == ()
    await by_hand(world, -50)
    assert await look(world, 3) == ()
    assert await world.facts(DriftFound) == []


async def test_a_difference_that_never_stands_still_is_believed_in_the_end(world: TradingWorld) -> None:
    for _ in range(4):
        await by_hand(world, 50)
        assert await look(world) == ()
    await by_hand(world, 50)
    (drift,) = await look(world)
    assert drift.change == 250


async def test_a_fill_that_nobody_reported_is_heard_by_asking_and_is_no_drift(world: TradingWorld) -> None:
    resting = world.request(order_type=OrderType.LIMIT, limit_price=world.price() - 50)
    await world.ask(resting)
    await world.lose_reports()
    world.feed(LINEAR, world.price() - 100)
    await world.run_ms(500)
    world.venue().is_deaf = False
    assert (await world.state(resting)).status is RequestStatus.ACCEPTED
    assert await look(world, 2) == ()
    assert (await world.state(resting)).status is RequestStatus.FILLED
    assert await world.facts(DriftFound) == []
    assert world.agrees()


@pytest.mark.parametrize("amount", [700, -700])
async def test_cash_moved_by_hand_is_adopted_as_a_transfer(world: TradingWorld, amount: int) -> None:
    await by_hand(world, amount)
    (drift,) = await look(world, 2)
    assert drift.cause is DriftCause.MANUAL_BALANCE
    assert await settle(world, drift, DriftWay.CLOSE) == "cash cannot be closed: adopt it, or ignore it"
    assert await settle(world, drift, DriftWay.ADOPT) == ""
    assert len(await world.facts(TransferCounted)) == 1
    assert world.agrees()
    assert (await world.want(intent=buy(1))).status is RequestStatus.FILLED
    assert "gone" in await settle(world, drift, DriftWay.ADOPT)
    assert len(await world.facts(DriftSettled)) == 1


async def test_what_is_ignored_holds_nobody_up_until_its_amount_changes(world: TradingWorld) -> None:
    await by_hand(world, 700)
    (drift,) = await look(world, 2)
    assert await settle(world, drift, DriftWay.IGNORE) == ""
    assert (await world.want(intent=buy(1))).status is RequestStatus.FILLED
    await world.restart()
    assert await look(world, 3) == ()
    assert (await world.want(intent=buy(1))).status is RequestStatus.FILLED
    await by_hand(world, 1)
    (other,) = await look(world, 2)
    assert other.change == 701
    assert other.drift_id != drift.drift_id
    assert (await world.want(intent=buy(1))).reason_code == "drift_open"


async def test_a_decision_is_about_the_amount_that_was_shown(world: TradingWorld) -> None:
    await by_hand(world, 700)
    (drift,) = await look(world, 2)
    await by_hand(world, 20)
    assert "just changed" in await settle(world, drift, DriftWay.ADOPT)
    assert await world.facts(DriftSettled) == []


async def test_an_outside_position_is_adopted_with_its_cash(world: TradingWorld) -> None:
    await trade_by_hand(world, LINEAR, 3)
    found = await look(world, 2)
    assert {drift.kind for drift in found} == {DriftKind.BALANCE, DriftKind.POSITION}
    assert {drift.cause for drift in found} == {DriftCause.OUTSIDE_POSITION}
    for drift in found:
        assert await settle(world, drift, DriftWay.ADOPT) == ""
    assert world.agrees()
    assert world.desk().book.positions[LINEAR, PositionSide.NET].quantity == 3
    assert await world.facts(TransferCounted) == []
    assert (await world.want(intent=Close())).status is RequestStatus.FILLED
    assert world.held() == 0


async def test_an_outside_position_is_closed_down_to_what_is_ours(world: TradingWorld) -> None:
    await world.want(intent=buy(2))
    await trade_by_hand(world, LINEAR, 3)
    found = await look(world, 2)
    (position,) = (drift for drift in found if drift.kind is DriftKind.POSITION)
    assert await settle(world, position, DriftWay.CLOSE) == ""
    assert world.held() == 2
    assert world.desk().book.positions[LINEAR, PositionSide.NET].quantity == 2
    (order,) = [order for order in await world.orders() if order.source_id == "drift"]
    assert order.reduce_only
    assert (await world.explain(order.order_id)).accounts


async def test_a_position_that_somebody_closed_is_not_opened_again(world: TradingWorld) -> None:
    await world.want(intent=buy(2))
    world.venue().is_deaf = True
    await world.quiet()
    key = world.exchange.accounts.positions("a1")[0]
    wish = NewOrder(
        client_order_id="", symbol=key.symbol, side=Side.SELL, order_type=VenueOrderType.MARKET, quantity=Decimal(2)
    )
    world.exchange.place("a1", wish, now_ms=world.clock.now_ms())
    await world.run_ms(500)
    world.venue().is_deaf = False
    found = await look(world, 2)
    (position,) = (drift for drift in found if drift.kind is DriftKind.POSITION)
    assert "adopt it instead" in await settle(world, position, DriftWay.CLOSE)
    for drift in found:
        assert await settle(world, drift, DriftWay.ADOPT) == ""
    assert world.held() == 0
    assert world.agrees()


async def test_an_outside_order_is_adopted_and_then_its_fill_is_ours(world: TradingWorld) -> None:
    await trade_by_hand(world, LINEAR, 4, price=world.price() - 50)
    (drift,) = await look(world, 2)
    assert drift.kind is DriftKind.OUTSIDE_ORDER
    assert drift.order is not None
    assert drift.order.symbol == LINEAR
    assert drift.order.quantity == 4
    assert await settle(world, drift, DriftWay.ADOPT) == ""
    assert await look(world, 2) == ()
    await world.restart()
    world.feed(LINEAR, world.price() - 100)
    await world.run_ms(1_000)
    assert world.desk().book.positions[LINEAR, PositionSide.NET].quantity == 4
    assert await look(world, 2) == ()


async def test_an_outside_order_that_has_filled_in_part_is_left_to_its_owner(world: TradingWorld) -> None:
    world.venue().describes_orders = False
    await trade_by_hand(world, LINEAR, 4, price=world.price() - 50)
    (drift,) = await look(world, 2)
    assert "in part" in await settle(world, drift, DriftWay.ADOPT)
    assert "in part" in await settle(world, drift, DriftWay.CLOSE)
    assert await settle(world, drift, DriftWay.IGNORE) == ""


async def test_an_outside_order_is_closed_by_canceling_it(world: TradingWorld) -> None:
    await trade_by_hand(world, SPOT, "0.01", price=world.price(SPOT) - 500)
    (drift,) = await look(world, 2)
    assert await settle(world, drift, DriftWay.CLOSE) == ""
    assert world.exchange.accounts.open_orders("a1") == []
    assert world.agrees()


async def test_a_spot_trade_by_hand_is_told_as_one(world: TradingWorld) -> None:
    await trade_by_hand(world, SPOT, "0.01")
    found = await look(world, 2)
    assert {(drift.subject, drift.cause) for drift in found} == {
        ("BTC", DriftCause.OUTSIDE_ORDER),
        ("USDT", DriftCause.OUTSIDE_ORDER),
    }


async def test_a_policy_adopts_what_its_owner_chose_and_nothing_else(world: TradingWorld) -> None:
    chosen = frozenset({DriftCause.MANUAL_BALANCE})
    trading = world.trading
    trading.drift_watch = DriftWatch(floor=trading.floor, settler=trading.settler, adopts=lambda _: chosen)
    await by_hand(world, 700)
    assert await look(world, 2) == ()
    (row,) = await world.facts(DriftSettled)
    assert isinstance(row.event, DriftSettled)
    assert row.event.decided_by == "policy"
    assert world.agrees()
    await trade_by_hand(world, LINEAR, 3)
    assert len(await look(world, 3)) == 2
    assert len(await world.facts(DriftSettled)) == 1


async def test_each_start_reports_what_it_found(world: TradingWorld) -> None:
    await world.want(order_type=OrderType.LIMIT, limit_price=world.price() - 50)
    await world.restart()
    first, second = [row.event for row in await world.facts(AccountRecovered)]
    assert isinstance(first, AccountRecovered)
    assert isinstance(second, AccountRecovered)
    assert (first.orders_asked, first.differences) == (0, 0)
    assert (second.orders_asked, second.orders_in_doubt, second.differences) == (1, 0, 0)
    assert world.desk().book.recovery == second
    assert (await world.rebuilt()).recovery == second


async def test_accounts_are_looked_at_again_and_again(world: TradingWorld) -> None:
    world.trading.tasks.start("drift watch", world.trading.drift_watch.run())
    await by_hand(world, 700)
    await world.run_ms(25_000)
    assert len(world.desk().book.drifts) == 1
    world.venue().is_silent = True
    await world.run_ms(25_000)
    world.venue().is_silent = False
    await by_hand(world, -700)
    await world.run_ms(25_000)
    assert world.agrees()
