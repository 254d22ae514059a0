"""A drift in a real process: found by itself, settled from the command line beside it."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from decimal import Decimal

import pytest

from tests.e2e.conftest import House
from tests.e2e.processes import run, run_json


@pytest.mark.slow
def test_cash_that_changed_is_shown_and_adopted_beside_the_server(house: House) -> None:
    house.server.stop()
    with closing(sqlite3.connect(next(house.data.glob("*.sqlite3")))) as database, database:
        rows = database.execute("SELECT key, body FROM records WHERE space = 'paper_account'").fetchall()
        for key, body in rows:
            books = json.loads(body)
            books["totals"]["USDT"] = str(Decimal(books["totals"]["USDT"]) + 5)
            text = json.dumps(books).encode()
            database.execute("UPDATE records SET body = ? WHERE space = 'paper_account' AND key = ?", (text, key))
    house.server.start()
    drifts = run_json("drift", "list", data=house.data)
    assert [one["kind"] for one in drifts] == ["balance"] * len(rows)
    status, answer = house.server.post(house.hook_path, house.alert())
    assert "drift_open" in json.dumps(answer), (status, answer)
    for one in drifts:
        run("drift", "adopt", one["id"], "--reason", "a gift", data=house.data)
    until = time.monotonic() + 5
    while run_json("drift", "list", data=house.data) and time.monotonic() < until:
        time.sleep(0.1)
    status, answer = house.server.post(house.hook_path, house.alert(alertId="after"))
    assert (status, answer["status"]) == (200, "done")
    assert run("verify", data=house.data).returncode == 0
