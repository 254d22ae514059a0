from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import BotState, Wish
from fairlead.core.model.bots.decision import BotCommand, Instruction
from fairlead.core.model.bots.user_rule import BarFacts, RuleMemory, RuleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.request import Side
from fairlead.core.rules.bots.rules import make_rule
from fairlead.core.rules.bots.user_rule import write_facts
from fairlead.rules import (
    Answer,
    Condition,
    Rule,
    View,
    close,
    crosses_above,
    crosses_below,
    enter_long,
    flat,
    in_base,
    leave,
    long,
    orders,
    short,
    sma,
)
from tests.core.bots.test_grid_lines import PERPETUAL
from tests.core.bots.toy_exchange import NO_FEES, SPOT, ToyExchange


class SmaCross(Rule):
    """Long above, short below."""

    fast: int = 50
    slow: int = 200
    amount: Decimal = Decimal(1)

    def conditions(self) -> Mapping[str, Condition]:
        fast, slow = sma(close, self.fast), sma(close, self.slow)
        return {"up": crosses_above(fast, slow), "down": crosses_below(fast, slow)}

    def decide(self, view: View) -> Answer:
        if view.began("up"):
            return long(in_base(self.amount), stop=view.price * Decimal("0.9"))
        if view.began("down"):
            return short(in_base(self.amount))
        return None


class Ladder(Rule):
    """Two bids, and one offer for what they bought."""

    def conditions(self) -> Mapping[str, Condition]:
        return {"go": close > 0}

    def decide(self, view: View) -> Answer:
        bids = enter_long("one", in_base(1), at="95.001"), enter_long("two", in_base(1), at=90)
        return orders(*bids, leave("out", at=110), ask_at=(80,))


RULES: Mapping[str, type[Rule]] = {"sma_cross:SmaCross": SmaCross, "ladder:Ladder": Ladder}


class RuleBot(ToyExchange):
    """A bot with a rule of its own, and what its conditions say."""

    def __post_init__(self) -> None:
        assert isinstance(self.settings, RuleSettings)
        self.rule = make_rule(self.settings, self.instrument, FeeRates(), RULES.__getitem__)
        self.state = BotState(
            bot_id="bot", tenant="me", account_id="a", symbol=self.instrument.symbol, memory=self.rule.begin()
        )

    def close_bar(self, *holds: str) -> None:
        """A bar closed, and these conditions hold."""
        self.now_ms += 60_000
        self.ask(signals=(write_facts(BarFacts(self.now_ms, holds)),))


def began(name: str = "sma_cross:SmaCross", instrument: Instrument = PERPETUAL, **parameters: str) -> RuleBot:
    bot = RuleBot(RuleSettings(rule=name, parameters=parameters), instrument)
    bot.move(Decimal(100))
    return bot


def memory_of(bot: RuleBot) -> RuleMemory:
    assert isinstance(bot.state.memory, RuleMemory)
    return bot.state.memory


def signed(bot: RuleBot) -> Decimal:
    return bot.state.deal.quantity if bot.state.deal.is_long else -bot.state.deal.quantity


def test_a_rule_is_not_asked_before_its_conditions_are_known() -> None:
    bot = began()
    assert not bot.history
    bot.close_bar()
    assert not bot.history


def test_a_target_is_reached_by_one_order_and_turned_round_by_two() -> None:
    bot = began()
    bot.close_bar("up")
    assert signed(bot) == 100
    assert len(bot.history) == 1
    bot.close_bar("down")
    assert signed(bot) == -100
    assert [one.order.want.opens for one in bot.history] == [True, False, True]


def test_what_was_told_while_it_could_not_decide_is_asked_about_in_turn() -> None:
    bot = began()
    told = [BarFacts(1_000, ("up",)), BarFacts(61_000), BarFacts(121_000, ("down",)), BarFacts(181_000)]
    bot.ask(signals=tuple(write_facts(facts) for facts in told))
    assert signed(bot) == -100
    assert len(bot.history) == 1


def test_a_condition_that_goes_on_is_not_asked_about_again() -> None:
    bot = began()
    bot.close_bar("up")
    bot.close_bar("up")
    bot.walk(["101", "99"])
    assert len(bot.history) == 1


