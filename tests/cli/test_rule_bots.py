"""Bots with rules in Python, and conditions of other bots, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

Ask = Callable[..., Any]
Run = Callable[..., Result]

RULE = "from fairlead.rules import Rule\n\n\nclass Mine(Rule):\n    length: int = 3\n"


@pytest.fixture(name="make", autouse=True)
def _make(alice: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Create a bot from a settings text."""
    run("account", "add", "main", "--balance", "USDT=10000")
    rules = tmp_path / "rules"
    rules.mkdir(mode=0o700)
    (rules / "mine.py").write_text(RULE, encoding="utf-8")
    (rules / "mine.py").chmod(0o600)
    monkeypatch.setenv("FAIRLEAD_RULES_DIR", str(rules))

    def make(settings: str, code: int = 0) -> Result:
        file = tmp_path / "bot.toml"
        file.write_text(settings, encoding="utf-8")
        where = ("--account", "main", "--symbol", "BTC-USDT", "--file", str(file))
        return run("bot", "create", "mine", *where, "--yes", code=code)

    return make


def test_a_bot_with_a_rule_of_ones_own_is_created(make: Callable[..., Result], ask: Ask) -> None:
    make('type = "rule"\nrule = "mine:Mine"\nparameters = { length = "5" }\n')
    assert [row["name"] for row in ask("bot", "list")] == ["mine"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ('type = "rule"\nrule = "other:Mine"\n', "cannot be read"),
        ('type = "rule"\nrule = "mine:Other"\n', "has no rule Other; it has Mine"),
        ('type = "rule"\nrule = "mine:Mine"\nparameters = { size = "5" }\n', "no parameter size"),
        ('type = "martingale"\nconditions = { dip = "rsi(close) crosses 30" }\n', "above or below"),
    ],
)
def test_what_cannot_run_is_refused_before_it_is_created(
    make: Callable[..., Result], ask: Ask, settings: str, says: str
) -> None:
    refused = make(settings, code=1)
    assert says in refused.stderr
    assert ask("bot", "list") == []
