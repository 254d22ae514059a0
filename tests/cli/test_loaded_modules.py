"""A command loads what it uses: a heavy library that comes back by way of an import costs every start its time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

MIGRATING = {"alembic", "mako"}
# Each is for one kind of channel, question, database or setting, and nobody here has one.
UNUSED = {
    "aiohttp",
    "aiosmtplib",
    "asyncmy",
    "ccxt",
    "numba",
    "numpy",
    "opentelemetry",
    "optuna",
    "polars",
    "prometheus_client",
    "psycopg",
    "pymysql",
    "sqlalchemy.dialects.mysql",
    "telegram",
}
# What others would do for us, and we do ourselves with less.
REPLACED = {"fastapi", "pydantic_settings"}
SERVING = {"argon2", "cryptography", "starlette", "uvicorn"}

COMMAND = """
import json, sys
from fairlead.cli import main
try:
    main()
finally:
    sys.stderr.write("\\n" + json.dumps(sorted(sys.modules)))
"""
SERVE = """
import asyncio, json, sys
from pathlib import Path
from fairlead.cli.app import app
from fairlead.cli.records import prepare_database, take_folder
from fairlead.settings import Settings
from fairlead import wiring

async def start(settings, lock):
    async with wiring.running(settings, lock):
        sys.stderr.write("\\n" + json.dumps(sorted(sys.modules)))

settings = Settings(data_dir=Path(sys.argv[1]), port=0)
with take_folder(settings) as lock:
    prepare_database(settings, lock)
    asyncio.run(start(settings, lock))
"""


def loaded_by(script: str, *arguments: str) -> set[str]:
    """Names of all modules that a new process has when it is done."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=50, check=False
    )
    told = next((line for line in done.stderr.splitlines() if line.startswith("[")), "")
    assert told, done.stderr
    return set(json.loads(told))


@pytest.mark.slow
def test_a_start_with_nothing_to_migrate_loads_only_what_serves(
    folder: Path, alice: str, run: Callable[..., Result]
) -> None:
    run("account", "add", "paper-1")
    loaded = loaded_by(SERVE, str(folder))
    assert {"fairlead.web.server", "fairlead.simulator.exchange", *SERVING} <= loaded
    assert not loaded & (MIGRATING | UNUSED | REPLACED)


@pytest.mark.slow
def test_a_start_with_something_to_migrate_loads_what_does_it(folder: Path) -> None:
    assert loaded_by(SERVE, str(folder)) >= MIGRATING


@pytest.mark.slow
def test_a_list_loads_no_server(folder: Path, alice: str) -> None:
    loaded = loaded_by(COMMAND, "hook", "list")
    assert "sqlalchemy" in loaded
    assert not loaded & (MIGRATING | UNUSED | REPLACED | {"starlette", "uvicorn", "fairlead.wiring"})


@pytest.mark.slow
def test_an_explanation_migrates_nothing(folder: Path, alice: str) -> None:
    loaded = loaded_by(COMMAND, "explain", "nothing")
    assert "fairlead.reporting.gather" in loaded
    assert not loaded & (MIGRATING | UNUSED | REPLACED)


@pytest.mark.slow
def test_help_loads_neither_settings_nor_a_database() -> None:
    loaded = loaded_by(COMMAND, "--help")
    assert "typer" in loaded
    assert not loaded & {
        "alembic",
        "numpy",
        "polars",
        "pydantic",
        "rich",
        "sqlalchemy",
        "starlette",
        "structlog",
        "fairlead.settings",
    }
