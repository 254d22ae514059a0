from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from fairlead.cli.app import app

PASSWORD = "correct horse battery"

Run = Callable[..., Result]
# Every call builds the whole tree of commands, which takes longer than most of them.
_build = cache(get_command)


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("FAIRLEAD_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "data"
    monkeypatch.setenv("FAIRLEAD_DATA_DIR", str(folder))
    return folder


@pytest.fixture(name="run")
def _run(folder: Path) -> Run:
    """Run a command on the data folder of this test."""

    def run(*arguments: str, typed: str = "", code: int = 0) -> Result:
        with patch("typer.testing._get_command", _build):
            result = CliRunner().invoke(app, arguments, input=typed, catch_exceptions=False)
        assert result.exit_code == code, f"{result.exit_code}: {result.output}"
        return result

    return run


@pytest.fixture(name="ask")
def _ask(run: Run) -> Callable[..., Any]:
    """Run a command with --json and read its answer."""
    return lambda *arguments, typed="": json.loads(run(*arguments, "--json", typed=typed).stdout)


@pytest.fixture(name="home_of_alice", scope="session")
def _home_of_alice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one user; every test starts from a copy."""
    folder = tmp_path_factory.mktemp("alice") / "data"
    words = ["user", "add", "alice", "--password-stdin", "--data", str(folder)]
    ours = dict.fromkeys((name for name in os.environ if name.startswith("FAIRLEAD_")), None)
    added = CliRunner().invoke(app, words, input=PASSWORD, env=ours)
    assert added.exit_code == 0, added.output
    return folder


@pytest.fixture(name="alice")
def _alice(folder: Path, home_of_alice: Path) -> str:
    shutil.copytree(home_of_alice, folder, dirs_exist_ok=True)
    return "alice"
