"""Two bots on one instrument, long and short, in net mode: two shares whose sum is what the exchange holds."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from fairlead.core.model.bots.bot import Wish
from fairlead.core.model.bots.decision import Instruction
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Size, SizeUnit
from tests.sources.bots.bot_world import BotWorld, rise

FIVE = Size(amount=Decimal(5), unit=SizeUnit.CONTRACTS)


def shares(world: BotWorld) -> list[Decimal]:
    """Of the long bot and of the short one, and what the exchange holds."""
    return [world.share("dip"), world.share("rise"), world.held()]


async def test_shares_are_closed_against_the_net_position(world: BotWorld) -> None:
    await world.add("dip")
    await world.add("rise", rise(base_order=FIVE))
    await world.run_ms(3_000)
    assert shares(world) == [3, -5, -2]
    assert world.adds_up("dip", "rise")
    # Closing the long makes the account's position larger, so the exchange would refuse it as reduce-only.
    await world.change("dip", wish=Wish.STOP_AND_SELL)
    await world.run_ms(3_000)
    assert shares(world) == [0, -5, -5]
    assert world.adds_up("dip", "rise")
    await world.change("rise", wish=Wish.STOP_AND_SELL)
    await world.run_ms(3_000)
    assert shares(world) == [0, 0, 0]
    assert list(world.exchange.accounts.open_orders("a1")) == []


@pytest.mark.parametrize("seed", range(4))
async def test_they_add_up_after_each_step_of_a_walk(world: BotWorld, seed: int) -> None:
    dice = Random(seed)
    await world.add("dip")
    await world.add("rise", rise())
    await world.run_ms(3_000)
    price = world.price()
    for _ in range(15):
        price *= 1 + Decimal(dice.randint(-90, 90)) / 10_000
        await world.move(price.quantize(Decimal("0.1")), wait_ms=3_000)
        assert world.adds_up("dip", "rise")
        if dice.random() < 0.2:
            await world.tell(dice.choice(("dip", "rise")), Instruction.CLOSE)
        if dice.random() < 0.2:
            await world.restart()
            await world.run_ms(3_000)
        for bot_id in ("dip", "rise"):
            assert world.bot(bot_id).deal.quantity <= 9
            planned = [order for order in world.bot(bot_id).orders if not order.want.opens]
            leaves = sum(
                ((order.want.size.amount - order.filled_quantity) for order in planned if order.want.size), ZERO
            )
            assert leaves == world.bot(bot_id).deal.quantity
