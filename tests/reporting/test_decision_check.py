"""Every decision of a day on the order path can be made again from the journal, and what was not so is named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import BotState
from fairlead.core.model.bots.decision import Instruction
from fairlead.core.model.bots.events import BotConfigured, BotDecided
from fairlead.core.model.bots.martingale import StopLoss, TakeProfitStep
from fairlead.core.model.events import Event, OrderRequested
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.request import OrderRequest
from fairlead.ports import Committed, Fact, JournalRow, Unit
from fairlead.reporting.decision_check import DIFFERENCES_MAX, DecisionReport, check_decisions
from fairlead.store.journal import StoredJournal
from tests.orders.trading_world import LINEAR
from tests.servers.clean import clean_url
from tests.servers.shared import KINDS
from tests.sources.bots.bot_world import HOUR_MS, BotWorld, dip, rise

Change = Callable[[Event], Event]


@pytest.fixture(name="world")
async def _world(tmp_path: Path) -> AsyncIterator[BotWorld]:
    world = BotWorld.make(tmp_path)
    await world.start()
    yield world
    await world.stop()


async def live_a_day(world: BotWorld) -> None:
    """A ladder, a trailing bot and a short one, with a restart and newer settings in between."""
    await world.add("dip")
    await world.add("trail", dip(trailing=Decimal("0.2"), stop_loss=StopLoss(percent=Decimal(5), trailing=True)))
    await world.add("rise", rise(take_profit=(TakeProfitStep(percent=Decimal("0.7")),)))
    await world.run_ms(2_000)
    first = world.bot("dip").deal.first_price
    for factor in ("0.995", "0.989", "0.996", "1.004", "1.011"):
        await world.move(first * Decimal(factor), wait_ms=7_000)
    await world.change("dip", settings=dip(max_safety_orders=1), settings_version=2)
    for factor in ("1.018", "1.0175", "1.017", "1.03", "1.024"):
        await world.move(first * Decimal(factor), wait_ms=1_500)
    await world.restart(pause_ms=5_000)
    await world.tell("rise", Instruction.CLOSE)
    await world.move(first * Decimal("1.012"), wait_ms=7_000)
    await world.quiet()


async def journal_of(world: BotWorld) -> list[JournalRow]:
    return await world.facts()


async def write_journal(url: str, rows: list[JournalRow], change: Change = lambda event: event) -> None:
    """Append the facts to another journal, each as ``change`` makes it."""
    journal = await StoredJournal.open(url, on_death=print)
    facts = tuple(
        Fact(
            tenant=row.tenant,
            stream=row.stream,
            cause=row.cause,
            at_ms=row.at_ms,
            event=change(row.event),
            key=row.key,
        )
        for row in rows
    )
    assert isinstance(await journal.commit(Unit(facts=facts)), Committed)
    await journal.close()


def check(world: BotWorld, url: str) -> DecisionReport:
    return check_decisions(url, 0, world.clock.now_ms() + HOUR_MS)


def change_state(event: Event, number: int, change: Callable[[BotState], BotState]) -> Event:
    """Change the state after one decision of ``dip``."""
    if isinstance(event, BotDecided) and event.bot_id == "dip" and event.state.version == number:
        return replace(event, state=change(event.state))
    return event


async def test_a_day_on_the_order_path_is_decided_again_to_the_last_digit(world: BotWorld) -> None:
    await live_a_day(world)
    report = world.rederived()
    assert report.differences == ()
    assert (report.bots, report.unchecked) == (3, 0)
    assert report.decisions == len([one for one in await world.decisions() if isinstance(one, BotDecided)]) > 30
    assert any(isinstance(one, BotDecided) and one.peaks for one in await world.decisions("trail"))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_journal_has_the_same_hash_on_every_kind_of_database(
    world: BotWorld, kind: str, tmp_path: Path
) -> None:
    await live_a_day(world)
    url = clean_url(kind, tmp_path)
    await write_journal(url, await journal_of(world))
    report = check(world, url)
    assert report.differences == ()
    assert report.digest == world.rederived().digest


async def test_any_stretch_of_a_journal_can_be_checked_by_itself(world: BotWorld) -> None:
    await live_a_day(world)
    decided = [one for one in await world.decisions() if isinstance(one, BotDecided)]
    middle_ms = decided[len(decided) // 2].at_ms
    halves = [check_decisions(world.url, 0, middle_ms), check_decisions(world.url, middle_ms, middle_ms + HOUR_MS)]
    assert [half.differences for half in halves] == [(), ()]
    assert sum(half.decisions for half in halves) == len(decided)
    assert all(half.decisions for half in halves)


async def test_a_price_in_the_journal_that_is_one_tick_off_is_named(world: BotWorld, tmp_path: Path) -> None:
    await live_a_day(world)

    def shift(state: BotState) -> BotState:
        first, *rest = state.orders
        price = first.want.price
        assert price is not None
        return replace(state, orders=(replace(first, want=replace(first.want, price=price + Decimal("0.1"))), *rest))

    (decided,) = [one for one in await world.decisions("dip") if isinstance(one, BotDecided) and one.state.version == 3]
    order = decided.state.orders[0]
    assert order.want.price is not None
    url = clean_url("sqlite", tmp_path / "other")
    await write_journal(url, await journal_of(world), lambda event: change_state(event, 3, shift))
    named = check(world, url).differences[0]
    assert (named.bot, named.at_ms, named.path) == ("dip", decided.at_ms, f"state.orders[{order.want.slot}].want.price")
    assert Decimal(named.journaled) - Decimal(named.rederived) == Decimal("0.1")
    assert named.text({"dip": "my dip"}).startswith("bot my dip, 20")


async def test_a_ladder_that_was_rounded_the_other_way_is_named(world: BotWorld) -> None:
    def round_up(instrument: Instrument, _side: object, price: Decimal, _rounding: object) -> Decimal:
        return instrument.round_price_up(price)

    with patch("fairlead.core.rules.bots.ladder.round_entry", round_up):
        await world.add("dip")
        await world.run_ms(2_000)
    report = world.rederived()
    assert {one.path for one in report.differences} >= {"state.orders[s1].want.price"}
    (level,) = [one for one in report.differences if one.path == "state.orders[s1].want.price"]
    assert level.bot == "dip"
    tick = world.trading.hub.instruments[LINEAR].tick_size
    assert Decimal(level.journaled) - Decimal(level.rederived) == tick


async def test_a_request_that_is_not_the_one_decided_is_named(world: BotWorld, tmp_path: Path) -> None:
    await live_a_day(world)
    asked = [row.event.request for row in await world.facts(OrderRequested) if isinstance(row.event, OrderRequested)]
    chosen = next(request for request in asked if request.limit_price is not None)

    def change(request: OrderRequest) -> OrderRequest:
        return replace(request, limit_price=Decimal(1)) if request == chosen else request

    def swap(event: Event) -> Event:
        return OrderRequested(request=change(event.request)) if isinstance(event, OrderRequested) else event

    url = clean_url("sqlite", tmp_path / "other")
    rows = await journal_of(world)
    await write_journal(url, rows, swap)
    (named,) = check(world, url).differences
    assert named.path == f"request {chosen.request_id}.limit_price"
    assert (named.journaled, named.rederived) == ("1", str(chosen.limit_price))

    url = clean_url("sqlite", tmp_path / "third")
    left = [row for row in rows if not (isinstance(row.event, OrderRequested) and row.event.request == chosen)]
    await write_journal(url, left)
    (named,) = check(world, url).differences
    assert named.path == f"request {chosen.request_id}: decided again, and not in the journal"


async def test_fees_and_ticks_count_as_they_were_at_the_time(world: BotWorld) -> None:
    await world.add("dip", dip(take_profit_after_fees=True))
    await world.run_ms(2_000)
    (before,) = world.accounts
    await world.configure(replace(before, fee_rates=FeeRates(perpetual_taker=Decimal("0.005"))))
    await world.move(world.bot("dip").deal.first_price * Decimal("0.989"))
    await world.quiet()
    said = [one.terms for one in await world.decisions() if isinstance(one, BotDecided) and one.terms]
    assert len(said) == 2
    report = world.rederived()
    assert (report.differences, report.unchecked) == ((), 0)


async def test_decisions_of_an_older_version_are_counted_and_not_guessed_at(world: BotWorld, tmp_path: Path) -> None:
    await live_a_day(world)
    url = clean_url("sqlite", tmp_path / "other")
    await write_journal(
        url,
        await journal_of(world),
        lambda event: replace(event, terms=None) if isinstance(event, BotDecided) else event,
    )
    report = check(world, url)
    assert report.unchecked == report.decisions > 0
    assert report.differences == ()


async def test_settings_that_are_not_in_the_journal_are_named(world: BotWorld, tmp_path: Path) -> None:
    await world.add("dip")
    await world.run_ms(2_000)
    rows = [row for row in await journal_of(world) if not isinstance(row.event, BotConfigured)]
    url = clean_url("sqlite", tmp_path / "other")
    await write_journal(url, rows)
    assert {one.path for one in check(world, url).differences} >= {"settings: version 1 is not in the journal"}


async def test_of_many_differences_the_first_are_named_and_all_are_counted(world: BotWorld, tmp_path: Path) -> None:
    def spoil(event: Event) -> Event:
        if not isinstance(event, BotDecided):
            return event
        return replace(event, state=replace(event.state, note="spoilt", serial=event.state.serial + 7, command=9))

    await live_a_day(world)
    url = clean_url("sqlite", tmp_path / "other")
    await write_journal(url, await journal_of(world), spoil)
    report = check(world, url)
    assert report.differing > len(report.differences) == DIFFERENCES_MAX
