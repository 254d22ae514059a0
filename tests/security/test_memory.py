"""When a process dies, its secrets do not go to disk with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import ctypes, os, resource, sys
from fairlead.cli import app as cli
PR_GET_DUMPABLE = 3
def tell(**_):
    print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(PR_GET_DUMPABLE), flush=True)
cli.app = tell
cli.run()
held = "plain-" + "secret-in-memory"
os.abort()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whether a process may be dumped")
def test_every_command_forbids_core_dumps_before_it_does_anything(tmp_path: Path) -> None:
    # The limit of whoever starts it is as generous as can be.
    shell = ["sh", "-c", 'ulimit -c unlimited 2>/dev/null; exec "$@"', "sh", sys.executable, "-c", PROGRAM]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "(0, 0) 0\n"
    assert done.returncode < 0
    assert not list(tmp_path.iterdir())
    assert "plain-secret" not in done.stderr
