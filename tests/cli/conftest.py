from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from fairlead.cli.app import app

PASSWORD = "correct horse battery"

Run = Callable[..., Result]


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
        result = CliRunner().invoke(app, arguments, input=typed, catch_exceptions=False)
        assert result.exit_code == code, f"{result.exit_code}: {result.output}"
        return result

    return run


@pytest.fixture(name="ask")
def _ask(run: Run) -> Callable[..., Any]:
    """Run a command with --json and read its answer."""
    return lambda *arguments, typed="": json.loads(run(*arguments, "--json", typed=typed).stdout)


@pytest.fixture(name="alice")
def _alice(run: Run) -> str:
    run("user", "add", "alice", "--password-stdin", typed=PASSWORD)
    return "alice"
