# ruff: noqa: INP001 (a script, not a package)
"""Send bodies that nobody should send to the alert decoder, and check what is promised about each.

Run it as ``.venv/bin/python -m bench.fuzz_alerts [--inputs 1000000] [--first-seed 0]``. A body is made from its seed,
so a seed repeats a finding. Findings end the run with 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from functools import partial
from random import Random  # noqa: TID251 - seeded, so that a finding can be repeated
from typing import Final, NamedTuple

from tests.fuzz.bodies import make_body
from tests.fuzz.judge import judge

CHUNK: Final = 5_000
FINDINGS_SHOWN_MAX: Final = 20
MEMORY_GROWTH_MB_MAX: Final = 64


class Part(NamedTuple):
    """What became of the bodies of some seeds; times are seconds of processor time, memory is in MB."""

    inputs: int
    alerts: int
    slowest_s: float
    slowest_seed: int
    memory_mb: float
    findings: list[tuple[int, str]]


def main() -> int:
    """Print progress, then the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--first-seed", type=int, default=0)
    given = parser.parse_args()
    last = given.first_seed + given.inputs
    starts = range(given.first_seed, last, CHUNK)
    begun = time.monotonic()  # noqa: TID251 - a measurement asks the machine
    parts = []
    context = multiprocessing.get_context("spawn")
    with context.Pool() as pool:
        for part in pool.imap_unordered(partial(run_chunk, last), starts):
            parts.append(part)
            tell_progress(sum(part.inputs for part in parts), given.inputs, time.monotonic() - begun)  # noqa: TID251
    return report(parts, time.monotonic() - begun)  # noqa: TID251


def run_chunk(last: int, first: int) -> Part:
    """Judge the bodies of one chunk of seeds, every other one by a hook that refuses unknown fields."""
    alerts, slowest_s, slowest_seed = 0, 0.0, first
    findings = []
    seeds = range(first, min(first + CHUNK, last))
    for seed in seeds:
        raw = make_body(Random(seed))  # noqa: S311 - repeatable on purpose
        begun = time.thread_time()
        try:
            alerts += type(judge(raw, strict_fields=bool(seed % 2))).__name__ == "Alert"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            findings.append((seed, f"{type(error).__name__}: {error}"[:500]))
        took = time.thread_time() - begun
        if took > slowest_s:
            slowest_s, slowest_seed = took, seed
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Part(len(seeds), alerts, slowest_s, slowest_seed, memory_mb, findings)


def tell_progress(done: int, inputs: int, took_s: float) -> None:
    """One line that is written over."""
    left_s = took_s / done * (inputs - done)
    sys.stderr.write(f"\r{done:,} of {inputs:,}, {done / took_s:,.0f}/s, {left_s:.0f} s left   ")
    sys.stderr.flush()


def report(parts: list[Part], took_s: float) -> int:
    """Print the table; 1 when there are findings or memory that grows."""
    inputs, alerts = sum(part.inputs for part in parts), sum(part.alerts for part in parts)
    findings = sorted(finding for part in parts for finding in part.findings)
    slowest = max(parts, key=lambda part: part.slowest_s)
    least, most = min(part.memory_mb for part in parts), max(part.memory_mb for part in parts)
    rows = {
        "inputs": f"{inputs:,}",
        "alerts": f"{alerts:,}",
        "refusals": f"{inputs - alerts - len(findings):,}",
        "findings": f"{len(findings):,}",
        "time": f"{took_s:,.1f} s ({inputs / took_s:,.0f}/s)",
        "slowest input": f"{1_000 * slowest.slowest_s:.1f} ms of processor time (seed {slowest.slowest_seed})",
        "memory of a worker": f"{least:.0f} to {most:.0f} MB",
    }
    sys.stderr.write("\n")
    for name, value in rows.items():
        sys.stdout.write(f"{name:20} {value}\n")
    for seed, text in findings[:FINDINGS_SHOWN_MAX]:
        sys.stdout.write(f"seed {seed}: {text}\n")
    return int(bool(findings) or most - least > MEMORY_GROWTH_MB_MAX)


if __name__ == "__main__":
    sys.exit(main())
