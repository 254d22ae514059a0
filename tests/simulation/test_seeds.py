"""Whatever happens, whenever we die and whoever is next: one order for each wish, and our books are the exchange's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import NoReturn

import pytest

from tests.simulation.seeds import run_seed
from tests.simulation.world import WITH_BOTS

SEEDS = 300
SEEDS_EACH = 10
SEEDS_WITH_BOTS = 60
PRINT_DIGEST = "from tests.simulation.seeds import run_seed; print(run_seed(5).digest)"


@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(10, SEEDS, SEEDS_EACH))])
def test_a_world_of_any_seed_ends_well(first: int) -> None:
    for seed in range(first, first + SEEDS_EACH):
        outcome = run_seed(seed)
        assert not outcome.problems, outcome.tell()


@pytest.mark.parametrize(
    "first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(10, SEEDS_WITH_BOTS, SEEDS_EACH))]
)
def test_a_world_with_bots_of_any_seed_ends_well(first: int) -> None:
    for seed in range(first, first + SEEDS_EACH):
        outcome = run_seed(seed, shape=WITH_BOTS)
        assert not outcome.problems, outcome.tell()
        assert outcome.decisions > 0


def test_a_seed_repeats_its_whole_story() -> None:
    first, second = run_seed(5), run_seed(5)
    assert first.events == second.events
    assert first.digest == second.digest != run_seed(6).digest


def test_nothing_asks_the_machine_for_the_time_or_for_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the machine was asked")

    # But for `time.time`, by which SQLAlchemy notes the age of a connection and nothing else.
    for module, name in (
        (time, "time_ns"),
        (time, "monotonic"),
        (os, "urandom"),
        (uuid, "uuid4"),
        (socket, "socket"),
        (threading, "Thread"),
    ):
        monkeypatch.setattr(module, name, refuse)
    assert not run_seed(5).problems


@pytest.mark.slow
@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_repeats_its_story_in_another_process(hash_seed: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == run_seed(5).digest
