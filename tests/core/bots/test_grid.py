from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from fairlead.core.model.bots.bot import BotState, BotStatus, Stimulus, Wish
from fairlead.core.model.bots.decision import BotCommand, Instruction
from fairlead.core.model.bots.grid import GridDirection, GridMemory, GridPhase, GridSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.rules.bots.grid_limits import GridLimits
from fairlead.core.rules.bots.grid_lines import GridLines
from fairlead.core.rules.bots.step import take_step
from tests.core.bots.test_grid_lines import INVERSE, PERPETUAL
from tests.core.bots.toy_exchange import SPOT, ToyExchange

ONE_EACH = Size(amount=Decimal(1), unit=SizeUnit.NATIVE)


def grid(**changes: object) -> GridSettings:
    """Lines at 90, 95, 100, 105 and 110, one coin each."""
    return replace(GridSettings(lower=Decimal(90), upper=Decimal(110), lines=4, per_line=ONE_EACH), **changes)


def began(price: str = "100", instrument: Instrument = SPOT, **changes: object) -> ToyExchange:
    bot = ToyExchange(grid(**changes), instrument)
    bot.move(Decimal(price))
    return bot


def signed(bot: ToyExchange) -> Decimal:
    return bot.state.deal.quantity if bot.state.deal.is_long else -bot.state.deal.quantity


def resting(bot: ToyExchange) -> list[tuple[str, int, int]]:
    """Side, price and quantity of what rests, by price."""
    placed = [
        (one.order.want.side.value, int(one.order.want.price or 0), int(one.quantity)) for one in bot.book.values()
    ]
    return sorted(placed, key=lambda one: one[1])


def profit(bot: ToyExchange) -> Decimal:
    """What it would have gained if it were closed now."""
    return GridLimits(grid(), GridLines(grid(), bot.instrument)).profit(bot.state.deal, bot.price)


def memory_of(bot: ToyExchange) -> GridMemory:
    assert isinstance(bot.state.memory, GridMemory)
    return bot.state.memory


def test_a_long_grid_buys_at_the_start_what_its_upper_lines_sell() -> None:
    bot = began()
    assert bot.state.deal.quantity == 2
    assert resting(bot) == [("buy", 90, 1), ("buy", 95, 1), ("sell", 105, 1), ("sell", 110, 1)]


def test_a_filled_line_puts_the_opposite_order_one_line_further() -> None:
    bot = began()
    bot.move(Decimal(95))
    assert resting(bot) == [("buy", 90, 1), ("sell", 100, 1), ("sell", 105, 1), ("sell", 110, 1)]
    bot.move(Decimal(100))
    assert resting(bot) == [("buy", 90, 1), ("buy", 95, 1), ("sell", 105, 1), ("sell", 110, 1)]
    assert round(profit(bot), 20) == 5
    assert memory_of(bot).rounds == 1


def test_a_short_grid_mirrors_a_long_one() -> None:
    bot = began(instrument=PERPETUAL, direction=GridDirection.SHORT)
    assert signed(bot) == -2
    assert resting(bot) == [("buy", 90, 1), ("buy", 95, 1), ("sell", 105, 1), ("sell", 110, 1)]
    bot.walk(["105", "100"])
    assert round(profit(bot), 20) == Decimal("0.05")
    assert resting(bot) == [("buy", 90, 1), ("buy", 95, 1), ("sell", 105, 1), ("sell", 110, 1)]


def test_a_neutral_grid_begins_with_nothing_and_goes_both_ways() -> None:
    bot = began(instrument=PERPETUAL, direction=GridDirection.NEUTRAL)
    assert bot.state.deal.quantity == 0
    assert resting(bot) == [("buy", 90, 1), ("buy", 95, 1), ("sell", 105, 1), ("sell", 110, 1)]
    bot.walk(["95", "90"])
    assert signed(bot) == 2
    bot.walk(["95", "100", "105", "110"])
    assert signed(bot) == -2
    bot.walk(["105", "100"])
    assert bot.state.deal.quantity == 0
    assert bot.state.deal.realized == Decimal("0.20")


