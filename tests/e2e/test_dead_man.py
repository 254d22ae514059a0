"""The dead man's switch between real processes: Fairlead is killed, and the exchange takes back what rests there."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import PASSWORD, House
from tests.e2e.processes import Server, run, run_json
from tests.wire.okx_process import simulated

KEY = ("wise-key", "wise-secret", "wise-passphrase")
SWAP = {"symbol": "BTC-USDT-SWAP", "type": "perps", "marginMode": "cross", "leverage": "3", "qty": "1"}
PATIENCE_S = 20.0
TIMEOUT_S = 30


class Exchange:
    """The exchange as whoever runs it sees it."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready

    def ask(self, path: str, body: object = None) -> Any:  # noqa: ANN401  # whatever it answers
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.ready['admin']}{path}", data, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read())

    def count(self, status: str) -> int:
        """How many orders are in one state there: ``live`` ones rest in the book, ``waiting`` ones for a price."""
        orders = self.ask(f"/sim/books/{KEY[0]}")["orders"]
        return sum(one.get("status", "live") == status for one in orders)

    def price(self) -> Decimal:
        with urllib.request.urlopen(
            f"{self.ready['rest']}/api/v5/market/ticker?instId={SWAP['symbol']}", timeout=PATIENCE_S
        ) as answer:
            return Decimal(json.loads(answer.read())["data"][0]["last"])


@pytest.fixture(name="okx")
def _okx() -> Iterator[Exchange]:
    with simulated("--seed", "7", "--admin-port", "0", "--account", f"{':'.join(KEY)}:USDT=50000") as ready:
        yield Exchange(ready)


@pytest.fixture(name="linked")
def _linked(tmp_path: Path, okx: Exchange) -> Iterator[House]:
    """A data folder with one account at the exchange of this test, and a running server."""
    data = tmp_path / "data"
    rest, sockets = okx.ready["rest"], okx.ready["ws"]
    run("user", "add", "olive", "--password-stdin", data=data, given=PASSWORD)
    run("account", "add", "main", "--kind", "okx", "--rest-url", rest, "--socket-url", sockets, data=data)
    run("account", "key", "set", "main", "--stdin", data=data, given="\n".join(KEY))
    hook = run_json("hook", "add", "tv", "--mode", "wait", data=data)
    server = Server(data)
    with server.running():
        yield House(server=server, data=data, token=hook["token"], hook_path=f"/hooks/{hook['id']}")


def wait_until(is_there: Callable[[], bool], house: House) -> None:
    until = time.monotonic() + PATIENCE_S
    while not is_there():
        assert time.monotonic() < until, house.server.log_path.read_text()[-4_000:]
        time.sleep(0.1)


def shown(house: House) -> dict[str, Any]:
    found: dict[str, Any] = run_json("account", "show", "main", data=house.data)
    return found


def send(house: House, **changes: object) -> str:
    """Send an alert that makes one order; returns what it can be asked for by."""
    status, answer = house.server.post(house.hook_path, house.alert(**SWAP, **changes))
    assert (status, answer["successful"]) == (200, 1), json.dumps(answer, indent=1)
    return str(answer["requestId"])


@pytest.mark.slow
def test_the_exchange_cancels_what_rests_there_when_a_killed_fairlead_is_not_heard_of(
    linked: House, okx: Exchange
) -> None:
    wait_until(lambda: linked.server.get("/ready")[0] == 200, linked)
    price = okx.price()
    send(linked, slPrice=str(round(price * Decimal("0.9"))), alertId="protected")
    resting = send(linked, ordType="limit", price=str(round(price * Decimal("0.97"))), alertId="resting")
    wait_until(lambda: shown(linked).get("protection") == "by_fairlead_only", linked)
    now = shown(linked)
    why = "an entry of BTC-USDT-SWAP rests without a stop, and the dead man's switch is not armed"
    assert (now["dead_man"], now["protection_why"]) == ("off", [why])
    assert 'fairlead_accounts_protected{protection="by_fairlead_only"} 1.0' in linked.server.scrape()
    assert (okx.count("live"), okx.count("waiting")) == (1, 1)

    run("account", "protect", "main", "--dead-man", "on", "--timeout", str(TIMEOUT_S), data=linked.data)
    wait_until(lambda: shown(linked)["protection"] == "protected_on_exchange", linked)
    assert shown(linked)["dead_man"] == f"on, {TIMEOUT_S} s"

    linked.server.kill()
    (listed,) = run_json("account", "list", data=linked.data)
    assert listed["protection"] == "protected_on_exchange"
    okx.ask("/sim/time", {"jump_ms": (TIMEOUT_S - 5) * 1_000})
    time.sleep(1)
    assert okx.count("live") == 1, "it acted before its time"
    okx.ask("/sim/time", {"jump_ms": 10_000})
    wait_until(lambda: okx.count("live") == 0, linked)
    assert (okx.count("canceled"), okx.count("waiting")) == (1, 1)

    linked.server.start()
    wait_until(lambda: linked.server.get("/ready")[0] == 200, linked)
    assert linked.server.get("/ready")[1]["accounts_unprotected"] == 0
    told = run("explain", resting, data=linked.data).stdout
    assert "the dead man's switch" in told, told
    assert run("verify", data=linked.data).returncode == 0


@pytest.mark.slow
def test_switched_off_nothing_is_taken_back_and_the_account_says_that_nobody_watches(
    linked: House, okx: Exchange
) -> None:
    run("account", "protect", "main", "--dead-man", "on", "--timeout", "10", data=linked.data)
    wait_until(lambda: linked.server.get("/ready")[0] == 200, linked)
    send(linked, ordType="limit", price=str(round(okx.price() * Decimal("0.97"))), alertId="resting")
    wait_until(lambda: shown(linked).get("protection") == "protected_on_exchange", linked)
    run("account", "protect", "main", "--dead-man", "off", data=linked.data)
    wait_until(lambda: shown(linked)["protection"] == "by_fairlead_only", linked)
    linked.server.kill()
    okx.ask("/sim/time", {"jump_ms": 60_000})
    time.sleep(1.5)
    assert okx.count("live") == 1
    assert shown(linked)["protection"] == "unprotected"
