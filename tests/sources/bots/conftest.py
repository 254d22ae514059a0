from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sources.bots.bot_world import BotWorld


@pytest.fixture(name="world")
async def _world(tmp_path: Path) -> AsyncIterator[BotWorld]:
    """A process that was started with one account; in the end the journal, its tables and its decisions must agree."""
    world = BotWorld.make(tmp_path)
    await world.start()
    yield world
    await world.stop()
    assert world.problems() == ()
    assert world.rederived().differences == ()
