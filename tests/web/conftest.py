from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sources.webhook.world import World
from tests.web.site import Site


@pytest.fixture(name="site")
async def _site(tmp_path: Path) -> AsyncIterator[Site]:
    world = World(tmp_path)
    await world.start()
    yield Site(world)
    await world.stop()
