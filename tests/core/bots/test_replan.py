"""Newer settings for a running deal: what is held stays, the ladder and the exit are planned anew."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.core.model.bots.decision import BotCommand, Direction, Instruction
from fairlead.core.model.bots.grid import GridSettings
from fairlead.core.model.bots.martingale import MartingaleSettings, TakeProfitStep
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.imagined_market import Terms
from fairlead.core.rules.bots.preview import preview_bot
from fairlead.core.rules.bots.rules import can_replan, make_rule
from tests.core.bots.toy_exchange import NO_FEES, SPOT, ToyExchange


def dca(**changes: object) -> MartingaleSettings:
    hundred = Size(amount=Decimal(100), unit=SizeUnit.QUOTE)
    settings = MartingaleSettings(base_order=hundred, safety_order=hundred, max_safety_orders=3, step=Decimal(2))
    return replace(settings, **changes)


def replan(bot: ToyExchange, settings: MartingaleSettings) -> None:
    """Tell a running bot that these settings count now."""
    bot.settings, bot.rule = settings, make_rule(settings, SPOT, NO_FEES)
    bot.ask(command=BotCommand(bot.state.command + 1, Instruction.REPLAN))


def test_levels_and_exit_move_and_what_was_filled_stays_filled() -> None:
    bot = ToyExchange(dca())
    bot.walk(["100", "98"])
    held = bot.state.deal.quantity
    assert bot.slots == {"t1": "99.98", "s2": "96.00", "s3": "94.00"}
    two = (TakeProfitStep(Decimal(2), Decimal(50)), TakeProfitStep(Decimal(4), Decimal(50)))
    replan(bot, dca(step=Decimal(3), max_safety_orders=4, take_profit=two))
    assert bot.state.deal.quantity == held
    assert bot.slots == {"t1": "100.97", "t2": "102.95", "s2": "94.00", "s3": "91.00", "s4": "88.00"}
    exits = [one.quantity for one in bot.book.values() if not one.order.want.opens]
    assert sum(exits, ZERO) == SPOT.round_quantity_down(held)


def test_fewer_exit_steps_than_were_done_leave_what_is_held_protected() -> None:
    two = (TakeProfitStep(Decimal(1), Decimal(50)), TakeProfitStep(Decimal(5), Decimal(50)))
    bot = ToyExchange(dca(take_profit=two))
    bot.walk(["100", "101.01"])
    assert "t1" not in bot.slots
    left = SPOT.round_quantity_down(bot.state.deal.quantity)
    replan(bot, dca(take_profit=(TakeProfitStep(Decimal(3)),)))
    assert bot.resting("t1").quantity == left


def test_a_deal_that_has_not_begun_takes_the_new_ladder() -> None:
    bot = ToyExchange(dca(base_price=Decimal(90)))
    bot.move(Decimal("90.5"))
    assert bot.slots["b"] == "90.00"
    replan(bot, dca(base_price=Decimal(90), base_order=Size(amount=Decimal(200), unit=SizeUnit.QUOTE)))
    assert bot.resting("b").quantity == Decimal("2.222222")


def test_only_a_ladder_of_the_same_direction_goes_on() -> None:
    grid = GridSettings(lower=Decimal(1), upper=Decimal(2), lines=3)
    assert can_replan(dca(), dca(step=Decimal(5)))
    assert not can_replan(dca(), dca(direction=Direction.SHORT))
    assert not can_replan(dca(), grid)
    assert not can_replan(grid, grid)


def opened(bot: ToyExchange) -> Decimal:
    """What all its entries have cost so far."""
    return sum((one.value for one in bot.history if one.order.want.opens), ZERO)


steps = st.decimals(min_value=1, max_value=4, places=1)


@given(before=steps, after=steps, filled=st.integers(0, 3), levels=st.integers(1, 6))
def test_a_replanned_deal_does_what_its_preview_showed(
    before: Decimal, after: Decimal, filled: int, levels: int
) -> None:
    bot = ToyExchange(dca(step=before))
    bot.move(Decimal(100))
    for level in range(1, filled + 1):
        bot.move(Decimal(100) - before * level)
    state = replace(bot.state, version=7)
    newer = dca(step=after, max_safety_orders=levels)
    shown = preview_bot(state, newer, SPOT, Terms(fees=NO_FEES), bot.price, replans=True)
    spent = opened(bot)
    replan(bot, newer)
    for row in shown.rows:
        bot.move(min(row.price, bot.price))
        assert bot.state.deal.quantity == row.held
    assert shown.worst.cost == opened(bot) - spent
