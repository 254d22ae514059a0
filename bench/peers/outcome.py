# ruff: noqa: INP001 (scripts that the interpreters of other engines run, not a package)
"""What every engine is given and what each must say; only the standard library and numpy, for it runs in all of them.

A script is run as ``SCRIPT FOLDER WORKLOAD CANDLES REPEATS [VARIANT]``; the folder has the columns as ``.npy``.
It prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from timeit import default_timer
from typing import Any, NamedTuple

import numpy as np

BEGAN_S = default_timer()
FEE = 0.001
BASE_SIZE = 100.0
SAFETY_SIZE = 100.0
SAFETY_ORDERS = 7
STEP, SCALE, GAIN = 0.01, 1.2, 0.01
CASH, ACTIVE_CASH = 10_000.0, 100_000.0
ACTIVE = "active"
ROUND_S = 0.3
WITHOUT_NUMBA = "without-numba"
ACTIVE_STEP, ACTIVE_SCALE, ACTIVE_GAIN = 0.0005, 1.8, 0.0003
FAST, SLOW = 50, 200
CROSS_SIZE, CROSS_FEE, CROSS_CASH = 0.01, 0.0005, 1_000_000.0


class Task(NamedTuple):
    """What to do."""

    workload: str
    candles: int
    repeats: int
    columns: dict[str, np.ndarray]


class Outcome(NamedTuple):
    """What came of it; a cycle is a take-profit that was filled."""

    fills: int
    cycles: int
    fees: float
    equity: float


def read_task() -> Task:
    """The task of the command line."""
    folder, workload, candles, repeats = sys.argv[1:5]
    count = int(candles)
    names = ("opened_ms", "open", "high", "low", "close")
    columns = {name: np.load(Path(folder) / f"{name}.npy")[:count] for name in names}
    return Task(workload, count, int(repeats), columns)


def variant() -> str:
    """What the command line says beyond the task."""
    return sys.argv[5] if len(sys.argv) > len(Task._fields) + 1 else ""


if variant() == WITHOUT_NUMBA:
    # What is None there cannot be imported.
    sys.modules["numba"] = None


def measure(
    engine: str,
    version: str,
    task: Task,
    run: Callable[[], Any],
    note: str = "",
    describe: Callable[[Any], Outcome] = lambda done: done,
) -> None:
    """Run it once to get ready, then in as many rounds as asked, and say what came of it; the median round counts.

    ``seconds`` are of the processor, so that what else a machine does matters little. An engine that is only run once
    is slow enough for its start not to matter. ``describe`` counts what a run left, outside of its time.
    """
    loaded_s = default_timer() - BEGAN_S
    began_s, busy_s = default_timer(), _busy_s()
    outcome = run()
    first_s, first_busy_s = default_timer() - began_s, _busy_s() - busy_s
    seconds = []
    for _ in range(task.repeats):
        busy_s, turns = _busy_s(), 0
        while _busy_s() - busy_s < ROUND_S:
            outcome = run()
            turns += 1
        seconds.append((_busy_s() - busy_s) / turns)
    told = {
        "engine": engine,
        "version": version,
        "workload": task.workload,
        "candles": task.candles,
        "seconds": sorted(seconds)[len(seconds) // 2] if seconds else first_busy_s,
        "start_s": loaded_s + (first_s if seconds else 0.0),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "note": note,
        **describe(outcome)._asdict(),
    }
    sys.stdout.write(json.dumps(told) + "\n")


def _busy_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def ladder_factors(workload: str = "W2") -> list[float]:
    """Where each safety order rests, as a factor of the base price; those of the very active bot are close together."""
    factors, away = [], 0.0
    step, scale = (ACTIVE_STEP, ACTIVE_SCALE) if workload == ACTIVE else (STEP, SCALE)
    for _ in range(SAFETY_ORDERS):
        away += step
        factors.append(1.0 - away)
        step *= scale
    return factors


def cash_of(workload: str) -> float:
    """What the account begins with."""
    if workload == "W1":
        return CROSS_CASH
    return ACTIVE_CASH if workload == ACTIVE else CASH


def gain_factor(workload: str) -> float:
    """Where the take-profit rests, as a factor of the average entry."""
    return 1.0 + (ACTIVE_GAIN if workload == ACTIVE else GAIN)


def to_tick(price: float) -> float:
    """Nearest cent, half up."""
    return int(price * 100 + 0.5) / 100


def to_lots(size: float, price: float) -> int:
    """Whole millionths that a size buys."""
    return int(size / price * 1e6)
