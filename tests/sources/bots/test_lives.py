"""What people want of a bot, on the whole order path: stop, keep, sell, resume, begin again, change."""

from __future__ import annotations

from decimal import Decimal

from fairlead.core.model.bots.bot import BotStatus, Wish
from fairlead.core.model.bots.decision import Instruction
from fairlead.core.model.bots.martingale import MartingaleSettings, TakeProfitStep
from fairlead.core.model.request import Size, SizeUnit
from tests.orders.trading_world import SPOT
from tests.sources.bots.bot_world import BotWorld, dip


def coin(levels: int) -> MartingaleSettings:
    """A spot bot, whose fees in the coin leave dust."""
    money = Size(amount=Decimal(200), unit=SizeUnit.QUOTE)
    profit = (TakeProfitStep(percent=Decimal(1)),)
    return MartingaleSettings(base_order=money, safety_order=money, max_safety_orders=levels, take_profit=profit)


def status(world: BotWorld, bot_id: str) -> BotStatus:
    return world.bot(bot_id).status


async def test_dust_of_a_cycle_keeps_no_newer_settings_waiting(world: BotWorld) -> None:
    await world.add("coin", coin(2), symbol=SPOT)
    await world.run_ms(2_000)
    assert set(world.resting("coin")) == {"t1", "s1", "s2"}
    await world.change("coin", settings=coin(1), settings_version=2)
    await world.move(world.bot("coin").deal.first_price * Decimal("1.02"), SPOT)
    assert world.bot("coin").cycle == 2
    assert world.bot("coin").settings_version == 2
    assert set(world.resting("coin")) == {"t1", "s1"}


async def test_a_bot_that_was_stopped_goes_on_with_what_it_kept(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    await world.change("dip", wish=Wish.STOP_AND_KEEP)
    await world.run_ms(2_000)
    assert status(world, "dip") is BotStatus.STOPPED
    assert not world.at_venue("dip")
    assert world.bot("dip").deal.quantity == 3
    await world.restart()
    await world.change("dip", wish=Wish.RUN)
    await world.run_ms(2_000)
    assert status(world, "dip") is BotStatus.RUNNING
    assert set(world.resting("dip")) == {"t1", "s1", "s2"}
    assert world.bot("dip").cycle == 1
    assert world.adds_up("dip")


async def test_a_bot_that_was_stopped_with_its_holding_can_still_be_told_to_sell(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    await world.change("dip", wish=Wish.STOP_AND_KEEP)
    await world.run_ms(2_000)
    await world.change("dip", wish=Wish.STOP_AND_SELL)
    await world.run_ms(2_000)
    assert status(world, "dip") is BotStatus.STOPPED
    assert world.bot("dip").deal.quantity == 0
    assert world.adds_up("dip")


async def test_a_bot_that_finished_begins_again_when_a_person_says_start(world: BotWorld) -> None:
    await world.add("dip", dip(restart=False))
    await world.run_ms(2_000)
    await world.move(world.bot("dip").deal.first_price * Decimal("1.02"))
    assert status(world, "dip") is BotStatus.FINISHED
    await world.restart()
    await world.run_ms(2_000)
    assert status(world, "dip") is BotStatus.FINISHED
    await world.tell("dip", Instruction.START)
    await world.run_ms(2_000)
    assert status(world, "dip") is BotStatus.RUNNING
    assert world.bot("dip").deal.quantity == 3
    assert world.adds_up("dip")


async def test_a_step_that_is_closed_by_hand_leaves_one_exit_for_the_rest(world: BotWorld) -> None:
    halves = tuple(TakeProfitStep(percent=Decimal(k), share=Decimal(50)) for k in (1, 2))
    six = Size(amount=Decimal(6), unit=SizeUnit.CONTRACTS)
    await world.add("dip", dip(take_profit=halves, base_order=six))
    await world.run_ms(2_000)
    assert {"t1", "t2"} <= set(world.resting("dip"))
    await world.tell("dip", Instruction.CLOSE_STEP)
    await world.run_ms(3_000)
    assert set(world.resting("dip")) == {"t2", "s1", "s2"}
    assert world.bot("dip").deal.quantity == 3
    assert world.adds_up("dip")
