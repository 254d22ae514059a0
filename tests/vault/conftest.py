from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead.store.session import Store
from tests.vault.rows import open_store


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(name="store")
async def _store(folder: Path) -> AsyncIterator[Store]:
    store = open_store(folder)
    yield store
    await store.close()


@pytest.fixture(name="kind")
def _kind(request: pytest.FixtureRequest) -> str:
    """Which server a test of servers is for."""
    kind: str = request.param
    return kind
