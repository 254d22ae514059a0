from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.notify.servers import BotApi
from tests.notify.world import NotifyWorld


@pytest.fixture(name="world")
async def _world(tmp_path: Path) -> AsyncIterator[NotifyWorld]:
    async with NotifyWorld.running(tmp_path) as world:
        yield world


@pytest.fixture(name="api")
async def _api(world: NotifyWorld) -> AsyncIterator[BotApi]:
    """Telegram's Bot API, where the world's couriers look for it."""
    async with BotApi().running() as api:
        world.telegram_url = api.url
        yield api
