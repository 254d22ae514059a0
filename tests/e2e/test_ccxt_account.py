"""An account over ccxt from the first command to its order: real processes on both sides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import PASSWORD, House
from tests.e2e.processes import Server, run, run_json
from tests.e2e.test_okx_account import wait_until_ready, warm_up
from tests.wire.okx_process import simulated

KEY = ("wise-key", "wise-secret", "wise-passphrase")
PERPETUAL = {"symbol": "BTC-USDT-SWAP", "type": "perps", "marginMode": "cross"}


@pytest.fixture(name="okx")
def _okx() -> Iterator[dict[str, Any]]:
    with simulated("--seed", "7", "--account", f"{':'.join(KEY)}:USDT=50000,BTC=1") as ready:
        yield ready


@pytest.fixture(name="data")
def _data(tmp_path: Path, okx: dict[str, Any]) -> Path:
    """A data folder with one account at the exchange of this test."""
    data = tmp_path / "data"
    there = ("--kind", "ccxt", "--exchange", "okx", "--rest-url", okx["rest"], "--socket-url", okx["ws"])
    run("user", "add", "olive", "--password-stdin", data=data, given=PASSWORD)
    run("account", "add", "main", *there, data=data)
    run("account", "key", "set", "main", "--stdin", data=data, given="\n".join(KEY))
    return data


@pytest.mark.slow
def test_one_alert_makes_one_order_over_ccxt_across_a_crash(data: Path) -> None:
    hook = run_json("hook", "add", "tv", "--mode", "wait", data=data)
    server = Server(data)
    with server.running():
        house = House(server=server, data=data, token=hook["token"], hook_path=f"/hooks/{hook['id']}")
        wait_until_ready(house)
        entry = house.alert(**PERPETUAL, leverage="3", qty="2")
        status, answer = server.post(house.hook_path, entry)
        assert (status, answer["status"], answer["successful"]) == (200, "done", 1), json.dumps(answer, indent=1)
        server.kill()
        server.start()
        wait_until_ready(house)
        assert server.post(house.hook_path, entry)[1]["duplicate_of"] == answer["requestId"]
        assert "FILLED" in run("explain", answer["requestId"], data=data).stdout
        assert run_json("drift", "list", data=data) == []
        shown = run_json("account", "show", "main", data=data)
        assert (shown["kind"], shown["exchange"], shown["mode"], shown["drifts_open"]) == ("ccxt", "okx", "demo", 0)
        close = house.alert(**PERPETUAL, side="sell", closePosition=True, qty="100%", alertId="c")
        status, closed = server.post(house.hook_path, close)
        assert (status, closed["status"]) == (200, "done"), closed
        cash = {row["currency"]: Decimal(row["total"]) for row in run_json("account", "balances", "main", data=data)}
        assert cash["BTC"] == 1
        assert 49_900 < cash["USDT"] < 50_000
        assert run_json("drift", "list", data=data) == []
        stopped = house.alert(**PERPETUAL, leverage="3", qty="1", slPrice="1000", alertId="s")
        assert "nothing was placed" in json.dumps(server.post(house.hook_path, stopped)[1])
        run("account", "key", "remove", "main", data=data)
        answers = (server.post(house.hook_path, house.alert(qty="1%", alertId=f"k{number}")) for number in range(20))
        assert any("nothing was sent" in json.dumps(answer) for _, answer in answers)
    assert run("verify", data=data).returncode == 0


@pytest.mark.slow
def test_conditions_over_hours_begin_with_the_hours_that_ccxt_reads(data: Path, tmp_path: Path) -> None:
    hook = run_json("hook", "add", "tv", data=data)
    server = Server(data)
    with server.running():
        house = House(server=server, data=data, token=hook["token"], hook_path=f"/hooks/{hook['id']}")
        wait_until_ready(house)
        warm_up(house, tmp_path, "ccxt okx")
