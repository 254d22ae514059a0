# ruff: noqa: INP001 (a script, not a package)
"""Let the whole product live through storms in virtual time, seed after seed, and count on the exchange's side.

Run as ``.venv/bin/python -m bench.simulation [--seeds N] [--first SEED] [--actions N] [--bots]``. It goes on until all
seeds are done or one ends badly; of that one it prints every event and what was wrong, and ends with 1. Rates are per
second of processor time on one core, because nothing here ever waits.

``--soak HOURS`` lets one world of 200 accounts (``--accounts N``) trade for so many hours of ours instead, with a crash
every six hours of its own, and says what the process holds after each: memory, objects, tasks, descriptors.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from fairlead.clock import SystemClock
from tests.simulation.seeds import Outcome, run_seed
from tests.simulation.soak import Reading, soak
from tests.simulation.storm import ACTIONS
from tests.simulation.world import SMALL, WITH_BOTS, Shape

CLOCK: Final = SystemClock()
SEEDS: Final = 1_000
TOLD_EVERY: Final = 50
ACCOUNTS: Final = 200
# Thousands of years; time runs out first.
LIVES_MAX: Final = 10_000_000


def run(first: int, seeds: int, actions: int, shape: Shape) -> tuple[list[Outcome], float]:
    """Run seeds until one ends badly; returns what came of them and the processor time in seconds."""
    outcomes: list[Outcome] = []
    started = time.process_time()  # a measurement asks the machine
    for number in range(seeds):
        outcomes.append(run_seed(first + number, actions=actions, shape=shape))
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


def run_soak(hours: float, accounts: int, seed: int) -> int:
    """Soak for so many hours of real time; returns how many things were wrong."""
    started, until = time.process_time(), CLOCK.monotonic_s() + hours * 3_600  # a measurement asks the machine
    problems: list[str] = []
    sys.stdout.write("| virtual days | alerts | orders | account-hours/s | RSS MB | objects | tasks | descriptors |\n")
    sys.stdout.write("|---|---|---|---|---|---|---|---|\n")

    def tell(reading: Reading) -> bool:
        rate = reading.virtual_hours * accounts / (time.process_time() - started)
        cells = (
            f"{reading.virtual_hours / 24:.2f}",
            f"{reading.alerts:,}",
            f"{reading.orders:,}",
            f"{rate:,.0f}",
            f"{reading.rss_mb:.1f}",
            f"{reading.objects:,}",
            str(reading.tasks),
            str(reading.descriptors),
        )
        sys.stdout.write(f"| {' | '.join(cells)} |\n")
        sys.stdout.flush()
        problems.extend(reading.problems)
        return not problems and CLOCK.monotonic_s() < until

    with tempfile.TemporaryDirectory(prefix="fairlead-soak-") as folder:
        soak(seed, accounts, LIVES_MAX, Path(folder), tell)
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    return len(problems)


def main() -> int:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--actions", type=int, default=ACTIONS)
    parser.add_argument("--soak", type=float, default=0.0, help="hours of real time")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--bots", action="store_true", help="with three bots on the accounts")
    asked = parser.parse_args()
    if asked.soak:
        return min(1, run_soak(asked.soak, asked.accounts, asked.first))
    outcomes, cpu_s = run(asked.first, asked.seeds, asked.actions, WITH_BOTS if asked.bots else SMALL)
    sys.stdout.write(f"{write_table(outcomes, cpu_s)}\n")
    if outcomes and outcomes[-1].problems:
        sys.stdout.write(f"\n{outcomes[-1].tell()}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