def test_an_inverse_grid_earns_in_the_coin() -> None:
    bot = began(instrument=INVERSE)
    bot.walk(["95", "100"])
    assert round(profit(bot), 20) == round(Decimal(100) / 95 - 1, 20)


def test_without_a_first_order_upper_cells_wait_until_the_price_has_been_above_their_line() -> None:
    bot = began(initial=False)
    assert resting(bot) == [("buy", 90, 1), ("buy", 95, 1)]
    bot.move(Decimal("100.01"))
    assert resting(bot) == [("buy", 90, 1), ("buy", 95, 1), ("buy", 100, 1)]
    assert bot.state.deal.quantity == 0


def test_a_price_that_jumps_over_lines_leaves_nothing_out() -> None:
    bot = began(active_lines=1)
    assert resting(bot) == [("buy", 95, 1), ("sell", 105, 1)]
    bot.move(Decimal(80))
    assert bot.state.deal.quantity == 4
    assert resting(bot) == [("sell", 95, 1)]
    bot.move(Decimal(120))
    assert bot.state.deal.quantity == 0
    assert resting(bot) == [("buy", 105, 1)]


def test_a_grid_waits_for_its_start_price_from_either_side() -> None:
    for price, start in (("107", "100"), ("93", "100")):
        bot = began(price, start_price=Decimal(start))
        assert memory_of(bot).phase is GridPhase.WAITING
        assert not bot.book
        bot.move(Decimal(100))
        assert memory_of(bot).phase is GridPhase.RUNNING


def test_an_order_that_somebody_took_back_rests_again() -> None:
    bot = began()
    before = resting(bot)
    for slot in list(bot.slots):
        bot.cancel_by_hand(slot)
        bot.ask()
        bot.now_ms += 60_000
        bot.ask()
        assert resting(bot) == before


def test_an_entry_that_was_taken_back_in_part_is_ordered_for_the_rest_only() -> None:
    bot = began()
    bot.fill(bot.resting("b1.0"), Decimal("0.4"), Decimal(95))
    bot.cancel_by_hand("b1.0")
    bot.ask()
    bot.now_ms += 60_000
    bot.ask()
    assert bot.resting("b1.0").quantity == Decimal("0.6")
    bot.move(Decimal(95))
    assert bot.resting("s1.0").quantity == 1
    assert bot.state.deal.quantity == 3


def test_an_exit_that_was_taken_back_in_part_sells_the_rest_only() -> None:
    bot = began()
    bot.fill(bot.resting("s2.0"), Decimal("0.4"), Decimal(105))
    bot.cancel_by_hand("s2.0")
    bot.ask()
    bot.now_ms += 60_000
    bot.ask()
    assert bot.resting("s2.0").quantity == Decimal("0.6")
    bot.move(Decimal(105))
    assert bot.state.deal.quantity == 1


def test_a_paused_grid_keeps_its_exits_and_takes_its_entries_back() -> None:
    bot = began()
    bot.wish = Wish.PAUSE
    bot.move(Decimal(101))
    assert resting(bot) == [("sell", 105, 1), ("sell", 110, 1)]
    bot.wish = Wish.RUN
    bot.move(Decimal(100))
    assert resting(bot) == [("buy", 90, 1), ("buy", 95, 1), ("sell", 105, 1), ("sell", 110, 1)]


def test_what_a_paused_entry_had_filled_is_sold_like_a_whole() -> None:
    bot = began()
    bot.fill(bot.resting("b1.0"), Decimal("0.4"), Decimal(95))
    bot.wish = Wish.PAUSE
    bot.move(Decimal(98))
    assert bot.resting("s1.0").quantity == Decimal("0.4")
    bot.wish = Wish.RUN
    bot.move(Decimal(101))
    assert bot.state.deal.quantity == 2
    # The next turn is a whole one: what was filled before does not count.
    assert bot.resting("b1.1").quantity == 1


