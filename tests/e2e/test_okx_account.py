"""An OKX account from the first command to its order: real processes on both sides, nothing of ours between them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import PASSWORD, House
from tests.e2e.processes import Server, run, run_json
from tests.wire.okx_process import simulated

KEY = ("wise-key", "wise-secret", "wise-passphrase")
OPEN_S = 20.0


@pytest.fixture(name="okx")
def _okx() -> Iterator[dict[str, Any]]:
    with simulated("--seed", "7", "--account", f"{':'.join(KEY)}:USDT=50000,BTC=1") as ready:
        yield ready


@pytest.fixture(name="linked")
def _linked(tmp_path: Path, okx: dict[str, Any]) -> Iterator[House]:
    """A data folder with one account at the exchange of this test, and a running server."""
    data = tmp_path / "data"
    run("user", "add", "olive", "--password-stdin", data=data, given=PASSWORD)
    run("account", "add", "main", "--kind", "okx", "--rest-url", okx["rest"], "--socket-url", okx["ws"], data=data)
    run("account", "key", "set", "main", "--stdin", data=data, given="\n".join(KEY))
    hook = run_json("hook", "add", "tv", "--mode", "wait", data=data)
    server = Server(data)
    with server.running():
        yield House(server=server, data=data, token=hook["token"], hook_path=f"/hooks/{hook['id']}")


def wait_until_ready(house: House) -> None:
    until = time.monotonic() + OPEN_S
    while house.server.get("/ready")[0] != 200:
        assert time.monotonic() < until, house.server.log_path.read_text()[-4_000:]
        time.sleep(0.1)


PERPETUAL = {"symbol": "BTC-USDT-SWAP", "type": "perps", "marginMode": "cross"}


@pytest.mark.slow
def test_one_alert_makes_one_order_at_the_exchange(linked: House) -> None:
    wait_until_ready(linked)
    entry = linked.alert(**PERPETUAL, leverage="3", qty="2")
    status, answer = linked.server.post(linked.hook_path, entry)
    assert (status, answer["status"], answer["successful"]) == (200, "done", 1), json.dumps(answer, indent=1)
    assert linked.server.post(linked.hook_path, entry)[1]["duplicate_of"] == answer["requestId"]
    found = run_json("account", "balances", "main", data=linked.data)
    cash = {row["currency"]: Decimal(row["total"]) for row in found}
    assert cash["BTC"] == 1
    assert 49_990 < cash["USDT"] < 50_000
    # A command asks OKX for the same account meanwhile: both have their own parts of the limits.
    assert "refuse" not in {one["severity"] for one in run_json("account", "check", "main", data=linked.data)}
    limits = linked.server.scrape()
    assert 'fairlead_venue_limit_usable{endpoint="GET account/config"} 4.0' in limits
    assert 'fairlead_venue_limit_refusals_total{endpoint="POST trade/order"} 0.0' in limits
    linked.server.kill()
    linked.server.start()
    wait_until_ready(linked)
    assert run_json("drift", "list", data=linked.data) == []
    shown = run_json("account", "show", "main", data=linked.data)
    assert (shown["kind"], shown["mode"], shown["drifts_open"]) == ("okx", "demo", 0)
    status, closed = linked.server.post(
        linked.hook_path, linked.alert(**PERPETUAL, side="sell", closePosition=True, qty="100%", alertId="c")
    )
    assert (status, closed["status"]) == (200, "done"), closed
    assert run("verify", data=linked.data).returncode == 0


@pytest.mark.slow
def test_m02_a_bot_trades_with_keys_that_were_sealed_and_stored(linked: House) -> None:
    wait_until_ready(linked)
    bot = ("dip", "--account", "main", "--symbol", "BTC-USDT", "--preset", "nimble")
    seen = run_json("bot", "preview", *bot[1:], data=linked.data)
    assert abs(Decimal(seen["price"]) / 60_000 - 1) < Decimal("0.05")
    run("bot", "create", *bot, "--yes", data=linked.data)
    until = time.monotonic() + OPEN_S
    while not (shown := run_json("bot", "show", "dip", data=linked.data))["orders"]:
        assert time.monotonic() < until, shown
    assert (shown["status"], shown["cycle"]) == ("running", 1)
    assert run_json("drift", "list", data=linked.data) == []


@pytest.mark.slow
def test_conditions_over_hours_begin_with_the_hours_that_the_exchange_tells(linked: House, tmp_path: Path) -> None:
    wait_until_ready(linked)
    warm_up(linked, tmp_path, "OKX API v5")


def warm_up(house: House, folder: Path, source: str) -> None:
    """Make a bot that looks at hours, and wait until it has them."""
    file = folder / "cool.toml"
    file.write_text(
        'start = { type = "signal", signal = "cool" }\nconditions = { cool = "rsi(close, 14, 1h) < 1" }\n',
        encoding="utf-8",
    )
    bot = ("cool", "--account", "main", "--symbol", "BTC-USDT", "--file", str(file), "--price", "60000", "--yes")
    run("bot", "create", *bot, data=house.data)
    until = time.monotonic() + OPEN_S
    while not (shown := run_json("bot", "show", "cool", data=house.data))["bars"] or "warmed" not in shown["bars"][0]:
        assert time.monotonic() < until, (shown, house.server.log_path.read_text()[-4_000:])
    assert shown["bars"][0].startswith("1h: warmed with 7")
    assert shown["bars"][0].endswith(f"bars from {source}")
    assert f"  {shown['bars'][0]}" in run("bot", "show", "cool", data=house.data).stdout.splitlines()
    assert run("verify", data=house.data).returncode == 0


@pytest.mark.slow
def test_an_account_is_checked_before_anything_is_traded(tmp_path: Path, okx: dict[str, Any]) -> None:
    data = tmp_path / "data"
    run("user", "add", "olive", "--password-stdin", data=data, given=PASSWORD)
    run("account", "add", "main", "--kind", "okx", "--rest-url", okx["rest"], "--socket-url", okx["ws"], data=data)
    assert "no venue key" in run("account", "check", "main", data=data, fails=True).stderr
    run("account", "key", "set", "main", "--stdin", data=data, given="\n".join(KEY))
    found = run_json("account", "check", "main", data=data)
    assert "refuse" not in {one["severity"] for one in found}, found
    run("account", "key", "set", "main", "--stdin", data=data, given="\n".join((*KEY[:2], "wrong")))
    refused = run("account", "check", "main", data=data, fails=True)
    assert refused.returncode == 1
    assert "wrong" not in json.dumps([refused.stdout, refused.stderr]).replace("wrong passphrase", "")
