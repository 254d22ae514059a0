"""Ctrl-C at the worst moments: while modules load, and while the database is open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.slow

END_WAIT_S: Final = 30
# Presses Ctrl-C at the moment in which a module is first asked for.
PROGRAM: Final = """
import os, signal, sys

class Press:
    def find_spec(self, name, path, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

module = sys.argv.pop(1)
sys.meta_path.insert(0, Press())
from fairlead.cli import main
main()
"""


DEMO: Final = ("demo", "--port", "0")
SERVE: Final = ("serve", "--port", "0")
ADD: Final = ("user", "add", "bob", "--generate")


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("typer", DEMO),
        ("fairlead.wiring", DEMO),
        ("alembic", DEMO),
        ("argon2", DEMO),
        ("fairlead.wiring", SERVE),
        ("fairlead.store.session", SERVE),
        ("alembic", ADD),
        ("fairlead.store.session", ADD),
    ],
)
def test_ctrl_c_before_the_end_is_quiet(tmp_path: Path, module: str, command: tuple[str, ...]) -> None:
    program = (sys.executable, "-c", PROGRAM, module, *command, "--data", str(tmp_path / "data"))
    done = subprocess.run(program, capture_output=True, text=True, timeout=END_WAIT_S, check=False)
    assert done.returncode == 130
    assert not [line for line in done.stderr.splitlines() if line.startswith(("Traceback", "Exception", "Aborted"))]
