from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead.store.journal import StoredJournal
from fairlead.store.session import Store
from tests.servers.clean import clean_url


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "fairlead.sqlite3"


@pytest.fixture(name="kind")
def _kind(request: pytest.FixtureRequest) -> str:
    """SQLite, unless the test is for every database (tests.servers.clean)."""
    return getattr(request, "param", "sqlite")


@pytest.fixture(name="url")
def _url(path: Path, kind: str) -> str:
    return clean_url(kind, path.parent)


@pytest.fixture(name="deaths")
def _deaths() -> list[BaseException]:
    return []


@pytest.fixture(name="journal")
async def _journal(url: str, deaths: list[BaseException]) -> AsyncIterator[StoredJournal]:
    journal = await StoredJournal.open(url, on_death=deaths.append)
    yield journal
    await journal.close()


@pytest.fixture(name="store")
async def _store(url: str) -> AsyncIterator[Store]:
    store = Store(url)
    yield store
    await store.close()
