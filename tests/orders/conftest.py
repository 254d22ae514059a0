from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.orders.trading_world import TradingWorld


@pytest.fixture(name="world")
async def _world(tmp_path: Path) -> AsyncIterator[TradingWorld]:
    """A process that was started with one account; in the end the journal and its tables must agree."""
    world = TradingWorld.make(tmp_path)
    await world.start()
    yield world
    await world.stop()
    assert world.problems() == ()