def test_fees_in_the_coin_make_exits_smaller_and_dust_is_sold_with_a_later_one() -> None:
    coarse = replace(SPOT, lot_size=Decimal("0.01"), quantity_min=Decimal("0.01"))
    bot = ToyExchange(grid(), coarse, fee=Decimal("0.004"), fee_in_base=True)
    bot.move(Decimal(100))
    # 2 x 0.996 = 1.992: 0.99 twice, and 0.012 left.
    assert [bot.resting(slot).quantity for slot in ("s2.0", "s3.0")] == [Decimal("0.99"), Decimal("0.99")]
    bot.move(Decimal(95))
    # 0.996 + 0.012 = 1.008: a whole one, and 0.008 left.
    assert bot.resting("s1.0").quantity == 1
    assert memory_of(bot).dust == Decimal("0.008")
    bot.move(Decimal(115))
    assert bot.state.deal.quantity == memory_of(bot).dust


@pytest.mark.parametrize(
    ("stop", "price", "why"),
    [
        ({"stop_below": Decimal(85)}, "85", "stop_below"),
        ({"stop_above": Decimal(115)}, "115", "stop_above"),
        # All four lines cost 90 + 95 + 100 + 105 = 390: 10 percent are 39.
        ({"stop_loss": Decimal(10)}, "86", "stop_loss"),
        ({"take_profit": Decimal(2)}, "104", "take_profit"),
    ],
)
def test_a_stop_closes_everything_and_ends_the_bot(stop: dict[str, object], price: str, why: str) -> None:
    bot = ToyExchange(grid(**stop), SPOT)
    bot.move(Decimal(100))
    bot.move(Decimal(price))
    bot.now_ms += 60_000
    bot.ask()
    assert memory_of(bot).why == why
    assert bot.state.status is BotStatus.FINISHED
    assert bot.state.deal.quantity == 0
    assert not bot.book


def test_profit_is_looked_for_at_the_price_where_it_is_reached() -> None:
    # Two coins from 100: 7.8 are gained at 103.9.
    bot = began(take_profit=Decimal(2))
    assert bot.last is not None
    assert Decimal("103.9") in {wire.price for wire in bot.last.wires}
    bot.move(Decimal("103.89"))
    assert bot.state.status is BotStatus.RUNNING
    bot.move(Decimal("103.9"))
    assert bot.state.deal.quantity == 0


def test_a_grid_that_trails_up_moves_with_the_price_and_buys_nothing_for_it() -> None:
    bot = began(trail_up=Decimal(125))
    bot.walk(["105", "110", "115"])
    assert resting(bot) == [("buy", 95, 1), ("buy", 100, 1), ("buy", 105, 1), ("buy", 110, 1)]
    bot.walk(["120", "125", "130", "140"])
    assert resting(bot)[-1] == ("buy", 120, 1)
    assert memory_of(bot).shift == 3
    assert bot.state.deal.quantity == 0


def test_a_grid_that_trails_down_sells_lower_what_it_holds_and_never_holds_more() -> None:
    bot = began(trail_down=Decimal(75))
    bot.move(Decimal(85))
    assert bot.state.deal.quantity == 4
    assert resting(bot) == [("sell", 90, 1), ("sell", 95, 1), ("sell", 100, 1), ("sell", 105, 1)]
    bot.walk(["70", "60"])
    assert resting(bot) == [("sell", 80, 1), ("sell", 85, 1), ("sell", 90, 1), ("sell", 95, 1)]
    assert bot.state.deal.quantity == 4


