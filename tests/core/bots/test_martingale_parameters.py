"""What each parameter of a martingale does."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from fairlead.core.model.bots.bot import BotStatus, Carried
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Direction, Instruction, WireKind
from fairlead.core.model.bots.martingale import (
    AfterStop,
    DeviationFrom,
    EntryMode,
    LadderStep,
    MartingaleMemory,
    MartingaleSettings,
    Phase,
    StartAtPrice,
    StartAtTime,
    StartOnSignal,
    StopFrom,
    StopLoss,
    TakeProfitFrom,
    TakeProfitStep,
)
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.entries import Entries
from fairlead.core.rules.bots.ladder import Ladder
from fairlead.core.rules.bots.order_keeping import rest_of
from tests.core.bots.toy_exchange import INVERSE, LINEAR, SPOT, ToyExchange

LOTS = replace(SPOT, lot_size=Decimal("0.01"), quantity_min=Decimal("0.01"))


def size(amount: str, unit: SizeUnit = SizeUnit.BASE) -> Size:
    return Size(amount=Decimal(amount), unit=unit)


def steps(*parts: tuple[str, str]) -> tuple[TakeProfitStep, ...]:
    return tuple(TakeProfitStep(percent=Decimal(percent), share=Decimal(share)) for percent, share in parts)


def settings(**changes: object) -> MartingaleSettings:
    return replace(MartingaleSettings(base_order=size("1"), safety_order=size("1"), max_safety_orders=3), **changes)


def begin(instrument: Instrument = LOTS, **changes: object) -> ToyExchange:
    bot = ToyExchange(settings(**changes), instrument)
    bot.move(Decimal(100))
    return bot


def levels(bot: ToyExchange) -> dict[str, str]:
    return {slot: price for slot, price in bot.slots.items() if slot[0] == "s"}


def phase(bot: ToyExchange) -> Phase:
    return bot.memory.phase


def test_a_custom_ladder_rests_as_many_levels_as_may_be_active() -> None:
    custom = tuple(LadderStep(deviation=Decimal(k * k), size=Decimal(k)) for k in (1, 2, 3))
    bot = begin(custom_ladder=custom, active_safety_orders=2, max_safety_orders=0)
    assert levels(bot) == {"s1": "99.00", "s2": "96.00"}
    bot.move(Decimal(99))
    assert levels(bot) == {"s2": "96.00", "s3": "91.00"}
    bot.walk(["96", "91"])
    assert bot.held == 1 + 1 + 2 + 3


def test_a_ladder_that_follows_its_fills_stays_where_it_is_while_a_level_fills_in_parts() -> None:
    bot = begin(deviation_from=DeviationFrom.PREVIOUS_FILL, step=Decimal(2))
    assert levels(bot) == {"s1": "98.00"}
    bot.price = Decimal(97)
    for _ in range(3):
        bot.fill(bot.resting("s1"), Decimal("0.3"), Decimal(97))
        bot.ask()
        assert levels(bot) == {"s1": "98.00"}
    bot.fill(bot.resting("s1"), Decimal("0.1"), Decimal(97))
    bot.ask()
    assert levels(bot) == {"s2": "95.06"}


def test_levels_that_follow_fills_are_triggered_one_after_the_other() -> None:
    bot = begin(deviation_from=DeviationFrom.PREVIOUS_FILL, entry_mode=EntryMode.TRIGGER, step=Decimal(2))
    bot.move(Decimal(90))
    assert [one.slot for one in bot.history if one.slot[0] == "s"] == ["s1"]
    assert not levels(bot)
    bot.walk(["88.3", "88.2"])
    assert [one.slot for one in bot.history if one.slot[0] == "s"] == ["s1", "s2"]


def test_a_level_that_fills_in_part_is_not_counted_twice_against_what_a_deal_may_cost() -> None:
    bot = begin(total_max=Decimal(200))
    assert levels(bot) == {"s1": "99.00"}
    bot.fill(bot.resting("s1"), Decimal("0.7"), Decimal(99))
    bot.ask()
    assert levels(bot) == {"s1": "99.00"}
    bot.move(Decimal(98))
    assert bot.held == 2
    assert not levels(bot)


def test_levels_wait_for_their_signal_and_are_then_bought_together_as_far_as_the_price_has_come() -> None:
    bot = begin(safety_signal="dip")
    bot.walk(["99", "97.5"])
    assert bot.held == 1
    bot.ask(signals=("dip",))
    assert bot.held == 3
    bot.move(Decimal(90))
    assert bot.held == 3
    bot.ask(signals=("dip",))
    assert bot.held == 4


def test_a_guard_takes_entries_back_for_a_while_and_leaves_the_exit() -> None:
    bot = begin(guard_signal="guard", guard_s=30)
    bot.ask(signals=("guard",))
    assert set(bot.slots) == {"t1"}
    bot.move(Decimal(95), wait_ms=10_000)
    assert bot.held == 1
    assert bot.last is not None
    assert any(wire.kind is WireKind.AT_TIME for wire in bot.last.wires)
    bot.move(Decimal("99.5"), wait_ms=21_000)
    assert set(levels(bot)) == {"s1", "s2", "s3"}


def test_a_guard_holds_a_new_cycle_back_too() -> None:
    bot = begin(guard_signal="guard", guard_s=30)
    bot.ask(signals=("guard",))
    bot.move(Decimal(102))
    assert bot.state.cycle == 2
    assert not bot.book
    bot.move(Decimal(102), wait_ms=30_000)
    assert bot.held == 1


def test_a_cycle_begins_so_long_after_its_condition() -> None:
    bot = begin(start=StartOnSignal("go"), start_delay_s=60)
    bot.ask(signals=("go",))
    assert not bot.history
    bot.move(Decimal(104), wait_ms=59_000)
    assert not bot.history
    bot.move(Decimal(105), wait_ms=2_000)
    assert bot.memory.anchor == 105


def test_a_start_at_a_price_needs_it_to_come_from_the_other_side() -> None:
    bot = begin(start=StartAtPrice(Decimal(100)), restart=True)
    assert not bot.history
    bot.walk(["99", "100.5", "99.9"])
    assert bot.held == 1
    bot.walk(["101.5", "101", "100.2"])
    assert bot.state.cycle == 2
    assert bot.held == 0
    bot.move(Decimal(100))
    assert bot.held == 1


def test_a_price_that_was_crossed_counts_although_it_was_far_from_the_first_price() -> None:
    bot = ToyExchange(settings(start=StartAtPrice(Decimal(95)), base_price=Decimal(90)), LOTS)
    bot.walk(["102", "94"])
    assert not bot.history
    bot.move(Decimal("90.5"))
    assert [one.slot for one in bot.history] == ["b"]


def test_a_start_time_is_waited_for_once() -> None:
    bot = ToyExchange(settings(start=StartAtTime(60_000)), LOTS)
    bot.move(Decimal(100))
    assert not bot.history
    bot.move(Decimal(100), wait_ms=60_000)
    bot.move(Decimal(102))
    assert bot.state.cycle == 2
    assert bot.held == 1


def test_a_cooldown_is_waited_for_unless_a_person_says_start() -> None:
    bot = begin(cooldown_s=100)
    bot.move(Decimal(102))
    bot.move(Decimal(102), wait_ms=99_000)
    assert bot.held == 0
    bot.tell(Instruction.START)
    assert bot.held == 1
    bot.move(Decimal(104))
    bot.move(Decimal(104), wait_ms=101_000)
    assert bot.held == 1


def test_a_bot_ends_after_its_last_cycle_even_if_more_were_done_before_the_limit() -> None:
    bot = begin(max_cycles=5)
    bot.state = replace(bot.state, memory=replace(bot.memory, cycles=7))
    bot.move(Decimal(102))
    assert bot.state.status is BotStatus.FINISHED


@pytest.mark.parametrize("after", AfterStop)
def test_after_a_stop_a_bot_ends_or_goes_on(after: AfterStop) -> None:
    bot = begin(stop_loss=StopLoss(percent=Decimal(5)), after_stop=after, max_safety_orders=0)
    bot.move(Decimal(94))
    assert (bot.state.status is BotStatus.FINISHED) is (after is AfterStop.STOP)
    assert bot.held == (ZERO if after is AfterStop.STOP else ONE)


def test_a_deal_times_out_after_its_first_fill_not_after_the_start_of_its_cycle() -> None:
    bot = ToyExchange(settings(base_price=Decimal(100), close_timeout_s=60), LOTS)
    bot.move(Decimal(101))
    bot.move(Decimal(101), wait_ms=600_000)
    bot.move(Decimal(100))
    assert bot.held == 1
    bot.move(Decimal(100), wait_ms=59_000)
    assert bot.held == 1
    bot.refuses = {"b"}
    bot.move(Decimal(100), wait_ms=1_000)
    assert bot.held == 0


def test_a_stop_that_follows_the_price_and_one_that_moved_to_break_even_hold_whichever_is_better() -> None:
    stop = StopLoss(percent=Decimal(2), trailing=True, break_even_after=1)
    bot = begin(stop_loss=stop, take_profit=steps(("1", "50"), ("9", "50")), restart=False)
    bot.walk(["101", "108"])
    assert bot.held == Decimal("0.5")
    bot.move(Decimal("105.85"))
    assert bot.held == Decimal("0.5")
    bot.move(Decimal("105.84"))
    assert bot.held == 0


def test_a_stop_at_break_even_is_the_average_after_one_step_and_the_step_before_after_two() -> None:
    stop = StopLoss(percent=Decimal(50), break_even_after=1)
    parts = steps(("1", "30"), ("2", "30"), ("3", "40"))
    one, two = (begin(stop_loss=stop, take_profit=parts, restart=False) for _ in range(2))
    one.walk(["101", "100.01"])
    assert one.held == Decimal("0.7")
    one.move(Decimal(100))
    assert one.held == 0
    two.walk(["101", "102", "101.01"])
    assert two.held == Decimal("0.4")
    two.move(Decimal(101))
    assert two.held == 0


def test_a_step_that_a_person_closed_moves_no_stop() -> None:
    stop = StopLoss(percent=Decimal(50), break_even_after=1)
    bot = begin(stop_loss=stop, take_profit=steps(("1", "50"), ("2", "50")), max_safety_orders=0)
    bot.move(Decimal(95))
    bot.tell(Instruction.CLOSE_STEP)
    bot.move(Decimal(95))
    assert bot.held == Decimal("0.5")
    assert bot.slots == {"t2": "102.00"}


def test_a_stop_waits_its_time_and_begins_anew_when_the_price_comes_back_by_a_tick() -> None:
    stop = StopLoss(percent=Decimal("5.005"), timeout_s=60)
    bot = begin(stop_loss=stop, max_safety_orders=0, restart=False)
    bot.move(Decimal("94.99"))
    assert bot.last is not None
    back = [wire.price for wire in bot.last.wires if wire.kind is WireKind.AT_OR_ABOVE]
    assert min(back) == Decimal("95.00")
    bot.move(Decimal("95.00"), wait_ms=50_000)
    bot.move(Decimal("94.99"), wait_ms=1_000)
    bot.move(Decimal("94.99"), wait_ms=59_000)
    assert bot.held == 1
    bot.move(Decimal("94.99"), wait_ms=1_000)
    assert bot.held == 0


def test_a_stop_below_the_last_level_does_not_fire_before_the_first_order_is_whole() -> None:
    stop = StopLoss(percent=ONE, reference=StopFrom.LAST_LEVEL)
    bot = ToyExchange(settings(stop_loss=stop), LOTS, at_once=Decimal("0.5"))
    bot.move(Decimal(100))
    assert bot.memory.anchor == 0
    bot.price = Decimal(98)
    bot.ask()
    assert phase(bot) is Phase.IN_POSITION
    bot.price = Decimal("96.03")
    bot.ask()
    assert phase(bot) is Phase.EXITING


def test_a_stop_below_a_ladder_that_follows_its_fills_goes_down_with_them() -> None:
    stop = StopLoss(percent=ONE, reference=StopFrom.LAST_LEVEL)
    bot = begin(stop_loss=stop, deviation_from=DeviationFrom.PREVIOUS_FILL, step=Decimal(2), max_safety_orders=2)
    bot.price = Decimal(95)
    bot.fill(bot.resting("s1"), ONE, Decimal(95))
    bot.ask()
    # The last level is 2 % below 95 now, so that 98 * 0.98 * 0.99 = 95.07 gives nothing up.
    assert levels(bot) == {"s2": "93.10"}
    bot.walk(["93.10", "92.17"])
    assert bot.held == 3
    bot.move(Decimal("92.16"))
    assert bot.held == 0


def test_sizes_that_grow_have_no_more_decimals_than_money_has() -> None:
    chosen = settings(volume_scale=Decimal("1.05"), max_safety_orders=200)
    ladder = Ladder(chosen, LOTS)
    for level in range(201):
        exponent = ladder.size(level, ONE / 3).amount.as_tuple().exponent
        assert isinstance(exponent, int)
        assert exponent >= -12
    beyond = Ladder(replace(chosen, volume_scale=Decimal("9.9")), LOTS)
    assert beyond.sizes[200] > Decimal("1E190")


def test_trailing_begins_after_its_level_and_until_then_the_exit_rests() -> None:
    bot = begin(trailing=ONE, trailing_after_level=2, restart=False)
    bot.move(Decimal(99))
    assert "t1" in bot.slots
    bot.move(Decimal(98))
    assert "t1" not in bot.slots
    bot.walk(["103", "102.5"])
    assert bot.held == 3
    bot.move(Decimal("101.97"))
    assert bot.held == 0


def test_a_wick_that_arms_a_trailing_exit_takes_no_level_away() -> None:
    bot = begin(trailing=Decimal(3))
    bot.move(Decimal(101))
    assert bot.memory.peak == 101
    assert set(bot.slots) == {"s1", "s2", "s3"}


def test_a_close_by_signal_waits_for_its_least_profit() -> None:
    bot = begin(close_signal="out", minimum_profit=Decimal("0.5"), restart=False, take_profit=steps(("9", "100")))
    bot.move(Decimal("100.4"))
    bot.ask(signals=("out",))
    assert bot.held == 1
    bot.move(Decimal("100.5"))
    bot.ask(signals=("out",))
    assert bot.held == 0


def test_ten_steps_take_their_shares_and_the_last_the_rest() -> None:
    bot = begin(take_profit=steps(*((str(k), "10") for k in range(1, 11))), base_order=size("1.05"), restart=False)
    assert [str(one.quantity) for one in bot.exits] == ["0.10"] * 5 + ["0.11"] * 5
    for k in range(1, 11):
        bot.move(Decimal(100 + k))
    assert bot.held == 0
    assert bot.state.status is BotStatus.FINISHED


def test_profit_that_is_measured_on_the_first_order_does_not_run_away_when_a_step_is_done() -> None:
    bot = begin(take_profit=steps(("1", "50"), ("2", "50")), take_profit_from=TakeProfitFrom.BASE)
    bot.move(Decimal(101))
    bot.price = Decimal(99)
    bot.fill(bot.resting("s1"), Decimal("0.5"), Decimal(99))
    bot.ask()
    # Half of the first order is left, and half a level: (50 + 49.5 + 2 % of 50) / 1.
    assert bot.slots["t2"] == "100.50"


def test_a_close_of_a_part_leaves_one_exit_for_the_rest() -> None:
    bot = begin(take_profit=steps(("1", "50"), ("2", "50")))
    bot.tell(Instruction.CLOSE_STEP, size("30", SizeUnit.PERCENT))
    assert bot.held == Decimal("0.70")
    assert [str(one.quantity) for one in bot.exits] == ["0.35", "0.35"]
    bot.tell(Instruction.CLOSE_STEP, size("1000", SizeUnit.QUOTE))
    assert bot.state.cycle == 2


def test_funds_are_added_only_while_entries_are_allowed_and_within_what_a_deal_may_cost() -> None:
    bot = begin(total_max=Decimal(350), max_safety_orders=1)
    bot.tell(Instruction.ADD_FUNDS)
    assert bot.held == 2
    assert set(levels(bot)) == {"s1"}
    bot.tell(Instruction.ADD_FUNDS, size("60", SizeUnit.QUOTE))
    assert bot.held == Decimal("2.60")
    assert not levels(bot)
    bot.tell(Instruction.ADD_FUNDS)
    assert bot.held == Decimal("2.60")
    assert bot.reasons[-1].code == "above_total_max"
    bot.may_enter = False
    bot.tell(Instruction.ADD_FUNDS, size("10", SizeUnit.QUOTE))
    assert bot.held == Decimal("2.60")
    assert bot.reasons[-1].code == "no_entries_now"


def test_a_word_that_fits_nothing_is_answered() -> None:
    bot = begin(start=StartOnSignal("go"))
    for instruction in (Instruction.ADD_FUNDS, Instruction.CLOSE, Instruction.CLOSE_STEP):
        bot.tell(instruction)
        assert bot.reasons[-1].code == "not_now"


def test_profit_is_put_back_in_proportion_to_what_a_deal_takes_and_losses_cut_it() -> None:
    chosen = settings(
        base_order=size("100", SizeUnit.QUOTE), safety_order=size("1"), reinvest=HUNDRED, risk_reduction=Decimal(50)
    )
    entries = Entries(chosen, LOTS, Ladder(chosen, LOTS))
    # 100 + 99 + 98 + 97 in all, whatever the units of base and safety orders.
    assert entries.factor(Deal(realized_before=Decimal("39.4")), HUNDRED) == Decimal("1.1")
    assert entries.factor(Deal(realized_before=Decimal("-39.4")), HUNDRED) == Decimal("0.95")
    assert entries.factor(Deal(realized_before=Decimal(-9_999)), HUNDRED) == 0


@pytest.mark.parametrize(
    ("unit", "carried", "left"),
    [
        (SizeUnit.BASE, ("400", "40", "0.4"), "0.6"),
        (SizeUnit.CONTRACTS, ("0.4", "40", "0.0004"), "0.6"),
        (SizeUnit.QUOTE, ("4", "0.4", "0.004"), "0.6"),
        (SizeUnit.PERCENT, ("0.4", "40", "0.4"), "0"),
    ],
)
def test_what_is_left_of_an_entry_is_counted_in_its_own_unit(
    unit: SizeUnit, carried: tuple[str, str, str], left: str
) -> None:
    quantity, quote, base = (Decimal(text) for text in carried)
    rest = rest_of(size("1", unit), Carried("s1", size("1", unit), quantity, quote, base))
    assert rest == size(left, unit)


@pytest.mark.parametrize("instrument", [SPOT, LINEAR, INVERSE])
@pytest.mark.parametrize("unit", [SizeUnit.BASE, SizeUnit.QUOTE, SizeUnit.CONTRACTS])
def test_a_level_in_parts_ends_at_its_size_in_every_unit(instrument: Instrument, unit: SizeUnit) -> None:
    if instrument.is_spot and unit is SizeUnit.CONTRACTS:
        return
    amount = {SizeUnit.BASE: "2", SizeUnit.QUOTE: "198", SizeUnit.CONTRACTS: "150"}[unit]
    bot = ToyExchange(settings(base_order=size(amount, unit), safety_order=size(amount, unit)), instrument)
    bot.move(Decimal(100))
    level = bot.resting("s1")
    bot.fill(level, instrument.round_quantity_down(level.quantity / 3), Decimal(99))
    bot.cancel_by_hand("s1")
    bot.ask()
    bot.move(Decimal(100), wait_ms=2_000)
    rest = bot.resting("s1")
    assert rest.quantity < level.quantity
    assert abs(level.filled + rest.quantity - level.quantity) <= instrument.lot_size


def test_a_share_of_the_balance_counts_as_done_when_it_was_filled_in_part() -> None:
    bot = begin(safety_order=size("1", SizeUnit.PERCENT))
    bot.fill(bot.resting("s1"), Decimal("0.5"), Decimal(99))
    bot.cancel_by_hand("s1")
    bot.ask()
    bot.move(Decimal(100), wait_ms=2_000)
    assert set(levels(bot)) == {"s2", "s3"}


def test_a_first_order_that_is_taken_back_half_filled_is_completed_and_the_ladder_hangs_on_its_price() -> None:
    bot = ToyExchange(settings(base_price=Decimal(100)), LOTS)
    bot.move(Decimal("100.5"))
    bot.fill(bot.resting("b"), Decimal("0.4"), Decimal("99.9"))
    bot.ask()
    bot.cancel_by_hand("b")
    bot.ask()
    bot.move(Decimal("100.5"), wait_ms=2_000)
    assert bot.resting("b").quantity == Decimal("0.6")
    assert bot.slots["s1"] == "99.00"
    assert [one.leaves for one in bot.exits] == [Decimal("0.4")]


@pytest.mark.parametrize("instrument", [LINEAR, INVERSE])
@pytest.mark.parametrize("direction", Direction)
def test_contracts_gain_what_the_exit_promised_after_fees(instrument: Instrument, direction: Direction) -> None:
    fine = replace(instrument, tick_size=Decimal("1E-12"))
    chosen = settings(
        direction=direction,
        base_order=size("100", SizeUnit.CONTRACTS),
        safety_order=size("200", SizeUnit.CONTRACTS),
        restart=False,
    )
    bot = ToyExchange(chosen, fine, fee=Decimal("0.0005"))
    bot.walk(["100", "99" if direction is Direction.LONG else "101"])
    deal = bot.state.deal
    bot.move(Decimal(bot.slots["t1"]))
    promised = deal.cost / (ONE + Decimal("0.01")) if direction is Direction.LONG else deal.cost / Decimal("0.99")
    gain = abs(deal.cost - promised) if instrument.is_inverse else deal.cost / 100
    assert bot.state.deal.realized == pytest.approx(gain, rel=Decimal("1E-9"))


def test_a_finished_martingale_wants_nothing_more() -> None:
    bot = begin(restart=False)
    bot.walk(["102", "80", "120"])
    assert bot.memory == MartingaleMemory(phase=Phase.FINISHED, cycles=1, why="take_profit")
    assert not bot.book
