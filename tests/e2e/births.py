"""Bears processes of the command from one that has imported everything: a start costs what it does, not its imports.

Each is a process of its own, with its own arguments, environment, working directory and standard streams, and it runs
the function that the installed command runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

# Fork servers share what is theirs among all who ask for this context.
_CONTEXT: Final = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["fairlead.cli.app", "fairlead.wiring", "fairlead.store.databases.opening"])


class Streams(NamedTuple):
    """Files that stand for the standard streams; what is there already is kept."""

    stdin: Path
    stdout: Path
    stderr: Path


class Born:
    """A process that was borne, as far as ``subprocess.Popen`` would tell of it."""

    def __init__(self, command: list[str], streams: Streams, environment: Mapping[str, str]) -> None:
        work = str(Path.cwd())
        self._process = _CONTEXT.Process(target=live, args=(command, streams, dict(environment), work), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it lives."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Wait for the end, and kill what does not end.

        Raises:
            TimeoutError: it did not end.
        """
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            self._process.join()
            raise TimeoutError(f"process {self.pid} did not end within {timeout} s")
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def live(command: list[str], streams: Streams, environment: dict[str, str], work: str) -> None:
    """Be the command; called in the new process."""
    os.chdir(work)
    os.environ.clear()
    os.environ.update(environment)
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_APPEND | os.O_CREAT, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number, (path, how) in enumerate(zip(streams, flags, strict=True)):
        opened = os.open(path, how, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.argv = command
    (script,) = entry_points(group="console_scripts", name="fairlead")
    sys.exit(script.load()())
