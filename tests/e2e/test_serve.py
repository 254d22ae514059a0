"""The main job in real processes: alerts over HTTP, commands beside the server, kills in between."""

from __future__ import annotations

import random
import sqlite3
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPException
from typing import Any

import pytest

from tests.e2e.conftest import PASSWORD, House
from tests.e2e.processes import Server, run, run_json

NOTICED_S = 5.0


def orders_of(explanation: dict[str, Any]) -> dict[str, list[str]]:
    """Order ids by account label."""
    return {account["label"]: [order["order_id"] for order in account["orders"]] for account in explanation["accounts"]}


def test_an_alert_becomes_one_explained_order_on_every_account(house: House) -> None:
    status, answer = house.server.post(house.hook_path, house.alert())
    assert status == 200, answer
    assert (answer["status"], answer["successful"], answer["failed"], answer["pending"]) == ("done", 2, 0, 0)
    explained = run_json("explain", answer["requestId"], data=house.data)
    assert {label: len(orders) for label, orders in orders_of(explained).items()} == {"first": 1, "second": 1}
    status, told = house.server.get(f"/explain/{answer['requestId']}", token=house.token)
    assert status == 200
    assert orders_of(told) == orders_of(explained)
    by_order = run_json("explain", answer["results"][0]["client_order_id"], data=house.data)
    assert "first" in orders_of(by_order)


@pytest.mark.parametrize("path", ["/", "/webhook"])
def test_the_drop_in_addresses_find_the_hook_by_its_token(house: House, path: str) -> None:
    status, answer = house.server.post(path, house.alert(), Content_Type="text/plain")
    assert (status, answer["status"]) == (200, "done")
    bearer = house.alert(alertId="another")
    del bearer["authToken"]
    status, answer = house.server.post(path, bearer, Authorization=f"Bearer {house.token}")
    assert (status, answer["status"]) == (200, "done")


def test_w15_forty_equal_alerts_at_once_make_one_order_per_account(house: House) -> None:
    alert = house.alert(alertId="only-once")
    with ThreadPoolExecutor(40) as pool:
        answers = [answer for _, answer in pool.map(lambda _: house.server.post(house.hook_path, alert), range(40))]
    firsts = [answer for answer in answers if answer.get("duplicate_of") is None]
    assert len(firsts) == 1
    assert {answer["duplicate_of"] for answer in answers if answer not in firsts} == {firsts[0]["requestId"]}
    assert all(answer["results"] == firsts[0]["results"] for answer in answers)
    status, later = house.server.post(house.hook_path, house.alert(alertId="the-next"))
    assert (status, later["status"], later.get("duplicate_of")) == (200, "done", None)


def test_w15_an_alert_sent_again_after_a_kill_is_answered_with_its_first_result(house: House) -> None:
    _, first = house.server.post(house.hook_path, house.alert())
    for _ in range(3):
        house.server.kill()
        house.server.start()
        status, again = house.server.post(house.hook_path, house.alert())
        assert (status, again["duplicate_of"]) == (200, first["requestId"])
        assert again["results"] == first["results"]
    assert run("verify", data=house.data).returncode == 0


@pytest.mark.slow
def test_alerts_sent_while_the_server_is_killed_make_exactly_one_order_per_account(house: House) -> None:
    dice = random.Random(7)
    alerts = [house.alert(alertId=f"a{number}", qty="0.0001") for number in range(60)]
    answered: dict[int, dict[str, Any]] = {}
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            sent = {n: pool.submit(_try_post, house.server, house.hook_path, alert) for n, alert in enumerate(alerts)}
            time.sleep(dice.uniform(0.01, 0.3))
            house.server.kill()
            _collect(sent, answered)
            house.server.start()
    final = [house.server.post(house.hook_path, alert)[1] for alert in alerts]
    for number, answer in enumerate(final):
        assert [result["status"] for result in answer["results"]] == ["filled", "filled"], answer
        first = answered.get(number)
        known = first and (first.get("duplicate_of") or first["requestId"])
        assert not known or known in {answer["requestId"], answer.get("duplicate_of")}
    house.server.stop()
    assert "no problems" in run("verify", data=house.data).stdout
    for account in ("first", "second"):
        balances = {row["currency"]: row["total"] for row in run_json("account", "balances", account, data=house.data)}
        # 60 buys of 0.0001 BTC, each less the fee of 0.1 % that is taken in BTC: one order each, no more, no less.
        assert float(balances["BTC"]) == pytest.approx(60 * 0.0001 * 0.999, rel=1e-9)


