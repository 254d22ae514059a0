"""The store fails under a running server: 503 only if nothing was stored, and all is well when the fault has ended."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import House
from tests.e2e.fault_drill import check_answers, send, send_during

FAULT_S = 1.5
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
    told: list[int] = []
    refusals = {}

    def meanwhile() -> None:
        time.sleep(FAULT_S)
        if refuses:
            # The others may have been stored before, and wait for results that cannot be stored now.
            refusals["meanwhile"] = send(house, "meanwhile")
        told.append(house.server.get("/health")[0])

    answers = send_during(house, fault(house), meanwhile) | refusals

    assert bool(check_answers(house, answers)) == refuses
    assert (told == [503]) == refuses
    assert send(house, "resting", ordType="limit", price="1000", qty="0.01")[1]["duplicate_of"] is not None
