# ruff: noqa: INP001 (a script, not a package)
"""Let many accounts live through random events, and check after each that the risk checks kept their promises.

Run it as ``.venv/bin/python bench/risk_properties.py [LIVES]``; 100,000 unless said otherwise.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.core.risk_sequences import Life, Step
from tests.core.test_risk_sequences import STEPS

LIVES: Final = 100_000
AT_ONCE: Final = 1_000


def main() -> None:
    """Print a line each thousand lives, and a table at the end."""
    lives = int(sys.argv[1]) if len(sys.argv) > 1 else LIVES
    counts: Counter[str] = Counter()
    started = time.perf_counter()  # noqa: TID251 - a measurement asks the machine
    for number in range(-(-lives // AT_ONCE)):
        live_through(number, min(AT_ONCE, lives - number * AT_ONCE), counts)
        passed_s = time.perf_counter() - started  # noqa: TID251
        sys.stdout.write(f"{counts['lives']:>9,} lives {passed_s:8.0f} s\n")
        sys.stdout.flush()
    for name in ("lives", "steps", "approved", "denied"):
        sys.stdout.write(f"{name:10} {counts[name]:>12,}\n")


def live_through(number: int, lives: int, counts: Counter[str]) -> None:
    """Let some accounts live; raises AssertionError with the shortest life that breaks a property."""

    @seed(number)
    @settings(
        max_examples=lives,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(STEPS)
    def run(steps: list[Step]) -> None:
        life = Life()
        life.run(steps)
        counts.update(life.counts)
        counts["lives"] += 1

    run()


if __name__ == "__main__":
    main()
