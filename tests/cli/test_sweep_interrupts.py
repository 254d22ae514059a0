"""Ctrl-C in the middle of a sweep: what was run is kept, nothing is left running, and it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

VARIED = ("--vary", "step=0.5:3:40", "--vary", "take_profit=0.5:2:50")
SWEEP = ("backtest", "sweep", "--symbol", "BTC-USDT", "--preset", "balanced", *VARIED, "--rank", "gain")


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_run_and_the_same_command_goes_on(
    folder: Path, run: Callable[..., Result], ask: Callable[..., Any]
) -> None:
    run("candles", "generate", "BTC-USDT", "--candles", "50000", "--seed", "5")
    words = [sys.executable, "-m", "fairlead", *SWEEP]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        kept = _wait_for_rows(folder, process)
        # As a terminal does: to the command and to its workers.
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert told == "fairlead: stopped; the same command goes on where it was\n"
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    lines = kept.read_bytes().splitlines()
    assert 0 < len(lines) < 2_000
    again = ask(*SWEEP, "--search", "random", "--tries", "20")
    assert again["tried"] == 20
    assert again["trials_ever"] <= len(lines) + 20
    assert len(kept.read_bytes().splitlines()) >= len(lines)


def _wait_for_rows(folder: Path, process: subprocess.Popen[str]) -> Path:
    for _ in range(600):
        for path in folder.glob("sweeps/*/rows.jsonl"):
            if path.stat().st_size:
                return path
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    pytest.fail("no row came")
