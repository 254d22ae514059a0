"""`fairlead drift-report DAY`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fairlead.cli.days import read_day
from fairlead.cli.drift_report import PARTS
from tests.backtest.parity.paper_day import MINUTE_MS, PaperDay, walk
from tests.orders.trading_world import LINEAR, START_MS
from tests.sources.bots.bot_world import dip

Run = Callable[..., Result]
Ask = Callable[..., Any]
TICKS = 40


@pytest.fixture(name="day")
def _day(folder: Path) -> PaperDay:
    """A data folder in which a bot has traded for a while, many prices a minute."""
    day = PaperDay(folder, walk(1, TICKS), dip(step=Decimal("0.4")))
    asyncio.run(day.live())
    return day


def name_of(day: PaperDay) -> str:
    return read_day("today", day.world.clock).name


def adds_up(bot: dict[str, Any]) -> bool:
    whole = Decimal(bot["live_profit"]) - Decimal(bot["replayed_profit"])
    return abs(sum(Decimal(bot["parts"].get(name, 0)) for name in PARTS) - whole) < Decimal("1E-9")


def test_a_day_without_candles_is_replayed_on_what_bots_heard(day: PaperDay, run: Run, ask: Ask) -> None:
    lines = run("drift-report", name_of(day)).stdout.splitlines()
    assert lines[0].split() == ["bot", "symbol", "fills", "live", "replayed", *PARTS, "currency"]
    assert lines[1].split()[:2] == ["bot", LINEAR]
    assert "on the prices that bots heard" in lines[2]
    assert lines[-1].endswith("decisions made again: no differences")
    (bot,) = ask("drift-report", name_of(day))["bots"]
    assert adds_up(bot)
    assert bot["parts"].get("bug", "0") == "0"


def test_candles_that_are_kept_are_used_if_the_prices_lie_in_them(
    day: PaperDay, run: Run, ask: Ask, tmp_path: Path
) -> None:
    for name, factor in (("elsewhere", 2), ("here", 1)):
        file = tmp_path / f"{name}.csv"
        file.write_text(minutes_of(day, factor), encoding="utf-8")
        run("candles", "import", str(file), "--symbol", LINEAR, "--timeframe", "1m", "--exchange", name)
    other = ask("drift-report", name_of(day), "--exchange", "elsewhere")
    assert other["heard_only"] == ["bot"]
    report = ask("drift-report", name_of(day), "--exchange", "here")
    assert report["heard_only"] == []
    assert adds_up(report["bots"][0])
    assert "are kept" in run("drift-report", name_of(day), "--exchange", "nowhere", code=1).stderr


def minutes_of(day: PaperDay, factor: int) -> str:
    """A CSV file of the minutes in which the prices were there, and some around them."""
    first = START_MS // MINUTE_MS - 2
    low, high = min(day.prices) * factor, max(day.prices) * factor
    opened = day.prices[0] * factor
    rows = [f"{(first + number) * MINUTE_MS},{opened},{high},{low},{opened},1" for number in range(6)]
    return "\n".join(["open_time,open,high,low,close,volume", *rows, ""])


def test_a_decision_that_does_not_come_out_again_is_a_bug(
    day: PaperDay, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead.core.rules.bots.requests.VALID_MS", 1)
    result = run("drift-report", name_of(day), code=1)
    assert "valid_until_ms: journaled " in result.stdout
    assert "differences are bugs" in result.stderr


def test_a_day_without_bots_says_so(day: PaperDay, run: Run) -> None:
    assert day.prices
    assert "no bot did anything" in run("drift-report", "2020-01-01").stderr
