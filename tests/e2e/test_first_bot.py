"""The README's section about a first bot, line by line, as a newcomer pastes it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.processes import Server, run, run_json
from tests.e2e.readme import read_commands

CYCLE_S: Final = 50
POLL_S: Final = 0.25


def split(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Environment and arguments of a command line."""
    at = words.index("fairlead")
    return dict(word.split("=", 1) for word in words[:at]), words[at + 1 :]


def wait_for_profit(data: Path) -> list[dict[str, Any]]:
    until = time.monotonic() + CYCLE_S
    while time.monotonic() < until:
        rows: list[dict[str, Any]] = run_json("bot", "history", "dip", data=data)
        if rows and rows[0]["why"] == "take profit":
            return rows
        time.sleep(POLL_S)
    raise AssertionError("no cycle was filled")


@pytest.mark.slow
def test_a_newcomer_follows_the_readme_to_a_first_profit_and_asks_why(tmp_path: Path) -> None:
    data = tmp_path / "data"
    told: dict[str, str] = {}
    commands = [split(words) for words in read_commands("Your first bot")]
    at = next(index for index, (_, words) in enumerate(commands) if words == ["serve"])
    for environment, words in commands[:at]:
        told[" ".join(words[:2])] = run(*words, data=data, given="y\n", fails=False, **environment).stdout
    assert "balanced" in told["bot presets"]
    assert "starting" in told["bot create"]
    server = Server(data, **commands[at][0])
    with server.running():
        first = wait_for_profit(data)[0]
        assert float(first["profit"]) > 0
        for environment, words in commands[at + 1 :]:
            shown = run_json("bot", "show", "dip", data=data)
            named = [shown["ladder"][0]["request"] if word == "REQUEST" else word for word in words]
            told[" ".join(words[:2])] = run(*named, data=data, given="", fails=False, **environment).stdout
    assert "Ladder of this cycle" in told["bot show"]
    assert "take profit" in told["bot history"]
    assert re.search(r"bot +dip, cycle \d+: ", told["explain REQUEST"])
    assert "no problems" in run("verify", data=data).stdout
    again = run_json("verify", "--decisions", "today", data=data)
    assert (again["differing"], again["unchecked"]) == (0, 0)
    report = run_json("drift-report", "today", data=data)
    assert [name for name in report["names"].values() if name == "dip"] == ["dip"]
    assert all(bot["parts"].get("bug", "0") == "0" for bot in report["bots"])


def test_what_is_previewed_is_what_then_rests(tmp_path: Path) -> None:
    data = tmp_path / "data"
    run("user", "add", "olive", "--generate", data=data)
    run("account", "add", "main", data=data)
    # A base price of its own: everything hangs on that and on no moving one.
    words = ("--account", "main", "--symbol", "BTC-USDT", "--preset", "balanced", "--set", "base_price=60000")
    run("bot", "create", "dip", *words, "--yes", data=data)
    expected = run_json("bot", "preview", *words, data=data)["levels"]
    levels = {f"safety {one['slot'][1:]}": one["price"] for one in expected[1:]}
    with Server(data, FAIRLEAD_MARKET_VOLATILITY="0.00001").running():
        until = time.monotonic() + CYCLE_S
        prices: dict[str, str] = {}
        # A base order is told as filled before its bot has decided what rests under it.
        while len(prices) < len(levels) and time.monotonic() < until:
            rows = run_json("bot", "show", "dip", data=data)["ladder"]
            prices = {row["level"]: row["price"].replace(",", "") for row in rows if row["level"].startswith("safety")}
            time.sleep(POLL_S)
    assert prices == levels
