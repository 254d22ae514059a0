from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.processes import Server, run, run_json

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class House:
    """A data folder with an owner, two paper accounts and a hook that waits; its server runs."""

    server: Server
    data: Path
    token: str
    hook_path: str

    def alert(self, **changes: object) -> dict[str, object]:
        alert: dict[str, object] = {
            "authToken": self.token,
            "exchange": "okx",
            "symbol": "BTC-USDT",
            "type": "spot",
            "side": "buy",
            "qty": "1%",
        }
        return {**alert, **changes}


@pytest.fixture(name="furnished", scope="session")
def _furnished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A data folder with content, and its hook; every test starts from a copy."""
    data = tmp_path_factory.mktemp("furnished") / "data"
    run("user", "add", "olive", "--password-stdin", data=data, given=PASSWORD)
    run("account", "add", "first", data=data)
    run("account", "add", "second", "--position-mode", "long_short", data=data)
    return data, run_json("hook", "add", "tv", "--mode", "wait", data=data)


@pytest.fixture(name="house")
def _house(tmp_path: Path, furnished: tuple[Path, dict[str, str]]) -> Iterator[House]:
    source, hook = furnished
    data = tmp_path / "data"
    shutil.copytree(source, data)
    server = Server(data)
    with server.running():
        yield House(server=server, data=data, token=hook["token"], hook_path=f"/hooks/{hook['id']}")
