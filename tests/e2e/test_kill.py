"""The kill switch from a shell beside a real server: nothing new from its return, and the rest soon after."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

from tests.e2e.conftest import House
from tests.e2e.processes import run, run_json

PERPETUAL = {"symbol": "BTCUSDT.P", "type": "perps", "marginMode": "cross", "leverage": 2, "qty": "5%"}


@contextmanager
def sending(house: House) -> Iterator[list[dict[str, Any]]]:
    """Send alerts as fast as they are answered, until the end; yields the answers so far."""
    answers: list[dict[str, Any]] = []
    ended = threading.Event()

    def send() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            try:
                answers.append(house.server.post(house.hook_path, house.alert(alertId=f"{number}"))[1])
            except (HTTPException, OSError):
                continue

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield answers
    finally:
        ended.set()
        sender.join()


def reasons(answer: dict[str, Any]) -> set[str]:
    return {result["reason_code"] for result in answer["results"]}


def test_no_entry_is_sent_after_the_command_has_returned(house: House) -> None:
    with sending(house) as answers:
        while not answers:
            pass
        run("kill", "platform", "--reason", "drill", data=house.data)
        # One may have been on its way while the command ran.
        seen = len(answers) + 1
        while len(answers) < seen + 5:
            pass

    assert answers[0]["status"] == "done"
    assert all(reasons(answer) == {"kill_switch_active"} for answer in answers[seen:])
    assert "drill" in answers[-1]["results"][0]["message"]


def test_flatten_closes_and_stays_over_a_kill_of_the_server_until_it_is_lifted(house: House) -> None:
    _, opened = house.server.post(house.hook_path, house.alert(**PERPETUAL))
    assert opened["status"] == "done", opened
    told = run("kill", "account", "first", "--flatten", "--rehearse", data=house.data).stdout
    assert "Would close BTC-USDT-SWAP" in told

    run("kill", "account", "first", "--flatten", "--yes", "--reason", "enough", data=house.data)
    house.server.kill()
    house.server.start()

    (latch,) = run_json("kill", "--list", data=house.data)
    assert (latch["name"], latch["level"], latch["reason"]) == ("first", "flatten", "enough")
    _, after = house.server.post(house.hook_path, house.alert(**PERPETUAL, alertId="after"))
    results = {result["account"]: result["reason_code"] for result in after["results"]}
    assert (results["first"], results["second"]) == ("kill_switch_active", "")
    explained = run_json("explain", latch["id"], data=house.data)
    assert [account["label"] for account in explained["accounts"]] == ["first"]
    assert {position["quantity"] for position in explained["accounts"][0]["positions"]} == {"0"}

    run("unkill", "account", "first", "--reason", "calm again", data=house.data)
    _, again = house.server.post(house.hook_path, house.alert(**PERPETUAL, alertId="again"))
    assert again["status"] == "done", again


def test_without_a_server_it_holds_at_the_next_start(house: House) -> None:
    house.server.stop()
    run("kill", "strategy", "tv", data=house.data)
    house.server.start()
    assert reasons(house.server.post(house.hook_path, house.alert())[1]) == {"kill_switch_active"}

    house.server.stop()
    told = run("unkill", "--all", "--reason", "drill is over", data=house.data).stdout
    assert "the next start" in told
    house.server.start()
    answers = (house.server.post(house.hook_path, house.alert(alertId=f"try{number}"))[1] for number in range(50))
    assert any(answer["status"] == "done" for answer in answers)


def test_a_wrong_name_folder_or_scope_sets_nothing_and_says_what_to_do(house: House) -> None:
    refused = [
        run("kill", "account", "nobody", data=house.data, fails=True),
        run("kill", "instrument", "BTC-USDT-SWAPS", data=house.data, fails=True),
        run("kill", "platform", "first", data=house.data, fails=True),
        run("kill", data=house.data, fails=True),
        run("kill", "platform", data=house.data.parent / "elsewhere", fails=True),
        run("unkill", "platform", data=house.data, fails=True),
        run("unkill", "platform", "--reason", "none is set", data=house.data, fails=True),
    ]

    assert all(one.returncode for one in refused)
    assert not (house.data.parent / "elsewhere").exists()
    assert "fairlead kill account first" in refused[2].stderr
    assert run_json("kill", "--list", data=house.data) == []
