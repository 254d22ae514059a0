"""The README's section about a first backtest, line by line, as a newcomer pastes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.processes import FAIRLEAD, run
from tests.e2e.readme import read_commands


def start(*arguments: str) -> str:
    """What a command prints; it is started afresh, because a sweep starts processes of its own."""
    done = subprocess.run([FAIRLEAD, *arguments], input="y\n", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_newcomer_follows_the_readme_from_candles_to_a_bot_on_paper(tmp_path: Path) -> None:
    data, best = tmp_path / "data", tmp_path / "best.toml"
    run("user", "add", "alice", "--generate", data=data)
    run("account", "add", "paper-1", data=data)
    told: dict[str, str] = {}
    commands = [words for words in read_commands("Your first backtest") if words[0] == "fairlead"]
    assert commands
    for words in commands:
        named = [str(best) if word == best.name else word for word in words[1:]]
        told[" ".join(words[1:3])] = start(*named, "--data", str(data))
    assert "525600" in told["candles generate"]
    assert "days and was" in told["backtest run"]
    assert "16 combinations" in told["backtest sweep"]
    assert "deflated Sharpe ratio" in told["backtest sweep"]
    assert len(list(data.glob("backtests/*/report.html"))) == 2
    assert "starting" in told["bot create"]