def test_a_short_grid_trails_the_other_way_round() -> None:
    bot = began(instrument=PERPETUAL, direction=GridDirection.SHORT, trail_up=Decimal(120), trail_down=Decimal(80))
    bot.move(Decimal(85))
    assert bot.state.deal.quantity == 0
    assert resting(bot) == [("sell", 90, 1), ("sell", 95, 1), ("sell", 100, 1), ("sell", 105, 1)]
    bot.move(Decimal(120))
    assert bot.state.deal.quantity == 4
    assert resting(bot) == [("buy", 100, 1), ("buy", 105, 1), ("buy", 110, 1), ("buy", 115, 1)]


def test_a_grid_may_grow_at_either_end() -> None:
    bot = began(expand_down=1, expand_up=1)
    bot.move(Decimal(90))
    assert resting(bot)[0] == ("buy", 85, 1)
    bot.move(Decimal(115))
    assert resting(bot)[-1] == ("buy", 110, 1)
    assert (memory_of(bot).added_down, memory_of(bot).added_up) == (1, 1)
    bot.move(Decimal(60))
    assert bot.state.deal.quantity == 6


def test_what_somebody_else_sold_is_not_bought_back_at_once() -> None:
    bot = began()
    bot.wish = Wish.RUN
    step = take_step(
        bot.state,
        bot.rule,
        SPOT,
        Stimulus(at_ms=bot.now_ms, price=Decimal(100), news=bot.news(), share=Decimal(1)),
    )
    assert not step.placed
    assert [order.want.slot for order in step.canceled] == ["s3.0"]
    assert step.state.deal.quantity == 1


def test_a_person_who_says_close_ends_the_grid() -> None:
    bot = began()
    bot.ask(command=BotCommand(1, Instruction.CLOSE))
    bot.now_ms += 60_000
    bot.ask()
    assert bot.state.deal.quantity == 0
    assert bot.state.status is BotStatus.FINISHED


def test_a_wake_for_nothing_changes_nothing() -> None:
    bot = began(trail_up=Decimal(200), stop_below=Decimal(50), take_profit=Decimal(50))
    before = bot.state.memory
    step = bot.ask()
    assert step.state.memory == before
    assert not step.placed
    assert not step.canceled


def test_a_grid_goes_on_from_what_was_written_down() -> None:
    bot = began()
    bot.walk(["95", "107", "96"])
    written = msgspec.json.encode(bot.state)
    assert msgspec.json.decode(written, type=BotState) == bot.state


def test_a_grid_of_both_kinds_never_closes_on_the_wrong_side() -> None:
    bot = began(instrument=PERPETUAL, direction=GridDirection.NEUTRAL)
    bot.move(Decimal(95))
    bot.cancel_by_hand("s1.0")
    bot.price = Decimal(106)
    bot.fill(bot.resting("b0.0"), Decimal(0), Decimal(90))
    bot.fill(bot.resting("s2.0") if "s2.0" in bot.slots else bot.resting("b2.0"), Decimal(1), Decimal(105))
    bot.now_ms += 120_000
    bot.ask()
    bot.now_ms += 120_000
    bot.ask()
    # The long cell was sold above its line, and the short one waits for its own.
    assert signed(bot) == -1
    assert [one.order.want.side for one in bot.book.values() if not one.order.want.opens] == [Side.BUY]


def test_an_entry_whose_rest_is_too_small_to_order_counts_as_filled() -> None:
    coarse = replace(SPOT, lot_size=Decimal("0.01"), quantity_min=Decimal("0.1"))
    bot = ToyExchange(grid(), coarse, fee=Decimal("0.01"), fee_in_base=True)
    bot.move(Decimal(98))
    bot.fill(bot.resting("b1.0"), Decimal("0.95"), Decimal(95))
    bot.cancel_by_hand("b1.0")
    bot.ask()
    bot.now_ms += 60_000
    bot.ask()
    # 0.95 after a fee of 0.0095, with the dust of the first order; the least order is 0.1.
    assert bot.resting("s1.0").quantity == Decimal("0.94")
