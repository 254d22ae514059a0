"""Alerts that are posted while a fault begins, lasts and ends, and what must be true of them afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Event
from typing import Any

from fairlead.orders.refusals import NEVER_SENT
from tests.e2e.conftest import House
from tests.e2e.processes import run_json

SENDERS = 4
RECOVERY_S_MAX = 15.0
CALM_S = 0.3
AFTER_S = 1.0

Answers = dict[str, tuple[int, dict[str, Any]]]


def send(house: House, key: str, **changes: object) -> tuple[int, dict[str, Any]]:
    return house.server.post(house.hook_path, house.alert(alertId=key, **({"qty": "0.0001"} | changes)))


def send_during(house: House, fault: AbstractContextManager[None], meanwhile: Callable[[], None]) -> Answers:
    """Send while the fault begins, lasts for as long as ``meanwhile`` does, and ends; what was answered."""
    answers: Answers = {}
    enough = Event()

    def keep_sending(sender: int) -> None:
        number = 0
        while not enough.is_set():
            key = f"{sender}-{number}"
            answers[key] = send(house, key)
            number += 1
            time.sleep(0.05)

    with ThreadPoolExecutor(SENDERS) as pool:
        sending = [pool.submit(keep_sending, sender) for sender in range(SENDERS)]
        try:
            time.sleep(CALM_S)
            with fault:
                meanwhile()
            time.sleep(AFTER_S)
        finally:
            enough.set()
        for sender in sending:
            sender.result()
    return answers


def check_answers(house: House, answers: Answers) -> set[str]:
    """Nothing refused is stored, everything answered is, and all of it comes to an end; the keys that were refused."""
    refused = {key for key, (status, _) in answers.items() if status == 503}
    answered = {key for key, (status, _) in answers.items() if status in {200, 202}}
    assert refused | answered == set(answers), answers
    assert answered
    await_recovery(house)
    for key in answers:
        status, again = send(house, key)
        assert status in {200, 202}, again
        assert (again["duplicate_of"] is not None) == (key in answered), (key, answers[key], again)
    await_settled(house, set(answers))
    assert run_json("verify", data=house.data)["problems"] == []
    return refused


def await_recovery(house: House) -> None:
    """Healthy, and both accounts trade again, without a restart."""
    until = time.monotonic() + RECOVERY_S_MAX
    number = 0
    while True:
        number += 1
        status, answer = send(house, f"recovered-{number}")
        if status == 200 and answer["successful"] == 2 and house.server.get("/health")[0] == 200:
            return
        assert time.monotonic() < until, (status, answer, house.server.log_path.read_text()[-3_000:])
        time.sleep(0.2)


def await_settled(house: House, keys: set[str]) -> None:
    """Every alert has one order on each account at most, and an end; the only refusal is that it was not sent in time.

    The fault itself delays what was approved just before it began, and an order whose deadline passed is never sent.
    """
    until = time.monotonic() + RECOVERY_S_MAX
    for key in sorted(keys):
        while (answer := send(house, key)[1])["pending"]:
            assert time.monotonic() < until, answer
            time.sleep(0.1)
        assert len(answer["results"]) == 2, answer
        for result in answer["results"]:
            assert result["status"] in {"filled", "denied", "expired"} or is_never_sent(result), answer


def is_never_sent(result: dict[str, Any]) -> bool:
    return (result["status"], result["reason_code"], result["quantity"]) == ("rejected", NEVER_SENT, "0")
