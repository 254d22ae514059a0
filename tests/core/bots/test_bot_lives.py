"""What a bot is told by people, and what it then is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from fairlead.core.model.bots.bot import BotState, BotStatus, Stimulus, Wish
from fairlead.core.model.bots.decision import Instruction, WireKind
from fairlead.core.model.bots.grid import GridSettings
from fairlead.core.model.bots.martingale import (
    MartingaleMemory,
    MartingaleSettings,
    Phase,
    StopLoss,
    TakeProfitStep,
)
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.rules import is_between_cycles, make_rule, renew
from fairlead.core.rules.bots.step import take_step
from tests.core.bots.toy_exchange import NO_FEES, SPOT, ToyExchange

LOTS = replace(SPOT, lot_size=Decimal("0.01"), quantity_min=Decimal("0.01"))
RESTING = {"t1", "s1", "s2"}


def dip(**changes: object) -> MartingaleSettings:
    one = Size(amount=ONE, unit=SizeUnit.BASE)
    return replace(MartingaleSettings(base_order=one, safety_order=one, max_safety_orders=2), **changes)


def status(bot: ToyExchange) -> BotStatus:
    return bot.state.status


@pytest.fixture
def bot() -> ToyExchange:
    bot = ToyExchange(dip(), LOTS)
    bot.move(Decimal(100))
    assert set(bot.slots) == RESTING
    return bot


def test_a_paused_bot_keeps_its_exit_and_takes_its_entries_back_until_it_is_resumed(bot: ToyExchange) -> None:
    bot.be(Wish.PAUSE)
    assert status(bot) is BotStatus.PAUSED
    assert set(bot.slots) == {"t1"}
    bot.be(Wish.RUN)
    assert status(bot) is BotStatus.RUNNING
    assert set(bot.slots) == RESTING


def test_a_bot_that_stops_and_keeps_can_be_resumed_where_it_was(bot: ToyExchange) -> None:
    bot.be(Wish.STOP_AND_KEEP)
    assert status(bot) is BotStatus.STOPPED
    assert not bot.book
    bot.move(Decimal(90))
    assert bot.held == 1
    bot.wish = Wish.RUN
    bot.move(Decimal(100))
    assert status(bot) is BotStatus.RUNNING
    assert set(bot.slots) == RESTING
    assert bot.state.cycle == 1


def test_a_stop_that_is_reached_while_a_bot_is_stopped_sells_only_if_it_still_holds_when_it_is_resumed() -> None:
    bot = ToyExchange(dip(stop_loss=StopLoss(percent=Decimal(5))), LOTS)
    bot.move(Decimal(100))
    bot.be(Wish.STOP_AND_KEEP)
    bot.move(Decimal(80))
    assert bot.held == 1
    bot.wish = Wish.RUN
    bot.move(Decimal(100))
    assert bot.held == 1


def test_a_bot_that_kept_its_holding_sells_it_when_it_is_told_to_sell(bot: ToyExchange) -> None:
    bot.be(Wish.STOP_AND_KEEP)
    bot.be(Wish.STOP_AND_SELL)
    assert bot.held == 0
    assert status(bot) is BotStatus.STOPPED


def test_a_stop_that_keeps_turns_into_one_that_sells_while_orders_are_still_on_their_way_out() -> None:
    bot = ToyExchange(dip(), LOTS, late_cancels=True)
    bot.move(Decimal(100))
    bot.be(Wish.STOP_AND_KEEP)
    assert status(bot) is BotStatus.STOPPING
    bot.be(Wish.STOP_AND_SELL)
    assert bot.held == 1
    bot.move(Decimal(100))
    assert bot.held == 0
    assert status(bot) is BotStatus.STOPPED
    assert not bot.book


def test_a_level_that_fills_while_a_bot_sells_and_stops_is_sold_too() -> None:
    bot = ToyExchange(dip(), LOTS, late_cancels=True)
    bot.move(Decimal(100))
    bot.be(Wish.STOP_AND_SELL)
    bot.move(Decimal(99))
    bot.move(Decimal(99))
    assert sum(one.filled for one in bot.history if one.slot == "s1") == 1
    assert bot.held == 0
    assert status(bot) is BotStatus.STOPPED


def test_a_stopped_bot_whose_sale_is_refused_is_not_stopped_yet(bot: ToyExchange) -> None:
    bot.refuses = {"c"}
    bot.be(Wish.STOP_AND_SELL)
    assert status(bot) is BotStatus.STOPPING
    bot.refuses = set()
    bot.move(Decimal(100), wait_ms=2_000)
    assert status(bot) is BotStatus.STOPPED


def test_a_stop_goes_ahead_when_another_order_cannot_be_taken_back() -> None:
    bot = ToyExchange(dip(stop_loss=StopLoss(percent=Decimal(5))), LOTS, late_cancels=True)
    bot.move(Decimal(100))
    bot.price = Decimal(90)
    bot.ask()
    for _ in range(3):
        # Nobody hears that the exit is to be canceled.
        assert "c" not in {one.slot for one in bot.history}
        bot.now_ms += 10_000
        bot.ask()
    assert "c" in {one.slot for one in bot.history}
    assert max(order.cancels for order in bot.state.orders) > 1


def test_a_stop_goes_ahead_when_nobody_answers_about_another_order() -> None:
    bot = ToyExchange(dip(stop_loss=StopLoss(percent=Decimal(5))), LOTS)
    bot.move(Decimal(100))
    unknown = replace(bot.state, orders=tuple(replace(order, order_ids=()) for order in bot.state.orders))
    for seconds, expected in ((1, []), (29, []), (31, ["c"])):
        at_ms = bot.now_ms + seconds * 1_000
        step = take_step(unknown, bot.rule, LOTS, Stimulus(at_ms=at_ms, price=Decimal(90)))
        assert [order.want.slot for order in step.placed] == expected
        assert not step.canceled


def test_a_part_that_a_person_closes_is_forgotten_when_less_than_that_is_left() -> None:
    bot = ToyExchange(dip(), LOTS, late_cancels=True)
    bot.move(Decimal(100))
    bot.tell(Instruction.CLOSE_STEP, Size(amount=Decimal("0.5"), unit=SizeUnit.BASE))
    assert [want.slot for want in bot.memory.manual] == ["q1"]
    bot.close_by_hand(Decimal("0.7"))
    bot.walk(["100", "100"])
    assert not bot.memory.manual
    assert [(one.slot, one.leaves) for one in bot.exits] == [("t1", Decimal("0.30"))]


def test_a_finished_bot_begins_again_only_when_somebody_says_so() -> None:
    bot = ToyExchange(dip(restart=False), LOTS)
    bot.walk(["100", "102", "100"])
    assert status(bot) is BotStatus.FINISHED
    profit = bot.state.deal.realized
    assert profit > 0
    bot.be(Wish.PAUSE)
    bot.be(Wish.RUN)
    assert status(bot) is BotStatus.FINISHED
    bot.tell(Instruction.START)
    assert status(bot) is BotStatus.RUNNING
    assert bot.state.cycle == 2
    assert bot.state.deal.realized_before == profit
    assert set(bot.slots) == RESTING


def test_entries_that_are_refused_eight_times_wait_until_somebody_resumes_the_bot() -> None:
    bot = ToyExchange(dip(), LOTS, refuses={"b"})
    for _ in range(20):
        bot.move(Decimal(100), wait_ms=700_000)
    assert len(bot.history) == 8
    assert bot.state.note == "given up after 8 tries: b (refused); pause and resume the bot to try again"
    bot.refuses = set()
    bot.move(Decimal(100), wait_ms=700_000)
    assert not bot.held
    bot.be(Wish.PAUSE)
    bot.be(Wish.RUN)
    assert bot.held == 1
    assert not bot.state.note


def test_an_exit_is_tried_for_ever_and_at_least_once_a_minute(bot: ToyExchange) -> None:
    bot.refuses = {"t1"}
    bot.cancel_by_hand("t1")
    for _ in range(30):
        bot.move(Decimal(100), wait_ms=60_000)
    assert len([one for one in bot.history if one.slot == "t1"]) == 30
    bot.refuses = set()
    bot.move(Decimal(100), wait_ms=60_000)
    assert bot.resting("t1").quantity == 1


def test_an_order_that_rested_long_before_a_hand_took_it_back_is_a_new_trouble(bot: ToyExchange) -> None:
    for _ in range(12):
        bot.cancel_by_hand("s1")
        bot.ask()
        bot.move(Decimal(100), wait_ms=1_000)
        assert "s1" in bot.slots
        bot.move(Decimal(100), wait_ms=700_000)


def test_what_somebody_else_closed_is_not_sold_again_and_the_exit_is_for_the_rest(bot: ToyExchange) -> None:
    bot.close_by_hand(Decimal("0.4"))
    bot.move(Decimal(100))
    assert [one.leaves for one in bot.exits] == [Decimal("0.6")]
    assert "closed_by_others" in {reason.code for reason in bot.reasons}
    bot.close_by_hand(Decimal("0.6"))
    bot.move(Decimal(100))
    assert bot.state.cycle == 2


def test_older_news_after_newer_ones_are_not_booked_twice(bot: ToyExchange) -> None:
    level = bot.resting("s1")
    bot.fill(level, Decimal("0.2"), Decimal(99))
    older = bot.news()
    bot.fill(level, Decimal("0.3"), Decimal(99))
    bot.ask()
    newer = bot.news()
    for news in (older, newer, older, newer):
        stimulus = Stimulus(at_ms=bot.now_ms, price=bot.price, news=news)
        bot.state = take_step(bot.state, bot.rule, LOTS, stimulus).state
        assert bot.state.deal.quantity == Decimal("1.5")


def test_a_step_ends_with_the_cycle_when_newer_settings_wait(bot: ToyExchange) -> None:
    exit_order = bot.resting("t1")
    bot.cancel_by_hand("s1")
    bot.cancel_by_hand("s2")
    bot.fill(exit_order, ONE, Decimal(101))
    stimulus = Stimulus(at_ms=bot.now_ms, price=Decimal(101), news=bot.news(), is_renewed=True)
    step = take_step(bot.state, bot.rule, LOTS, stimulus)
    assert step.state.cycle == 2
    assert not step.placed
    assert is_between_cycles(step.state, LOTS)
    assert any(wire.kind is WireKind.AT_TIME and wire.at_ms <= bot.now_ms for wire in step.wires)
    rule = make_rule(dip(take_profit=(TakeProfitStep(percent=Decimal(7)),)), LOTS, NO_FEES)
    state = replace(step.state, memory=renew(step.state.memory, rule), settings_version=2)
    again = take_step(state, rule, LOTS, Stimulus(at_ms=bot.now_ms, price=Decimal(101)))
    assert [order.want.slot for order in again.placed] == ["b"]


def test_dust_keeps_no_settings_waiting_and_a_deal_does() -> None:
    dust, held = Decimal("0.004"), Decimal("0.04")
    state = BotState(bot_id="b", tenant="t", account_id="a", symbol="BTC-USDT", memory=MartingaleMemory())
    entering = replace(state, memory=MartingaleMemory(phase=Phase.ENTERING))
    holding = replace(state, memory=MartingaleMemory(phase=Phase.IN_POSITION))
    for one, quantity, expected in ((entering, dust, True), (holding, held, False), (state, held, True)):
        deal = replace(one.deal, quantity=quantity)
        assert is_between_cycles(replace(one, deal=deal), LOTS) is expected


def test_newer_settings_keep_the_count_of_cycles_and_a_cooldown() -> None:
    rule = make_rule(dip(), LOTS, NO_FEES)
    cooling = MartingaleMemory(phase=Phase.COOLING, until_ms=9, cycles=3)
    assert renew(cooling, rule) == cooling
    entering = MartingaleMemory(phase=Phase.ENTERING, anchor=ONE, cycles=3)
    assert renew(entering, rule) == MartingaleMemory(cycles=3)
    grid = make_rule(GridSettings(lower=ONE, upper=Decimal(2), lines=2), LOTS, NO_FEES)
    assert renew(cooling, grid) == grid.begin()


def test_a_bot_whose_rest_is_worth_too_little_to_sell_ends_its_cycle_with_it() -> None:
    instrument = replace(LOTS, notional_min=Decimal(95))
    bot = ToyExchange(dip(max_safety_orders=0, stop_loss=StopLoss(percent=Decimal(10))), instrument)
    bot.move(Decimal(100))
    bot.move(Decimal(90))
    assert bot.held == 1
    assert status(bot) is BotStatus.FINISHED
    assert bot.state.deal.quantity == 1


def test_an_exit_whose_last_part_is_too_small_for_an_order_of_its_own_goes_on_resting() -> None:
    instrument = replace(LOTS, quantity_min=Decimal("0.5"))
    bot = ToyExchange(dip(restart=False), instrument)
    bot.move(Decimal(100))
    bot.fill(bot.resting("t1"), Decimal("0.8"), Decimal(101))
    bot.ask()
    assert bot.resting("t1").leaves == Decimal("0.2")
    assert set(bot.slots) == RESTING
    bot.move(Decimal(102))
    assert bot.held == 0
    assert status(bot) is BotStatus.FINISHED


def test_a_first_order_that_comes_to_less_than_the_least_order_is_not_bought_twice_in_one_cycle() -> None:
    bot = ToyExchange(dip(restart=False), replace(LOTS, quantity_min=ONE), fee=Decimal("0.001"), fee_in_base=True)
    bot.move(Decimal(100))
    assert [one.slot for one in bot.history] == ["b"]
    assert status(bot) is BotStatus.FINISHED
    assert bot.memory.why == "too_small"
    assert bot.state.deal.realized == ZERO
