"""Bots under the limits that an account with real money starts with."""

from __future__ import annotations

from decimal import Decimal

from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.events import RequestDenied
from fairlead.core.model.request import Size, SizeUnit
from tests.orders.trading_world import account
from tests.sources.bots.bot_world import BotWorld, dip

LEVELS = 8


def deep() -> MartingaleSettings:
    """A base order and eight levels of the same size, all of them waiting at the venue."""
    tenth = Size(amount=Decimal("0.1"), unit=SizeUnit.CONTRACTS)
    return dip(
        base_order=tenth,
        safety_order=tenth,
        max_safety_orders=LEVELS,
        active_safety_orders=LEVELS,
        leverage=Decimal(2),
    )


async def refusals(world: BotWorld) -> list[str]:
    """Why requests were denied, oldest first."""
    return [row.event.reason_code for row in await world.facts(RequestDenied) if isinstance(row.event, RequestDenied)]


async def test_a_ladder_of_eight_levels_rests_whole_under_the_standard_profile(world: BotWorld) -> None:
    await world.configure(account(risk_profile="standard"))
    await world.add("deep", deep())
    await world.run_ms(3_000)
    assert await refusals(world) == []
    assert set(world.resting("deep")) == {"t1", *(f"s{level}" for level in range(1, LEVELS + 1))}
    assert len(world.at_venue("deep")) == LEVELS + 1


async def test_a_bot_that_opens_again_and_again_is_denied_after_so_many_decisions(world: BotWorld) -> None:
    await world.configure(account(risk_profile="standard"))
    await world.add("deep", deep())
    for _ in range(8):
        await world.run_ms(10_000)
        await world.move(world.price() * Decimal("1.02"))
    assert set(await refusals(world)) == {"repeated_entries"}
    # Here a fill is told in the millisecond of its order, so that a deal is one decision; five were let through.
    assert world.bot("deep").cycle == 6
    assert not world.held()
