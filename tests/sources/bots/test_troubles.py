"""What may go wrong around a bot: it waits without spinning, says why, and goes on by itself."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import BotStatus, Settings
from fairlead.core.model.bots.decision import Instruction
from fairlead.core.model.bots.events import BotDecided, BotNoted
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.latch import LatchLevel, LatchScope
from fairlead.core.rules.bots.rules import FindRule, Rule, make_rule
from fairlead.sources.bots import rule_shelf, situation
from fairlead.sources.bots.actor import BotActor
from tests.orders.trading_world import LINEAR, account
from tests.orders.watched_journal import has_fact
from tests.sources.bots.bot_world import BotWorld, dip

MINUTE_MS = 60_000
ALL = {"t1", "s1", "s2"}


@pytest.fixture(name="steps")
def _steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which bot looked for a decision, step by step."""
    taken: list[str] = []
    take = BotActor.take_step

    def count(self: BotActor, *arguments: object) -> object:
        taken.append(self.bot.bot_id)
        return take(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(BotActor, "take_step", count)
    return taken


async def test_m10_m11_a_rule_that_breaks_says_so_and_is_asked_ever_later_and_others_go_on(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch, steps: list[str]
) -> None:
    await world.add("broken", dip(cooldown_s=1))
    await world.add("sound")
    await world.run_ms(2_000)

    def break_one(settings: Settings, instrument: Instrument, rates: FeeRates, find_rule: FindRule) -> Rule:
        if settings == dip(cooldown_s=1):
            message = "no such level"
            raise ArithmeticError(message)
        return make_rule(settings, instrument, rates, find_rule)

    with monkeypatch.context() as patch:
        patch.setattr(rule_shelf, "make_rule", break_one)
        # A tick of another size has every rule made anew.
        finer = replace(world.trading.hub.instruments[LINEAR], maintenance_margin_rate=Decimal("0.005"))
        world.trading.hub.on_instruments([finer])
        first = world.bot("sound").deal.first_price
        await world.move(first * Decimal("1.02"))
        steps.clear()
        await world.run_ms(4 * MINUTE_MS)
        # M10: what is stored says what is the case.
        assert "ArithmeticError: no such level" in (await world.decisions("broken"))[-1].state.note
        assert 3 <= steps.count("broken") <= 12
        assert world.bot("sound").cycle == 2
    await world.run_ms(5 * MINUTE_MS)
    assert world.bot("broken").note == ""
    assert world.bot("broken").cycle == 2
    assert world.adds_up("broken", "sound")


async def test_m11_a_bot_whose_decision_cannot_be_stored_tries_again_without_spinning(
    world: BotWorld, steps: list[str]
) -> None:
    world.journal.refuse_all = has_fact(BotDecided)
    await world.tell("dip", Instruction.START)
    await world.add("dip")
    await world.run_ms(10_000)
    assert 8 <= len(steps) <= 12
    assert world.venue_orders() == []
    world.journal.refuse_all = None
    await world.run_ms(3_000)
    assert set(world.resting("dip")) == ALL
    assert world.adds_up("dip")


async def test_a_decision_on_a_stale_state_is_made_anew(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    # As a second process would find it: the bot as it is configured, and nothing of what it did.
    world.bots.runner.configure([], {})
    fresh = BotActor(world.roster["dip"], None, vars(world.bots.runner)["_rules"])
    vars(world.bots.runner)["_actors"]["dip"] = fresh
    await world.run_ms(70_000)
    assert set(world.resting("dip")) == ALL
    assert world.adds_up("dip")
    assert len(world.venue().placed) == 4


async def test_thousands_of_words_are_taken_one_by_one(world: BotWorld, steps: list[str]) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    steps.clear()
    await world.tell("dip", Instruction.START, times=1_000)
    await world.run_ms(5_000)
    assert world.bot("dip").command == 1_000
    assert len(steps) <= 1_010


async def test_words_to_a_bot_without_an_account_do_not_spin(world: BotWorld, steps: list[str]) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    steps.clear()
    await world.configure()
    await world.tell("dip", Instruction.CLOSE)
    await world.run_ms(10_000)
    assert len(steps) <= 4
    assert world.bot("dip").note == situation.ACCOUNT_GONE
    assert isinstance((await world.decisions("dip"))[-1], BotNoted)


async def test_m13_a_disabled_account_gets_no_entry_and_keeps_its_exits(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    await world.configure(account(enabled=False))
    await world.add("other")
    await world.run_ms(5_000)
    assert (world.bot("dip").status, world.bot("dip").note) == (BotStatus.HALTED, situation.ACCOUNT_DISABLED)
    assert set(world.resting("dip")) == {"t1"}
    assert world.share("other") == 0
    assert not world.bot("other").orders
    await world.configure(account())
    await world.run_ms(5_000)
    assert set(world.resting("dip")) == set(world.resting("other")) == ALL


async def test_a_halted_account_is_rebuilt_and_its_bot_goes_on(world: BotWorld) -> None:
    world.halts_expected = True
    await world.add("dip")
    await world.run_ms(2_000)
    world.desk().halt("a drill")
    await world.move(world.bot("dip").deal.first_price * Decimal("0.989"), wait_ms=10_000)
    assert world.adds_up("dip")
    assert world.bot("dip").deal.quantity == 6
    assert set(world.resting("dip")) == {"t1", "s2"}


async def test_a_dead_feed_stops_entries_and_a_live_one_brings_them_back(
    world: BotWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    with monkeypatch.context() as patch:
        patch.setattr(vars(world.trading)["_house"], "_on_quote", lambda _: None)
        await world.run_ms(MINUTE_MS)
        assert world.bot("dip").note == situation.FEED_SILENT
        assert set(world.resting("dip")) == {"t1"}
        assert len(world.at_venue("dip")) == 1
    await world.run_ms(10_000)
    assert world.bot("dip").note == ""
    assert set(world.resting("dip")) == ALL


async def test_an_instrument_that_is_not_traded_is_waited_for_in_peace(world: BotWorld, steps: list[str]) -> None:
    await world.add("dip", symbol="DOGE-NOBODY")
    await world.run_ms(MINUTE_MS)
    assert steps == []
    assert world.venue_orders() == []


async def test_finer_ticks_and_coarser_lots_move_what_rests(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    coarse = replace(world.trading.hub.instruments[LINEAR], tick_size=Decimal(10))
    world.trading.hub.on_instruments([coarse])
    await world.move(world.price() - 1, wait_ms=70_000)
    prices = [order.want.price for order in world.bot("dip").orders if order.want.opens]
    assert len(prices) == 2
    assert all(price is not None and price % 10 == 0 for price in prices)
    assert len(world.at_venue("dip")) == 3


@pytest.mark.parametrize("level", [LatchLevel.STOP_NEW, LatchLevel.CANCEL_OPEN])
@pytest.mark.parametrize(("scope", "name"), [(LatchScope.PLATFORM, ""), (LatchScope.STRATEGY, "dip")])
async def test_a_kill_switch_takes_entries_back_and_leaves_exits(
    world: BotWorld, level: LatchLevel, scope: LatchScope, name: str
) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    latch = world.kill(level, scope, name)
    await world.run_ms(15_000)
    assert (world.bot("dip").status, world.bot("dip").note) == (BotStatus.HALTED, situation.COVERED)
    assert set(world.resting("dip")) == {"t1"}
    assert len(world.at_venue("dip")) == 1
    world.unkill(latch)
    await world.run_ms(15_000)
    assert world.bot("dip").status is BotStatus.RUNNING
    assert set(world.resting("dip")) == ALL


async def test_a_kill_switch_that_flattens_is_followed(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    latch = world.kill(LatchLevel.FLATTEN)
    await world.run_ms(MINUTE_MS)
    assert world.held() == 0
    assert (world.bot("dip").deal.quantity, world.bot("dip").orders) == (Decimal(0), ())
    assert world.at_venue("dip") == []
    await world.restart()
    await world.run_ms(5_000)
    assert world.held() == 0
    world.unkill(latch)
    await world.run_ms(15_000)
    assert world.bot("dip").deal.quantity == 3
    assert world.adds_up("dip")


async def test_while_books_differ_nothing_is_added_and_what_rests_stays(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    world.venue().is_deaf = True
    world.exchange.withdraw("a1", "USDT", Decimal(700))
    await world.run_ms(1_000)
    world.venue().is_deaf = False
    (drift,) = await world.find_drifts()
    await world.add("other")
    await world.run_ms(MINUTE_MS)
    assert world.bot("dip").note == world.bot("other").note == situation.BOOKS_DIFFER
    assert set(world.resting("dip")) == ALL
    assert not world.bot("other").orders
    await world.adopt(drift)
    await world.run_ms(5_000)
    assert world.bot("other").deal.quantity == 3
    assert world.adds_up("dip", "other")


async def test_a_bot_removed_while_it_decides_leaves_nothing_resting(world: BotWorld) -> None:
    world.write_down("dip")
    world.journal.hold()
    await world.tell_process()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert world.journal.in_flight == 1
    del world.roster["dip"]
    await world.tell_process()
    world.journal.release()
    await world.run_ms(30_000)
    assert list(world.exchange.accounts.open_orders("a1")) == []
    assert world.bots.runner.actors == {}


async def test_a_bot_removed_by_a_process_that_died_leaves_nothing_resting(world: BotWorld) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    del world.roster["dip"]
    await world.restart()
    await world.run_ms(30_000)
    assert list(world.exchange.accounts.open_orders("a1")) == []
    assert world.bots.runner.actors == {}
    assert [one for one in await world.decisions("dip") if isinstance(one, BotNoted)] == []
