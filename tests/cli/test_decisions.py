"""`fairlead verify --decisions DAY`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fairlead.cli.days import Day, read_day
from fairlead.cli.output import StopError
from fairlead.clock import VirtualClock
from tests.orders.trading_world import START_MS
from tests.sources.bots.bot_world import BotWorld, dip

Run = Callable[..., Result]
DAY_MS = 86_400_000


@pytest.fixture(name="lived")
def _lived(folder: Path) -> BotWorld:
    """A data folder in which a bot has traded; its settings said later that they are others."""

    async def live() -> BotWorld:
        world = BotWorld.make(folder)
        await world.start()
        await world.add("dip", dip())
        await world.move(world.price() * 2)
        await world.stop()
        return world

    return asyncio.run(live())


def test_a_day_of_decisions_is_made_again(lived: BotWorld, run: Run, ask: Callable[..., Any]) -> None:
    day = read_day("today", lived.clock).name
    told = run("verify", "--decisions", day).stdout.splitlines()
    assert told[0].startswith(f"{day}: ")
    assert told[0].endswith("decisions of 1 bots: no differences")
    report = ask("verify", "--decisions", day)
    assert (report["bots"], report["differences"]) == (1, [])
    assert report["decisions"] > 0
    assert told[1] == f"hash of all answers: {report['digest']}"
    assert "0 decisions of 0 bots: no differences" in run("verify", "--decisions", "2020-02-29").stdout


def test_a_decision_that_was_another_ends_with_one_and_is_named(
    lived: BotWorld, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead.core.rules.bots.requests.VALID_MS", 1)
    result = run("verify", "--decisions", read_day("today", lived.clock).name, code=1)
    assert "bot dip, " in result.stdout
    assert "valid_until_ms: journaled " in result.stdout
    assert "was not decided by these rules" in result.stderr


def test_a_day_is_from_midnight_to_midnight_in_utc() -> None:
    clock = VirtualClock(START_MS)
    today = read_day("today", clock)
    assert today.begin_ms <= START_MS < today.end_ms == today.begin_ms + DAY_MS
    assert read_day("yesterday", clock).end_ms == today.begin_ms
    assert read_day("1970-01-02", clock) == Day("1970-01-02", DAY_MS, 2 * DAY_MS)


@pytest.mark.parametrize("text", ["tomorrow", "2026-02-30", "20261120", "", "9999-12-31"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(StopError, match="is no day"):
        read_day(text, VirtualClock(START_MS))
