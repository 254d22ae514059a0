"""Bots on paper whose conditions look at long bars: they decide at their first close."""

from __future__ import annotations

from unittest.mock import patch

from fairlead.core.model.bots.bars import BarsSeen
from fairlead.core.model.bots.events import BotDecided
from fairlead.core.model.bots.martingale import StartOnSignal
from fairlead.core.model.history import PageFailure
from fairlead.reporting.bot_words import bars_text
from fairlead.store.queries.bots import find_bars
from fairlead.venues.paper.history import PaperHistory
from tests.sources.bots.bot_world import BotWorld, dip

MINUTE_MS = 60_000
CLOSE_MS = 15 * MINUTE_MS
WARM = {"warm": "rsi(close, 14, 15m) > 0"}


async def bars_of(world: BotWorld, bot_id: str) -> tuple[BarsSeen, ...]:
    """What is stored of a bot's bars."""
    await world.quiet()
    async with world._store.session("t1") as session:  # noqa: SLF001  # as the command line reads it
        return await find_bars(session, world.roster[bot_id])


async def to_close(world: BotWorld, after_ms: int) -> None:
    """Let time pass until so long after the next close of a quarter of an hour."""
    await world.run_ms(CLOSE_MS - world.clock.now_ms() % CLOSE_MS + after_ms)


async def test_a_bot_on_paper_decides_at_its_first_close_after_the_start(world: BotWorld) -> None:
    await world.add("dip", dip(start=StartOnSignal("warm"), conditions=WARM))
    await to_close(world, -5_000)
    assert not world.bot("dip").deal.quantity
    (seen,) = await bars_of(world, "dip")
    assert bars_text(seen) == f"15m: warmed with {seen.past} bars from the simulated market"
    assert seen.past > 14
    await to_close(world, 20_000)
    assert world.bot("dip").deal.quantity == 3
    assert world.adds_up("dip")


async def test_a_restart_costs_no_bars(world: BotWorld) -> None:
    await to_close(world, 5 * MINUTE_MS)
    await world.add("dip", dip(start=StartOnSignal("warm"), conditions=WARM))
    await world.run_ms(MINUTE_MS)
    await world.restart(pause_ms=MINUTE_MS)
    await to_close(world, 20_000)
    assert world.bot("dip").deal.quantity == 3
    # What it decided on is in the journal, so that nobody needs these bars again.
    decided = [one for one in await world.decisions("dip") if isinstance(one, BotDecided)]
    assert [one.stimulus.signals for one in decided if one.stimulus.signals] == [("warm",)]
    assert world.rederived().differences == ()


async def test_without_its_history_a_bot_waits_as_long_as_it_takes_and_says_for_what(world: BotWorld) -> None:
    async def say_nothing(*_: object) -> PageFailure:
        return PageFailure("closed", is_lasting=True)

    with patch.object(PaperHistory, "read_candles", say_nothing):
        await world.add("dip", dip(start=StartOnSignal("warm"), conditions=WARM))
        await to_close(world, 20_000)
    assert not world.bot("dip").deal.quantity
    (seen,) = await bars_of(world, "dip")
    assert bars_text(seen).startswith("waits for 15 bars of 15m, made of quotes since 20")
    assert bars_text(seen).endswith("for the simulated market told of none: closed")
    gone = world.roster["dip"]
    await world.remove("dip")
    async with world._store.session("t1") as session:  # noqa: SLF001  # as above
        assert await find_bars(session, gone) == ()
