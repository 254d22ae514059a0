"""Grids, rules in Python and conditions on the whole order path, in virtual time."""

from __future__ import annotations

from decimal import Decimal

from fairlead.core.model.bots.grid import GridDirection, GridMemory, GridSettings
from fairlead.core.model.bots.martingale import StartOnSignal
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.request import Size, SizeUnit
from fairlead.store.urls import sqlite_path
from tests.sources.bots.bot_world import BotWorld, dip

RULE = """\
from collections.abc import Mapping

from fairlead.rules import Answer, Condition, Rule, View, close, flat, in_contracts, long, sma


class Above(Rule):
    def conditions(self) -> Mapping[str, Condition]:
        return {"above": close > sma(close, 2)}

    def decide(self, view: View) -> Answer:
        return long(in_contracts(3)) if view.holds("above") else flat()
"""
MINUTE_MS = 60_000


async def price_of(world: BotWorld) -> Decimal:
    """The last price, as a bot that was never asked would see it."""
    await world.run_ms(2_000)
    return world.trading.market.quotes["BTC-USDT-SWAP"].last


async def test_a_neutral_grid_trades_both_sides_and_a_killed_process_goes_on(world: BotWorld) -> None:
    middle = (await price_of(world)).quantize(Decimal(100))
    settings = GridSettings(
        lower=middle - 2_000,
        upper=middle + 2_000,
        lines=4,
        direction=GridDirection.NEUTRAL,
        per_line=Size(amount=Decimal(2), unit=SizeUnit.CONTRACTS),
    )
    await world.move(middle)
    await world.add("net", settings)
    await world.run_ms(3_000)
    assert len(world.resting("net")) == 4
    await world.move(middle - 1_001)
    await world.run_ms(2_000)
    await world.restart()
    await world.run_ms(3_000)
    assert world.bot("net").deal.is_long
    assert world.bot("net").deal.quantity == 2
    assert len(world.resting("net")) == 4
    await world.move(middle + 1_001)
    await world.run_ms(3_000)
    memory = world.bot("net").memory
    assert isinstance(memory, GridMemory)
    assert memory.rounds == 1
    assert not world.bot("net").deal.is_long
    assert world.bot("net").deal.quantity == 2
    assert world.adds_up("net")


async def test_a_rule_in_python_is_asked_when_its_condition_changes(world: BotWorld) -> None:
    file = sqlite_path(world.url).parent / "above.py"
    file.write_text(RULE, encoding="utf-8")
    file.chmod(0o600)
    file.parent.chmod(0o700)
    start = await price_of(world)
    await world.add("mine", RuleSettings(rule="above:Above"))
    for step in range(4):
        await world.move(start * (1 + Decimal(step) / 200), wait_ms=MINUTE_MS)
    assert world.bot("mine").deal.quantity == 3
    for step in range(4):
        await world.move(start * (1 - Decimal(step) / 200), wait_ms=MINUTE_MS)
    assert world.bot("mine").deal.quantity == 0
    assert world.adds_up("mine")


async def test_a_rule_that_is_not_there_decides_nothing_and_others_go_on(world: BotWorld) -> None:
    await world.add("mine", RuleSettings(rule="missing:Rule"))
    await world.add("dip")
    await world.run_ms(5_000)
    assert world.bots.runner.actors["mine"].state is None
    assert world.bot("dip").deal.quantity == 3


async def test_a_dca_bot_begins_on_a_condition_of_its_own(world: BotWorld) -> None:
    start = await price_of(world)
    await world.add("dip", dip(start=StartOnSignal("fall"), conditions={"fall": "close < ago(close, 1) * 0.99"}))
    await world.move(start, wait_ms=2 * MINUTE_MS)
    assert not world.at_venue("dip")
    await world.move(start * Decimal("0.97"), wait_ms=2 * MINUTE_MS)
    assert world.bot("dip").deal.quantity >= 3
    assert world.adds_up("dip")
