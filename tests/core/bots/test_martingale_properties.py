from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.core.model.bots.bot import BotState, BotStatus, Stimulus, Wish
from fairlead.core.model.bots.martingale import Phase
from fairlead.core.model.money import ONE
from fairlead.core.rules.bots.ledger import is_sellable
from fairlead.core.rules.bots.step import take_step
from tests.core.bots.martingale_worlds import Event, check, check_exits, events, happen, settle, worlds
from tests.core.bots.toy_exchange import ToyExchange

histories = st.lists(events, min_size=8, max_size=30)


def live(bot: ToyExchange, history: list[Event]) -> None:
    bot.move(Decimal("100.5"))
    for event in history:
        happen(bot, event)
        check(bot)


@given(bot=worlds(), history=histories)
def test_no_bot_ever_orders_more_than_its_ladder_or_closes_more_than_it_holds(
    bot: ToyExchange, history: list[Event]
) -> None:
    live(bot, history)


@given(bot=worlds(), history=histories)
def test_once_it_is_quiet_the_exits_of_a_deal_are_exactly_what_it_holds(bot: ToyExchange, history: list[Event]) -> None:
    live(bot, history)
    settle(bot)
    check(bot)
    check_exits(bot)


@given(bot=worlds(), history=histories)
def test_a_bot_that_is_to_sell_and_stop_ends_with_nothing(bot: ToyExchange, history: list[Event]) -> None:
    live(bot, history)
    bot.wish = Wish.STOP_AND_SELL
    bot.at_once = ONE
    settle(bot)
    settle(bot)
    assert bot.state.status in {BotStatus.STOPPED, BotStatus.FINISHED}
    assert not bot.book
    if bot.state.status is BotStatus.STOPPED:
        assert not is_sellable(bot.state.deal, bot.instrument, bot.price)


@given(bot=worlds(), history=histories)
def test_a_bot_that_is_to_keep_and_stop_leaves_no_order_and_its_holding(bot: ToyExchange, history: list[Event]) -> None:
    live(bot, history)
    bot.be(Wish.STOP_AND_KEEP)
    bot.trade(bot.price)
    held = bot.held
    settle(bot)
    assert bot.state.status in {BotStatus.STOPPED, BotStatus.FINISHED}
    assert not bot.book
    assert bot.held == held
    bot.wish = Wish.RUN
    bot.may_enter = True
    settle(bot)
    check_exits(bot)
    assert bot.state.status in {BotStatus.RUNNING, BotStatus.FINISHED}


@given(bot=worlds(), history=histories)
def test_news_heard_twice_or_in_another_order_changes_nothing(bot: ToyExchange, history: list[Event]) -> None:
    live(bot, history)
    for before, stimulus, step in bot.heard:
        shuffled = replace(stimulus, news=(*reversed(stimulus.news), *stimulus.news))
        assert take_step(before, bot.rule, bot.instrument, shuffled) == step
        again = take_step(step.state, bot.rule, bot.instrument, replace(stimulus, command=None, signals=()))
        assert again.state.deal == step.state.deal


@given(bot=worlds(), history=histories)
def test_what_a_bot_heard_and_its_stored_states_give_the_same_decisions_again(
    bot: ToyExchange, history: list[Event]
) -> None:
    live(bot, history)
    for before, stimulus, step in bot.heard:
        state = msgspec.json.decode(msgspec.json.encode(before), type=BotState)
        heard = msgspec.json.decode(msgspec.json.encode(stimulus), type=Stimulus)
        assert take_step(state, bot.rule, bot.instrument, heard) == step


@given(bot=worlds(), history=histories)
def test_cycles_are_counted_and_end_where_they_are_to_end(bot: ToyExchange, history: list[Event]) -> None:
    live(bot, [event for event in history if event[0] != "tell"])
    most = getattr(bot.settings, "max_cycles", 0)
    assert not most or bot.state.cycle <= most
    if bot.state.status is BotStatus.FINISHED:
        assert bot.memory.phase is Phase.FINISHED
        assert not bot.book
