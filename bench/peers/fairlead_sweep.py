# ruff: noqa: INP001 (run as the other engines are)
"""A thousand combinations of the martingale through the sweep of the product, on all cores."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from decimal import Decimal
from pathlib import Path
from timeit import default_timer

import outcome
from fairlead_peer import SYMBOL, make_instrument, make_series, make_spec

from fairlead.backtest.engine_run import EngineRun
from fairlead.backtest.sweeps.ranking import Objective
from fairlead.backtest.sweeps.search import Plan
from fairlead.backtest.sweeps.space import Axis, Space
from fairlead.backtest.sweeps.sweep import Scene, run_sweep

LOOK_S = 0.1


def axis(name: str, low: str, high: str, count: int) -> Axis:
    """So many values, evenly from one to the other."""
    step = (Decimal(high) - Decimal(low)) / (count - 1)
    return Axis(name, tuple(str((Decimal(low) + number * step).quantize(Decimal("0.0001"))) for number in range(count)))


SPACE = Space(
    (
        axis("step", "0.6", "2", 5),
        axis("step_scale", "1", "1.4", 5),
        axis("volume_scale", "1.1", "1.8", 4),
        axis("take_profit", "0.6", "2", 10),
    )
)


class MemoryWatch(threading.Thread):
    """Adds up what this process and its children have for themselves, and remembers the most."""

    def __init__(self) -> None:
        """Begin to look."""
        super().__init__(daemon=True)
        self.most_mib = 0.0
        self.ended = threading.Event()
        self.start()

    def run(self) -> None:
        """Look until told to end."""
        while not self.ended.wait(LOOK_S):
            self.most_mib = max(self.most_mib, sum(map(_mib_of, [os.getpid(), *_children(os.getpid())])))


def _children(process: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{process}/task").iterdir()
        found = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return [*found, *(one for child in found for one in _children(child))]


def _mib_of(process: int) -> float:
    """Memory, each page that several share counted in equal parts."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)


def main() -> None:
    """Run it once; a sweep keeps its rows, so a second one would only read them."""
    task = outcome.read_task()
    watch = MemoryWatch()
    market = {SYMBOL: make_series(task)}
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(
            spec=make_spec("W2", outcome.variant()),
            market=market,
            instruments={SYMBOL: make_instrument()},
            run=EngineRun(),
            folder=Path(folder),
        )
        began_s = default_timer()
        found = run_sweep(scene, Plan(space=SPACE, objective=Objective("gain")))
        took_s = default_timer() - began_s
    watch.ended.set()
    rows = [*found.rows, *found.beyond]
    told = {
        "combinations": len(rows),
        "faults": len(found.faults),
        "seconds": took_s,
        "memory_mib": watch.most_mib,
        "fills": sum(row.figures.fills for row in rows if row.figures is not None),
        "fault": found.faults[0].fault if found.faults else "",
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
