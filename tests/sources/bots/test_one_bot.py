"""One bot on the whole order path: it enters, adds, leaves, and goes on after whatever happens in between."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.bot import BotStatus, Wish
from fairlead.core.model.bots.decision import Instruction
from fairlead.core.model.bots.events import BotConfigured
from fairlead.core.model.bots.martingale import StartOnSignal
from fairlead.core.model.request import Side
from fairlead.simulator.orders import Order as VenueOrder
from tests.sources.bots.bot_world import BotWorld, dip

HOUR_MS = 3_600_000


def exits(world: BotWorld, bot_id: str) -> list[VenueOrder]:
    """What would close its holding, at the exchange."""
    side = Side.SELL if world.bot(bot_id).deal.is_long else Side.BUY
    return [order for order in world.at_venue(bot_id) if order.side is side]


async def test_a_bot_enters_adds_and_leaves(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    first = world.bot("dip").deal.first_price
    assert set(world.resting("dip")) == {"t1", "s1", "s2"}
    assert world.adds_up("dip")
    await world.move(first * Decimal("0.989"))
    assert world.bot("dip").deal.quantity == 6
    assert [order.quantity for order in exits(world, "dip")] == [6]
    assert world.adds_up("dip")
    await world.move(first * Decimal("1.02"))
    assert world.bot("dip").cycle == 2
    assert world.bot("dip").deal.realized_before > 0
    assert world.adds_up("dip")


@pytest.mark.parametrize("pause_ms", [0, HOUR_MS])
async def test_a_killed_process_goes_on_with_one_exit_for_what_is_held(world: BotWorld, pause_ms: int) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    first = world.bot("dip").deal.first_price
    await world.move(first * Decimal("0.989"), wait_ms=500)
    for _ in range(3):
        await world.restart(pause_ms=pause_ms)
        await world.run_ms(2_000)
        assert [order.quantity for order in exits(world, "dip")] == [6]
        assert set(world.resting("dip")) == {"t1", "s2"}
        assert world.adds_up("dip")


async def test_a_bot_that_does_nothing_writes_nothing(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    before = len(await world.decisions())
    await world.run_ms(65_000)
    assert len(await world.decisions()) == before


async def test_new_settings_count_from_the_next_cycle_and_are_on_record(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    await world.change("dip", settings=dip(max_safety_orders=1), settings_version=2)
    await world.run_ms(2_000)
    assert set(world.resting("dip")) == {"t1", "s1", "s2"}
    await world.move(world.bot("dip").deal.first_price * Decimal("1.02"))
    assert set(world.resting("dip")) == {"t1", "s1"}
    await world.tell("dip", Instruction.CLOSE)
    await world.run_ms(2_000)
    versions = [row.event.settings_version for row in await world.facts(BotConfigured)]  # type: ignore[union-attr]
    assert versions == [1, 2]


async def test_a_pause_takes_entries_back_and_leaves_the_exit(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    await world.change("dip", wish=Wish.PAUSE)
    await world.run_ms(2_000)
    assert (world.bot("dip").status, set(world.resting("dip"))) == (BotStatus.PAUSED, {"t1"})
    await world.change("dip", wish=Wish.RUN)
    await world.run_ms(2_000)
    assert set(world.resting("dip")) == {"t1", "s1", "s2"}


@pytest.mark.parametrize(("wish", "held"), [(Wish.STOP_AND_KEEP, 3), (Wish.STOP_AND_SELL, 0)])
async def test_a_stop_leaves_nothing_resting(world: BotWorld, wish: Wish, held: int) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    await world.change("dip", wish=wish)
    await world.run_ms(5_000)
    assert world.bot("dip").status is BotStatus.STOPPED
    assert world.resting("dip") == {}
    assert list(world.exchange.accounts.open_orders("a1")) == []
    assert world.held() == held


async def test_m06_a_slow_venue_gets_one_order_however_often_the_price_moves(world: BotWorld) -> None:
    world.venue().gate.clear()
    await world.add("dip")
    price = world.price()
    for step in range(20):
        await world.move(price - step * 20, wait_ms=200)
    world.venue().gate.set()
    await world.run_ms(3_000)
    assert world.bot("dip").deal.quantity == 3
    assert world.adds_up("dip")
    assert len(world.venue().placed) == len(set(world.venue().placed)) == 4


async def test_what_somebody_closes_by_hand_is_believed_and_not_bought_back(world: BotWorld) -> None:
    await world.add("dip", dip(restart=False))
    await world.run_ms(2_000)
    world.trade_by_hand(Side.SELL, 3)
    await world.run_ms(2_000)
    await world.adopt_by_hand()
    await world.run_ms(60_000)
    assert world.bot("dip").deal.quantity == 0
    assert world.bot("dip").status is BotStatus.FINISHED
    assert list(world.exchange.accounts.open_orders("a1")) == []
    assert world.held() == 0


async def test_a_part_closed_by_hand_leaves_one_exit_for_the_rest(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    world.trade_by_hand(Side.SELL, 1)
    await world.run_ms(2_000)
    await world.adopt_by_hand()
    await world.run_ms(60_000)
    assert world.adds_up("dip")
    assert [order.quantity for order in exits(world, "dip")] == [2]


@pytest.mark.parametrize("slot", ["t1", "s1"])
async def test_m04_an_order_that_somebody_cancels_comes_back(world: BotWorld, slot: str) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    for _ in range(3):
        world.cancel_by_hand("dip", slot)
        await world.run_ms(30_000)
        assert set(world.resting("dip")) == {"t1", "s1", "s2"}
        assert len(world.at_venue("dip")) == 3


async def test_a_signal_begins_a_deal_unless_it_waited_too_long(world: BotWorld) -> None:
    await world.add("dip", dip(start=StartOnSignal(signal="oversold"), restart=False))
    await world.signal("dip", "overbought")
    await world.signal("dip", "oversold", age_ms=61_000)
    await world.run_ms(2_000)
    assert (world.bot("dip").command, world.bot("dip").orders) == (2, ())
    await world.signal("dip", "oversold")
    await world.run_ms(2_000)
    assert world.bot("dip").deal.quantity == 3


async def test_a_liquidation_ends_the_deal(world: BotWorld) -> None:
    await world.add("dip", dip(restart=False, leverage=Decimal(5), margin_mode=MarginMode.ISOLATED))
    await world.run_ms(2_000)
    assert world.share("dip") > 0
    await world.move(world.price() / 3, wait_ms=10_000)
    assert world.share("dip") == 0
    assert world.bot("dip").deal.quantity == 0
    assert world.bot("dip").status is BotStatus.FINISHED
    assert world.adds_up("dip")


async def test_newer_settings_that_count_now_replace_what_rests_and_survive_a_restart(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    first = world.bot("dip").deal.first_price
    before = {slot: order.want.price for slot, order in world.resting("dip").items()}
    newer = dip(step=Decimal(3))
    await world.change("dip", settings=newer, settings_version=2)
    await world.run_ms(2_000)
    assert {slot: order.want.price for slot, order in world.resting("dip").items()} == before
    await world.tell("dip", Instruction.REPLAN)
    await world.run_ms(2_000)
    after = world.resting("dip")
    assert world.bot("dip").settings_version == 2
    assert after["s1"].want.price == pytest.approx(first * Decimal("0.97"), abs=Decimal("0.1"))
    assert after["t1"].want.price == before["t1"]
    versions = [row.event.settings_version for row in await world.facts(BotConfigured)]  # type: ignore[union-attr]
    assert versions == [1, 2]
    await world.restart(pause_ms=0)
    await world.run_ms(2_000)
    assert {slot: order.want.price for slot, order in world.resting("dip").items()} == {
        slot: order.want.price for slot, order in after.items()
    }
    assert world.adds_up("dip")
