# ruff: noqa: INP001 (a script, not a package)
"""Let the whole product live through storms in virtual time, seed after seed, and count on the exchange's side.

Run as ``.venv/bin/python -m bench.simulation [--seeds N] [--first SEED] [--actions N]``. It goes on until all seeds are
done or one ends badly; of that one it prints every event and what was wrong, and ends with 1. Rates are per second of
processor time on one core, because nothing here ever waits.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Final

from tests.simulation.seeds import Outcome, run_seed
from tests.simulation.storm import ACTIONS

SEEDS: Final = 1_000
TOLD_EVERY: Final = 50


def run(first: int, seeds: int, actions: int) -> tuple[list[Outcome], float]:
    """Run seeds until one ends badly; returns what came of them and the processor time in seconds."""
    outcomes: list[Outcome] = []
    started = time.process_time()  # a measurement asks the machine
    for number in range(seeds):
        outcomes.append(run_seed(first + number, actions=actions))
        if outcomes[-1].problems:
            break
        if len(outcomes) % TOLD_EVERY == 0:
            sys.stderr.write(f"{len(outcomes):,} of {seeds:,} seeds\n")
            sys.stderr.flush()
    return outcomes, time.process_time() - started


def write_table(outcomes: list[Outcome], cpu_s: float) -> str:
    """The figures of a run."""
    hours = sum(one.account_hours for one in outcomes)
    rows = [
        ("seeds", f"{len(outcomes):,}"),
        ("seeds a second", f"{len(outcomes) / cpu_s:.2f}"),
        ("simulated account-hours", f"{hours:,.0f}"),
        ("simulated account-hours a second", f"{hours / cpu_s:.1f}"),
        ("alerts", f"{sum(one.alerts for one in outcomes):,}"),
        ("orders at the exchange", f"{sum(one.orders for one in outcomes):,}"),
        ("kills", f"{sum(one.kills for one in outcomes):,}"),
        ("seeds that ended badly", f"{sum(bool(one.problems) for one in outcomes):,}"),
    ]
    return "\n".join(["| What | Figure |", "|---|---|", *(f"| {name} | {figure} |" for name, figure in rows)])


def main() -> int:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--actions", type=int, default=ACTIONS)
    asked = parser.parse_args()
    outcomes, cpu_s = run(asked.first, asked.seeds, asked.actions)
    sys.stdout.write(f"{write_table(outcomes, cpu_s)}\n")
    if outcomes and outcomes[-1].problems:
        sys.stdout.write(f"\n{outcomes[-1].tell()}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
