"""What starting a real database server on this machine takes: a free port, a user, a keeper."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

START_S_MAX = 30.0
POLL_S = 0.02
INSTALL_HINT = "run scripts/install-test-servers.sh, or install {packages} and keep the services off"

# Ends the server when the test run has ended in whatever way, so that a killed run leaves nothing behind.
_KEEPER = """
import os, signal, subprocess, sys
owner, pid_path, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen(command)
with open(pid_path, "w") as file:
    file.write(str(child.pid))
while True:
    try:
        sys.exit(child.wait(timeout=0.5) and 1)
    except subprocess.TimeoutExpired:
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            child.kill()
"""


def find_program(name: str, folders: Sequence[str], packages: str) -> str:
    """Where a program is; a test run without it fails."""
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    assert found, f"{name} is missing: {INSTALL_HINT.format(packages=packages)}"
    return found


def as_user(*names: str) -> list[str]:
    """What stands before a command that refuses to run as root; the first of the users that exists."""
    if os.geteuid() != 0:
        return []
    user = next(name for name in (*names, "nobody") if _has_user(name))
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups", "--"]


def give_folder(folder: Path, *names: str) -> None:
    """Make a folder that the server's user owns."""
    folder.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        user = next(name for name in (*names, "nobody") if _has_user(name))
        shutil.chown(folder, user)


def find_free_port() -> int:
    """A port on the loopback interface that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def run_quietly(command: Sequence[str], **environment: str) -> None:
    """Run a program; what it said is in the error when it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}, cwd="/"
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


class ServerProcess:
    """One server under its keeper. ``owner`` is the process whose end ends it."""

    def __init__(self, folder: Path, command: Sequence[str] = (), owner: int = 0) -> None:
        self._command = list(command)
        self._pid_path = folder / "keeper.pid"
        self._log_path = folder / "server.log"
        self._owner = owner

    @property
    def pid(self) -> int:
        return int(self._pid_path.read_text())

    def start(self) -> None:
        self._pid_path.unlink(missing_ok=True)
        arguments = [sys.executable, "-c", _KEEPER, str(self._owner), str(self._pid_path), *self._command]
        log = os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        quiet = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
        loud = [(os.POSIX_SPAWN_DUP2, log, number) for number in (1, 2)]
        # Not by subprocess, which would insist on waiting for it.
        os.posix_spawn(sys.executable, arguments, os.environ, file_actions=[*quiet, *loud], setsid=True)
        os.close(log)
        until = time.monotonic() + START_S_MAX
        while not self._pid_path.exists() or not self._pid_path.read_text():
            assert time.monotonic() < until, self.read_log()
            time.sleep(POLL_S)

    def end(self, number: signal.Signals) -> None:
        """Send a signal and wait until the server is gone."""
        send_signal(self.pid, number)
        self._await_end([self.pid])

    def end_at_once(self) -> None:
        """Kill the server with all its children, none of which gets to hear that the others are gone."""
        self.signal_all(signal.SIGSTOP)
        pids = self.signal_all(signal.SIGKILL)
        self._await_end(pids)

    def signal_all(self, number: signal.Signals) -> list[int]:
        """Send a signal to the server first and then to its children; their ids."""
        pids = [self.pid, *find_children(self.pid)]
        for pid in pids:
            send_signal(pid, number)
        return pids

    def _await_end(self, pids: Sequence[int]) -> None:
        until = time.monotonic() + START_S_MAX
        while any(map(is_alive, pids)):
            assert time.monotonic() < until, f"one of {pids} does not end"
            time.sleep(POLL_S)

    def read_log(self) -> str:
        return self._log_path.read_text(errors="replace")[-2_000:]


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal, unless the process has ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def find_children(pid: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        # Where there is no such file the signal was the answer; one that went meanwhile has ended.
        return not Path("/proc/self/stat").exists()
    return state.rpartition(")")[2].split()[0] != "Z"


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