def _try_post(server: Server, path: str, alert: dict[str, object]) -> dict[str, Any] | None:
    try:
        status, answer = server.post(path, alert)
    except (OSError, HTTPException, ValueError):
        return None
    return answer if status in {200, 202} else None


def _collect(sent: dict[int, Future[dict[str, Any] | None]], answered: dict[int, dict[str, Any]]) -> None:
    for number, future in sent.items():
        answer = future.result()
        if answer is not None:
            answered.setdefault(number, answer)


def test_a_start_with_an_account_of_an_unknown_kind_names_it_and_what_to_do(house: House) -> None:
    house.server.stop()
    with closing(sqlite3.connect(house.data / "fairlead.sqlite3")) as connection, connection:
        connection.execute("UPDATE venue_accounts SET kind = 'bank' WHERE label = 'second'")
    refused = run("serve", "--port", "0", data=house.data, fails=True)
    assert refused.returncode == 1
    assert "account 'second' is of kind 'bank'" in refused.stderr
    assert "fairlead account disable second" in refused.stderr
    assert "Traceback" not in refused.stderr
    run("account", "disable", "second", data=house.data)
    house.server.start()
    _, answer = house.server.post(house.hook_path, house.alert())
    assert [(result["account"], result["status"]) for result in answer["results"]] == [("first", "filled")]


def test_what_a_command_changes_is_noticed_by_the_running_server(house: House) -> None:
    run("account", "add", "third", data=house.data)
    run("account", "disable", "first", data=house.data)
    until = time.monotonic() + NOTICED_S
    labels: set[str] = set()
    number = 0
    while labels != {"second", "third"} and time.monotonic() < until:
        number += 1
        _, answer = house.server.post(house.hook_path, house.alert(alertId=f"n{number}"))
        labels = {result["account"] for result in answer["results"]}
    assert labels == {"second", "third"}
    run("hook", "revoke", "tv", data=house.data)
    status = 200
    while status != 401 and time.monotonic() < until:
        status, _ = house.server.post(house.hook_path, house.alert())
    assert status == 401


def test_w12_no_output_holds_a_secret(house: House) -> None:
    wrong = "wrong-token-0123456789abcdef"
    _, answer = house.server.post(house.hook_path, house.alert(comment=house.token))
    answers = [
        house.server.post(house.hook_path, house.alert(authToken=wrong)),
        house.server.post("/", '{"authToken": "' + house.token + '", "qty": }'),
        house.server.post("/", house.alert(qty=house.token)),
        house.server.get(f"/explain/{answer['requestId']}", user=("olive", PASSWORD)),
        house.server.get("/health"),
    ]
    explained = run("explain", answer["requestId"], data=house.data).stdout
    house.server.stop()
    kept = b"".join(path.read_bytes() for path in house.data.iterdir() if path.is_file())
    places = {
        "answers": f"{answer}{answers}",
        "log": house.server.log_path.read_text(),
        "explanation": explained,
        "data folder": kept.decode("latin-1"),
    }
    for secret in (house.token, wrong, PASSWORD):
        for place, text in places.items():
            assert secret not in text, f"{place} holds a secret"


def test_tenants_and_strangers_see_nothing(house: House) -> None:
    _, answer = house.server.post(house.hook_path, house.alert())
    run("user", "add", "mallory", "--password-stdin", data=house.data, given=PASSWORD)
    path = f"/requests/{answer['requestId']}"
    assert house.server.get(path, user=("olive", PASSWORD))[0] == 200
    until = time.monotonic() + NOTICED_S
    while (status := house.server.get(path, user=("mallory", PASSWORD))[0]) == 401 and time.monotonic() < until:
        time.sleep(0.1)
    assert status == 404
    assert house.server.get(path)[0] == 401
    assert house.server.get(path, user=("olive", "wrong"))[0] == 401


def test_a_second_server_on_the_same_folder_is_refused_with_a_sentence(house: House) -> None:
    done = run("serve", "--port", "0", data=house.data, fails=True)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "another" in done.stderr


def test_ctrl_c_ends_the_server_cleanly(house: House) -> None:
    house.server.post(house.hook_path, house.alert())
    assert house.server.stop() == 0
    assert "no problems" in run("verify", data=house.data).stdout


def test_the_id_of_a_refused_call_can_be_explained_at_once(house: House) -> None:
    status, refused = house.server.post(house.hook_path, house.alert(side="up"))
    assert status == 400
    status, told = house.server.get(f"/explain/{refused['requestId']}", token=house.token)
    assert status == 200
    assert "side" in told["refused_call"]["details"][0]
