"""Whatever happens and whenever we die: our books are the exchange's, and nothing was sent twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.orders.random_walk import RandomWalk

pytestmark = pytest.mark.slow

QUICK_SEEDS = 25
ALL_SEEDS = 200


async def _walk(seed: int, folder: Path) -> None:
    walk = RandomWalk(seed, folder)
    try:
        await walk.run()
    except BaseException as error:
        error.add_note("\n".join([f"seed {seed}", *walk.log]))
        raise
    await walk.world.stop()
    assert walk.world.problems() == ()


@pytest.mark.parametrize("seed", range(QUICK_SEEDS))
async def test_a_random_walk_ends_with_the_books_of_the_exchange(seed: int, tmp_path: Path) -> None:
    await _walk(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(QUICK_SEEDS, ALL_SEEDS))
async def test_a_long_series_of_random_walks_ends_the_same(seed: int, tmp_path: Path) -> None:
    await _walk(seed, tmp_path)
