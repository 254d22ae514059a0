"""A server that is told to stop while alerts wait forgets none of them, and does none of them twice."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from fairlead.accounts.registry import AccountRegistry, AccountWish, Refused
from fairlead.clock import SystemClock
from fairlead.store.session import Store
from tests.e2e.conftest import House
from tests.e2e.processes import run_json

pytestmark = pytest.mark.timeout(180)

# Together more than a server can do in the seconds that it takes to end.
ALERTS = 120
ACCOUNTS = 40
SENDERS = 24
OWN = ("first", "second")
SETTLED_S_MAX = 60.0


def test_what_waits_at_the_end_is_done_by_the_next_server_once(house: House) -> None:
    house.server.stop()
    asyncio.run(add_accounts(house))
    hook = run_json("hook", "add", "quick", "--mode", "ack", data=house.data)
    path, token = f"/hooks/{hook['id']}", hook["token"]
    house.server.start()

    def send(number: int) -> str:
        changes = {"alertId": f"n{number}", "qty": "0.0001"}
        status, answer = house.server.post(path, house.alert(authToken=token, **changes))
        assert status == 202, answer
        return str(answer["requestId"])

    with ThreadPoolExecutor(SENDERS) as pool:
        taken = list(pool.map(send, range(ALERTS)))
    assert house.server.stop() == 0
    assert count_unfinished(house) > 0, "everything was done before the end, so this shows nothing"
    ended = len(house.server.log_path.read_text())

    with house.server.running():
        until = time.monotonic() + SETTLED_S_MAX
        results = [ask_until_settled(house, request_id, token, until) for request_id in taken]
    assert {(result["status"], result["reason_code"]) for one in results for result in one["results"]} == {
        ("filled", "")
    }
    assert len({result["client_order_id"] for one in results for result in one["results"]}) == ACCOUNTS * ALERTS
    # Each start compares what we hold with what the venue holds.
    assert "drift" not in house.server.log_path.read_text()[ended:]
    assert run_json("verify", data=house.data)["problems"] == []


async def add_accounts(house: House) -> None:
    """Fill the default group; one command for each would take as long as everything else."""
    store = Store(f"sqlite:///{house.data / 'fairlead.sqlite3'}")
    registry = AccountRegistry(store, SystemClock())
    for number in range(ACCOUNTS - len(OWN)):
        wish = AccountWish(label=f"more-{number}", opening_balances={"BTC": Decimal(1), "USDT": Decimal(100_000)})
        assert not isinstance(await registry.add("olive", wish), Refused)
    await store.close()


def count_unfinished(house: House) -> int:
    with closing(sqlite3.connect(house.data / "fairlead.sqlite3")) as database:
        (requests,) = database.execute("SELECT count(*) FROM requests WHERE is_pending").fetchone()
        (alerts,) = database.execute("SELECT count(*) FROM alerts WHERE verdict = 'received'").fetchone()
    return int(requests + alerts)


def ask_until_settled(house: House, request_id: str, token: str, until: float) -> dict[str, Any]:
    while (answer := house.server.get(f"/requests/{request_id}", token=token)[1])["pending"]:
        assert time.monotonic() < until, answer
        time.sleep(0.2)
    assert len(answer["results"]) == ACCOUNTS, answer
    return answer
