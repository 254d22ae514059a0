"""Faults that cost money in an older program, each as the law that must hold instead."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.core.model.bots.bot import BotState, BotStatus
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Wake
from fairlead.core.model.bots.martingale import (
    DeviationFrom,
    EntryMode,
    MartingaleMemory,
    MartingaleSettings,
    Phase,
    StopLoss,
    TakeProfitStep,
)
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.ledger import average_price
from fairlead.core.rules.bots.martingale import MartingaleRule
from fairlead.core.rules.bots.preflight import check_instrument
from fairlead.core.rules.bots.rules import make_rule
from tests.core.bots.martingale_worlds import check_exits, events, happen, settle, worlds
from tests.core.bots.toy_exchange import NO_FEES, SPOT, ToyExchange

LOTS = replace(SPOT, lot_size=Decimal("0.01"), quantity_min=Decimal("0.01"))


def base(amount: str) -> Size:
    return Size(amount=Decimal(amount), unit=SizeUnit.BASE)


def ladder(**changes: object) -> MartingaleSettings:
    settings = MartingaleSettings(
        base_order=base("1"),
        safety_order=base("1"),
        base_price=Decimal(100),
        max_safety_orders=2,
        take_profit=(TakeProfitStep(percent=ONE),),
    )
    return replace(settings, **changes)


def test_m01_a_hundred_prices_without_a_fill_leave_exactly_one_first_order() -> None:
    bot = ToyExchange(ladder(), SPOT)
    for tick in range(100):
        bot.move(Decimal("100.5") + Decimal(tick % 7) / 100)
    assert [one.slot for one in bot.history] == ["b"]
    bot.move(Decimal(100))
    assert bot.state.deal.quantity == 1
    assert set(bot.slots) == {"t1", "s1", "s2"}


@given(bot=worlds(), history=st.lists(events, max_size=20))
def test_m03_a_restart_in_any_state_leaves_exactly_one_exit_for_what_is_held(
    bot: ToyExchange, history: list[tuple[str, int]]
) -> None:
    bot.move(Decimal("100.5"))
    for event in history:
        happen(bot, event)
        bot.state = msgspec.json.decode(msgspec.json.encode(bot.state), type=BotState)
        bot.rule = make_rule(bot.settings, bot.instrument, NO_FEES)
        bot.fee = ZERO
        bot.ask()
    settle(bot)
    check_exits(bot)


def test_m04_what_a_hand_cancels_comes_back_a_bounded_number_of_times_and_exits_always() -> None:
    bot = ToyExchange(ladder(), SPOT)
    bot.move(Decimal(100))
    for slot in ("t1", "s1"):
        bot.cancel_by_hand(slot)
        bot.move(Decimal(100))
        assert slot not in bot.slots
        bot.move(Decimal(100), wait_ms=2_000)
        assert slot in bot.slots
    for _ in range(12):
        for slot in {"t1", "s1"} & set(bot.slots):
            bot.cancel_by_hand(slot)
        bot.ask()
        bot.move(Decimal(100), wait_ms=599_000)
    assert "t1" in bot.slots
    assert "s1" not in bot.slots
    assert len([one for one in bot.history if one.slot == "s1"]) == 8
    assert "s1 (refused)" in bot.state.note


@pytest.mark.parametrize("filled", ["0", "0.3", "0.9", "1"])
@pytest.mark.parametrize("level", ["1", "0.4"])
def test_m05_an_exit_that_fills_while_it_is_replaced_sells_nothing_twice(filled: str, level: str) -> None:
    bot = ToyExchange(ladder(), LOTS, late_cancels=True)
    bot.move(Decimal(100))
    bot.fill(bot.resting("s1"), Decimal(level), Decimal(99))
    bot.ask()
    old = bot.resting("t1")
    assert old.is_canceling
    bot.fill(old, Decimal(filled), Decimal(101))
    bot.ask()
    bot.trade(Decimal(100))
    bot.ask()
    left = ONE + Decimal(level) - Decimal(filled)
    assert bot.state.deal.quantity == bot.held == left
    assert [one.leaves for one in bot.exits] == [left]
    bot.walk(["102", "102"])
    assert bot.state.cycle == 2
    assert bot.held == 0


def test_m07_a_fee_in_the_coin_makes_the_exit_smaller() -> None:
    settings = ladder(
        base_order=base("10"),
        safety_order=base("20"),
        base_price=Decimal(109),
        max_safety_orders=1,
        step=Decimal(8),
        deviation_from=DeviationFrom.PREVIOUS_LEVEL,
        take_profit=(TakeProfitStep(percent=Decimal(8)),),
    )
    bot = ToyExchange(settings, LOTS, fee=Decimal("0.001"), fee_in_base=True)
    bot.walk(["109", "100.28"])
    assert bot.resting("t1").quantity == Decimal("29.97")


def test_m08_the_average_is_that_of_the_fills_in_parts_and_at_better_prices() -> None:
    bot = ToyExchange(ladder(), LOTS)
    bot.move(Decimal("99.50"))
    first = bot.resting("s1")
    for part, price in (("0.25", "98.90"), ("0.35", "98.70"), ("0.40", "98.60")):
        bot.fill(first, Decimal(part), Decimal(price))
        bot.ask()
    paid = Decimal("99.5") + Decimal("98.9") / 4 + Decimal("98.7") * Decimal("0.35") + Decimal("98.6") * Decimal("0.4")
    assert average_price(bot.state.deal, LOTS) == paid / 2
    assert bot.resting("t1").order.want.price == LOTS.round_price_up(paid / 2 * Decimal("1.01"))


def test_m09_a_position_stays_until_the_fills_of_its_stop_say_otherwise() -> None:
    bot = ToyExchange(ladder(stop_loss=StopLoss(percent=Decimal(5))), LOTS, at_once=Decimal("0.4"))
    bot.move(Decimal(100))
    bot.refuses = {"c"}
    bot.move(Decimal(90))
    held = bot.held
    assert bot.state.deal.quantity == held
    assert bot.memory.phase is Phase.EXITING
    bot.refuses = set()
    bot.move(Decimal(90), wait_ms=61_000)
    assert ZERO < bot.state.deal.quantity == bot.held < held
    assert bot.memory.phase is Phase.EXITING
    bot.move(Decimal(89))
    assert bot.state.deal.quantity == bot.held == 0
    assert bot.state.status is BotStatus.FINISHED
    assert bot.memory.why == "stop_loss"


@pytest.mark.parametrize("mode", EntryMode)
def test_m12_without_a_price_the_ladder_hangs_on_the_price_at_which_the_cycle_begins(mode: EntryMode) -> None:
    bot = ToyExchange(ladder(base_price=None, entry_mode=mode), SPOT)
    bot.move(Decimal(250))
    assert bot.memory.anchor == 250
    bot.walk(["247.50", "245"])
    assert [one.asked_at for one in bot.history if one.slot[0] == "s"] == [Decimal("247.5"), Decimal(245)]


def test_m12_a_ladder_with_a_price_of_zero_cannot_be_saved_and_would_never_be_ordered() -> None:
    bottomless = ladder(step=Decimal(60))
    assert any(one.refuses for one in check_instrument(bottomless, SPOT, Decimal(100)))
    rule = MartingaleRule(bottomless, SPOT, ZERO)
    memory = MartingaleMemory(phase=Phase.IN_POSITION, anchor=Decimal(100), done=1)
    deal = Deal(quantity=ONE, cost=Decimal(100), opened=ONE, first_price=Decimal(100), last_price=Decimal(100))
    wants = rule.decide(memory, deal, Wake(1_000, Decimal(100))).wants
    assert [want.slot for want in wants] == ["t1", "s1"]
