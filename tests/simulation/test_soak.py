from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.soak import Reading, soak

# The hour of `bench.simulation --soak 1` has 200; with fewer, what has a limit for each account reaches it sooner.
ACCOUNTS = 40
LIVES = 7
WARM = 3
# Whatever is left of every second order would be more; what comes and goes with the market is less.
LEFT_PER_ORDER_MAX = 0.5
# Besides what is kept on purpose, a limit for each account, there is what an allocator keeps.
GROWTH_MB_MAX = 5.0

# Fifteen seconds of a quiet core.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_days_of_trade_on_many_accounts_leave_nothing_behind(tmp_path: Path) -> None:
    readings: list[Reading] = []

    def tell(reading: Reading) -> bool:
        readings.append(reading)
        return True

    soak(1, ACCOUNTS, LIVES, tmp_path, tell)
    warm, last = readings[WARM - 1], readings[-1]
    assert [reading.problems for reading in readings] == [()] * LIVES
    assert last.orders > 2_000
    assert {reading.alive for reading in readings} == {0}
    assert len({reading.tasks for reading in readings}) == 1
    assert len({reading.descriptors for reading in readings}) == 1
    assert last.objects - warm.objects < (last.orders - warm.orders) * LEFT_PER_ORDER_MAX
    assert last.rss_mb - warm.rss_mb < GROWTH_MB_MAX
