"""Candles fetched from an exchange in a process of its own, natively and over ccxt, stopped and begun again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import pytest

from fairlead.cli.moments import moment_text
from fairlead.market.candles.archive import CandleArchive, SeriesName
from fairlead.market.candles.funding import load_funding
from fairlead.market.candles.load import load_series
from tests.e2e.processes import FAIRLEAD, run_json
from tests.wire.okx_process import simulated

MINUTE_MS: Final = 60_000
CANDLES: Final = 1_500
LOST: Final = {"id": "lost", "kind": "request_lost", "match": {"endpoint": "market/history-candles"}, "after": 5}
WAIT_S: Final = 40


@pytest.fixture(name="okx", scope="module")
def _okx() -> Iterator[dict[str, Any]]:
    with simulated("--seed", "7", "--admin-port", "0") as ready:
        yield ready


@pytest.fixture(name="words")
def _words(okx: dict[str, Any]) -> tuple[str, ...]:
    """The command, about minutes before the exchange opened: those never change."""
    end_ms = (time.time_ns() // 10**6 // MINUTE_MS - 10) * MINUTE_MS
    begin, end = (moment_text(at_ms).replace(" ", "T") for at_ms in (end_ms - CANDLES * MINUTE_MS, end_ms))
    return ("candles", "fetch", "BTC-USDT", "--from", begin, "--to", end, "--rest-url", okx["rest"])


def ask_admin(okx: dict[str, Any], method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  # any JSON
    request = Request(f"{okx['admin']}{path}", method=method, data=None if body is None else json.dumps(body).encode())
    with urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def files(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (data / "candles/okx/BTC-USDT/1m").glob("*.parquet")}


@pytest.mark.slow
@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_a_fetch_that_is_stopped_goes_on_and_leaves_the_same_files(
    tmp_path: Path, okx: dict[str, Any], words: tuple[str, ...], way: signal.Signals
) -> None:
    (whole,) = run_json(*words, data=tmp_path / "whole")
    assert (whole["candles"], whole["new"], whole["missing"]) == (CANDLES, CANDLES, 0)
    parts = tmp_path / "parts"
    ask_admin(okx, "POST", "/sim/faults", LOST)
    command = [FAIRLEAD, *words, "--data", str(parts)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as fetching:
        try:
            until = time.monotonic() + WAIT_S
            while not ask_admin(okx, "GET", "/sim/faults")["faults"][0]["struck"]:
                assert time.monotonic() < until
                time.sleep(0.1)
            # What was asked for at the same time is mostly answered by now.
            time.sleep(0.5)
            fetching.send_signal(way)
            _, told = fetching.communicate(timeout=WAIT_S)
        finally:
            fetching.kill()
            ask_admin(okx, "DELETE", "/sim/faults")
    kept = 0
    if way is signal.SIGINT:
        assert fetching.returncode == 130
        assert told == "fairlead: stopped; what was fetched is kept, and the same command goes on from there\n"
        kept = len(CandleArchive(parts / "candles").read(SeriesName("okx", "BTC-USDT", "1m")))
        assert 0 < kept < CANDLES
    (again,) = run_json(*words, data=parts)
    assert (again["candles"], again["new"]) == (CANDLES, CANDLES - kept)
    assert files(parts) == files(tmp_path / "whole")


@pytest.mark.slow
def test_ccxt_tells_the_same_candles_as_okx_itself(tmp_path: Path, words: tuple[str, ...]) -> None:
    run_json(*words, data=tmp_path / "own")
    (again,) = run_json(*words, "--again", data=tmp_path / "own")
    assert (again["candles"], again["new"], again["changed"]) == (CANDLES, 0, 0)
    (row,) = run_json(*words, "--ccxt", data=tmp_path / "ccxt")
    assert row["candles"] == CANDLES
    assert files(tmp_path / "own") == files(tmp_path / "ccxt")
    listed = [run_json("candles", "list", data=tmp_path / name)[0]["source"] for name in ("own", "ccxt")]
    assert listed == ["OKX API v5", "ccxt okx"]


@pytest.mark.slow
def test_hours_and_funding_of_a_perpetual_are_fetched_both_ways(tmp_path: Path, words: tuple[str, ...]) -> None:
    wanted = ("candles", "fetch", "BTC-USDT-SWAP", "--from", "10d", "--timeframe", "6h", "--funding", *words[-2:])
    found = []
    for name, more in (("own", ()), ("ccxt", ("--ccxt",))):
        (row,) = run_json(*wanted, *more, data=tmp_path / name)
        folder = tmp_path / name / "candles" / "okx"
        times, rates = load_funding(folder, "BTC-USDT-SWAP")
        assert row["funding_rates"] == len(times) == 30
        series = load_series(folder, "BTC-USDT-SWAP", "6h")
        found.append((times.tolist(), rates, series.opened_ms.tolist(), series.close.tolist()))
    assert found[0] == found[1]
    assert len(found[0][2]) in {39, 40}
    assert all(at_ms % (6 * 60 * MINUTE_MS) == 0 for at_ms in found[0][2])
