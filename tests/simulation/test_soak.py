from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.soak import Reading, soak

ACCOUNTS = 200
LIVES = 7
# What the exchanges around Fairlead remember is full after this many lives.
WARM = 4
GROWTH_MAX = 1.04

pytestmark = pytest.mark.slow


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
    assert last.objects < warm.objects * GROWTH_MAX
    assert last.rss_mb < warm.rss_mb * GROWTH_MAX
