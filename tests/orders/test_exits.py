"""Stops and take-profits end with what they protect, whoever ended it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.account import PositionMode, PositionSide
from fairlead.core.model.events import CancelRequested, OrderFilled
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.reports import Unknown
from fairlead.core.model.request import Close, CloseScope, Side, Size, SizeUnit
from tests.orders.trading_world import INVERSE, LINEAR, SPOT, TradingWorld, account, buy, sell
from tests.orders.watched_journal import has_fact


async def exits(world: TradingWorld, account_id: str = "a1") -> list[Order]:
    return [order for order in await world.orders(account_id) if order.origin]


def below(world: TradingWorld, symbol: str = LINEAR) -> Decimal:
    return world.price(symbol) - 500


@pytest.mark.parametrize("symbol", [LINEAR, INVERSE])
async def test_a_flip_takes_back_the_stop_of_the_side_that_is_gone(world: TradingWorld, symbol: str) -> None:
    await world.want(symbol=symbol, intent=buy(5), stop_loss_price=below(world, symbol))

    flip = await world.want(symbol=symbol, intent=sell(8))

    (stop,) = await exits(world)
    assert stop.status is OrderStatus.CANCELED
    (cancel,) = await world.facts(CancelRequested)
    assert cancel.cause == flip.request.request_id
    assert isinstance(cancel.event, CancelRequested)
    assert cancel.event.order_ids == (stop.order_id,)
    assert world.agrees()
    # Long again: the old stop would have sold this.
    await world.want(symbol=symbol, intent=buy(6))
    world.feed(symbol, world.price(symbol) - 600)
    await world.run_ms(2_000)
    assert world.held(symbol) == 3


async def test_a_flip_keeps_the_stop_of_the_new_side(world: TradingWorld) -> None:
    await world.want(intent=buy(5), stop_loss_price=below(world))
    await world.want(intent=sell(8), stop_loss_price=world.price() + 500)
    assert {stop.side: stop.status for stop in await exits(world)} == {
        Side.SELL: OrderStatus.CANCELED,
        Side.BUY: OrderStatus.ACCEPTED,
    }
    world.feed(LINEAR, world.price() + 600)
    await world.run_ms(2_000)
    assert world.held() == 0
    assert world.agrees()


@pytest.mark.parametrize("scope", list(CloseScope))
async def test_a_spot_close_takes_back_the_stop_of_what_was_sold(world: TradingWorld, scope: CloseScope) -> None:
    await world.want(symbol=SPOT, intent=buy("0.2"), stop_loss_price=below(world, SPOT))
    await world.want(symbol=SPOT, intent=Close(scope=scope))
    assert [stop.status for stop in await exits(world)] == [OrderStatus.CANCELED]
    assert world.agrees()


async def test_a_part_that_is_closed_leaves_the_stop_of_the_rest(world: TradingWorld) -> None:
    half = Size(amount=Decimal(50), unit=SizeUnit.PERCENT)
    for symbol, amount in ((LINEAR, 4), (SPOT, "0.2")):
        await world.want(symbol=symbol, intent=buy(amount), stop_loss_price=below(world, symbol))
        await world.want(symbol=symbol, intent=Close(scope=CloseScope.SOURCE, size=half))
    assert [stop.status for stop in await exits(world)] == [OrderStatus.ACCEPTED] * 2
    assert await world.facts(CancelRequested) == []


async def test_a_share_that_is_closed_takes_its_own_stop_along_and_no_other(world: TradingWorld) -> None:
    for source in ("h1", "h2"):
        await world.want(intent=buy(3), source_id=source, stop_loss_price=below(world))
    await world.want(intent=Close(scope=CloseScope.SOURCE), source_id="h1")
    assert {stop.source_id: stop.status for stop in await exits(world)} == {
        "h1": OrderStatus.CANCELED,
        "h2": OrderStatus.ACCEPTED,
    }


async def test_each_side_of_a_long_short_account_keeps_its_own_stop(world: TradingWorld) -> None:
    await world.configure(account("a1"), account("a2", position_mode=PositionMode.LONG_SHORT))
    await world.want("a2", intent=buy(3), stop_loss_price=below(world))
    await world.want("a2", intent=sell(3), stop_loss_price=world.price() + 500)
    await world.want("a2", intent=Close(position_side=PositionSide.SHORT))
    assert {stop.position_side: stop.status for stop in await exits(world, "a2")} == {
        PositionSide.LONG: OrderStatus.ACCEPTED,
        PositionSide.SHORT: OrderStatus.CANCELED,
    }
    assert world.agrees("a2")


@pytest.mark.parametrize("fact", [OrderFilled, CancelRequested])
@pytest.mark.parametrize("moment", ["die_before", "die_after"])
async def test_a_stop_that_is_left_over_is_taken_back_after_a_crash(
    world: TradingWorld, fact: type, moment: str
) -> None:
    await world.want(intent=buy(5), stop_loss_price=below(world))
    setattr(world.journal, moment, has_fact(fact))
    flip = world.request(intent=sell(8))
    await world.ask(flip)
    await world.restart()
    await world.run_ms(5_000)
    assert [stop.status for stop in await exits(world)] == [OrderStatus.CANCELED]
    assert world.held() == -3
    assert world.agrees()


async def test_a_cancel_that_nobody_answered_is_asked_again_with_the_next_change(world: TradingWorld) -> None:
    await world.want(intent=buy(5), stop_loss_price=below(world))
    world.venue().cancels.append(Unknown(message="timed out"))
    await world.want(intent=sell(8))
    assert [stop.status for stop in await exits(world)] == [OrderStatus.ACCEPTED]
    await world.want(intent=sell(1))
    assert [stop.status for stop in await exits(world)] == [OrderStatus.CANCELED]
    assert world.agrees()
