"""The store fails under a running server: 503 only if nothing was stored, and all is well when the fault has ended."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import House
from tests.e2e.processes import run_json

SENDERS = 4
FAULT_S = 1.5
RECOVERY_S_MAX = 15.0
ENDS = ("", "-wal", "-shm")

Fault = Callable[[House], AbstractContextManager[None]]


def database_of(house: House) -> Path:
    (path,) = house.data.glob("*.sqlite3")
    return path


@contextmanager
def full_disk(house: House) -> Iterator[None]:
    """No file of the process may grow, nor be written beyond its first byte."""
    before = resource.prlimit(house.server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(house.server.pid, resource.RLIMIT_FSIZE, (1, before[1]))
    yield
    resource.prlimit(house.server.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def locked(house: House) -> Iterator[None]:
    """Somebody else writes, for less long than the server waits."""
    with closing(sqlite3.connect(database_of(house), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def moved_away(house: House) -> Iterator[None]:
    """The files stand elsewhere for a while."""
    path = database_of(house)
    names = [path.with_name(path.name + end) for end in ENDS]
    for name in names:
        name.rename(name.with_suffix(".away" + name.suffix))
    yield
    for name in names:
        name.with_suffix(".away" + name.suffix).rename(name)


@contextmanager
def read_only(house: House) -> Iterator[None]:
    """Nobody may write any more, though who has opened a file before still may."""
    paths = [database_of(house).with_name(database_of(house).name + end) for end in ENDS]
    modes = [path.stat().st_mode for path in paths]
    for path in paths:
        path.chmod(0o400)
    yield
    for path, mode in zip(paths, modes, strict=True):
        path.chmod(mode)


@pytest.mark.parametrize(
    ("fault", "refuses"),
    [(full_disk, True), (moved_away, True), (locked, False), (read_only, False)],
    ids=["full", "gone", "locked", "read-only"],
)
def test_a_fault_of_the_store_loses_and_doubles_nothing(house: House, fault: Fault, refuses: bool) -> None:  # noqa: FBT001
    resting = send(house, "resting", ordType="limit", price="1000", qty="0.01")
    assert resting[1]["results"][0]["status"] == "accepted", resting
    answers, health = send_during(house, fault, refuses=refuses)
    refused = {key for key, (status, _) in answers.items() if status == 503}
    answered = {key for key, (status, _) in answers.items() if status in {200, 202}}
    assert refused | answered == set(answers), answers
    assert answered
    assert bool(refused) == refuses
    assert (health == 503) == refuses
    await_recovery(house)
    for key in answers:
        status, again = send(house, key)
        assert status in {200, 202}, again
        assert (again["duplicate_of"] is not None) == (key in answered), (key, answers[key], again)
    await_settled(house, set(answers) | {"resting"})
    assert run_json("verify", data=house.data)["problems"] == []
    assert send(house, "resting", ordType="limit", price="1000", qty="0.01")[1]["duplicate_of"] is not None


def send(house: House, key: str, **changes: object) -> tuple[int, dict[str, Any]]:
    return house.server.post(house.hook_path, house.alert(alertId=key, **({"qty": "0.0001"} | changes)))


def send_during(house: House, fault: Fault, *, refuses: bool) -> tuple[dict[str, tuple[int, dict[str, Any]]], int]:
    """Send while the fault begins, lasts and ends; what was answered, and what /health said meanwhile."""
    until = time.monotonic() + FAULT_S + 1.0
    answers: dict[str, tuple[int, dict[str, Any]]] = {}

    def keep_sending(sender: int) -> None:
        number = 0
        while time.monotonic() < until:
            key = f"{sender}-{number}"
            answers[key] = send(house, key)
            number += 1
            time.sleep(0.05)

    with ThreadPoolExecutor(SENDERS) as pool:
        sending = [pool.submit(keep_sending, sender) for sender in range(SENDERS)]
        time.sleep(0.3)
        with fault(house):
            time.sleep(FAULT_S)
            if refuses:
                # The others may have been stored before, and wait for results that cannot be stored now.
                answers["meanwhile"] = send(house, "meanwhile")
            health = house.server.get("/health")[0]
        for sender in sending:
            sender.result()
    return answers, health


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
    """Every alert has one order on each account at most, and an end; but the one that rests."""
    until = time.monotonic() + RECOVERY_S_MAX
    for key in sorted(keys - {"resting"}):
        while (answer := send(house, key)[1])["pending"]:
            assert time.monotonic() < until, answer
            time.sleep(0.1)
        assert len(answer["results"]) == 2, answer
        assert {result["status"] for result in answer["results"]} <= {"filled", "denied", "expired"}, answer
