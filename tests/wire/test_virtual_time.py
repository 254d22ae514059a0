"""`fairlead simulate --clock virtual`: time and prices stand still until the admin port moves them, and then repeat."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.wire.okx_process import simulated

MINUTE_MS = 60_000


def ask(url: str, body: object = None) -> Any:  # noqa: ANN401  # whatever it answers
    content = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, content), timeout=20) as answer:
        return json.load(answer)


def live(minutes: int, *options: str) -> tuple[int, list[str]]:
    """How far time went, and what the prices were before and after."""
    with simulated("--clock", "virtual", "--admin-port", "0", *options) as ready:
        ticker = f"{ready['rest']}/api/v5/market/ticker?instId=BTC-USDT"
        before, began = ask(ticker)["data"][0]["last"], ask(f"{ready['admin']}/sim/time")["now_ms"]
        assert ask(ticker)["data"][0]["last"] == before
        ended = ask(f"{ready['admin']}/sim/time", {"advance_ms": minutes * MINUTE_MS})["now_ms"]
        return ended - began, [before, ask(ticker)["data"][0]["last"]]


@pytest.mark.slow
def test_time_moves_when_it_is_told_and_a_seed_repeats_its_prices() -> None:
    passed, prices = live(1, "--seed", "3")
    assert passed == MINUTE_MS
    assert prices[0] != prices[1]
    assert live(1, "--seed", "3") == (passed, prices)


@pytest.mark.slow
def test_recorded_prices_are_followed_minute_by_minute(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("symbol,open_ms,open,high,low,close\nBTC-USDT,0,100,100,100,100\nBTC-USDT,60000,200,200,200,200\n")
    _, prices = live(2, "--prices", str(file))
    assert float(prices[0]) == pytest.approx(100, rel=0.01)
    assert float(prices[1]) == pytest.approx(200, rel=0.01)