def test_a_position_is_closed_where_the_rule_said_it_gives_up() -> None:
    bot = began()
    bot.close_bar("up")
    bot.move(Decimal("90.01"))
    assert signed(bot) == 100
    bot.move(Decimal(90))
    assert signed(bot) == 0
    # It stays so until the rule is asked again.
    bot.move(Decimal(100))
    assert signed(bot) == 0
    bot.close_bar()
    bot.close_bar("up")
    assert signed(bot) == 100


def test_on_spot_a_short_target_holds_nothing() -> None:
    bot = began(instrument=SPOT)
    bot.close_bar("up")
    assert signed(bot) == 1
    bot.close_bar("down")
    assert signed(bot) == 0


def test_what_a_fee_took_is_not_bought_again() -> None:
    bot = RuleBot(RuleSettings(rule="sma_cross:SmaCross"), SPOT, fee=Decimal("0.001"), fee_in_base=True)
    bot.move(Decimal(100))
    bot.close_bar("up")
    assert bot.state.deal.quantity == Decimal("0.999")
    bot.walk(["101", "102"])
    assert len(bot.history) == 1


def test_a_paused_bot_closes_but_does_not_open() -> None:
    bot = began()
    bot.close_bar("up")
    bot.wish = Wish.PAUSE
    bot.close_bar("down")
    assert signed(bot) == 0
    bot.wish = Wish.RUN
    bot.ask()
    assert signed(bot) == -100


def test_a_person_may_close_it() -> None:
    bot = began()
    bot.close_bar("up")
    bot.ask(command=BotCommand(1, Instruction.CLOSE))
    assert signed(bot) == 0


def test_orders_of_a_rule_rest_on_ticks_and_are_not_repeated_once_filled() -> None:
    bot = began("ladder:Ladder")
    bot.close_bar("go")
    assert bot.slots == {"uone": "95.00", "utwo": "90.00"}
    bot.move(Decimal(94))
    assert bot.slots == {"utwo": "90.00", "uout": "110.00"}
    assert bot.resting("uout").order.want.side is Side.SELL
    assert bot.last is not None
    assert Decimal(80) in {wire.price for wire in bot.last.wires}


def test_parameters_are_read_as_their_annotations_say() -> None:
    rule = SmaCross({"fast": "5", "amount": "0.25", "timeframe": "1h"})
    assert (rule.fast, rule.slow, rule.amount, rule.timeframe) == (5, 200, Decimal("0.25"), "1h")


@pytest.mark.parametrize(
    ("parameters", "says"), [({"fats": "5"}, "no parameter fats"), ({"fast": "five"}, "fast = 'five'")]
)
def test_a_wrong_parameter_is_named(parameters: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SmaCross(parameters)


def test_a_rule_cannot_remember_anything_by_itself() -> None:
    with pytest.raises(AttributeError, match="frozen"):
        SmaCross().fast = 3


def test_a_view_knows_only_what_the_rule_watches() -> None:
    with pytest.raises(ValueError, match="no condition 'upp'; it has up"):
        View(price=Decimal(1), names=frozenset({"up"})).holds("upp")


def test_a_rule_of_which_nothing_is_known_is_refused() -> None:
    with pytest.raises(ValueError, match="FAIRLEAD_RULES_DIR"):
        make_rule(RuleSettings(rule="a:B"), SPOT, NO_FEES)


@given(st.lists(st.sampled_from(["up", "down", "", "pause", "cancel", "part"]), max_size=20))
def test_whatever_happens_it_ends_at_the_newest_target(events: list[str]) -> None:
    bot = began()
    newest = Decimal(0)
    for event in events:
        bot.wish = Wish.PAUSE if event == "pause" else Wish.RUN
        if event == "cancel" and bot.book:
            bot.cancel_by_hand(next(iter(bot.slots)))
        if event in {"up", "down", ""}:
            bot.close_bar(*filter(None, [event]))
            before = memory_of(bot).quantity
            newest = before if not event else Decimal(100 if event == "up" else -100)
        bot.move(Decimal(100))
    bot.wish = Wish.RUN
    bot.now_ms += 600_000
    bot.ask()
    assert signed(bot) == newest
    assert replace(memory_of(bot), facts=None).is_reached


def test_flat_closes() -> None:
    assert flat().direction is None
