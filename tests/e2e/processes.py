"""Real processes of the installed command, on free loopback ports, that can be killed and started again."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.e2e.births import Born, Streams

FAIRLEAD: Final = str(Path(sys.executable).parent / "fairlead")
START_S: Final = 30
# As JSON or as text; behind the address comes at least one more field.
LISTENING: Final = re.compile(r'\blistening\b.*\burl\W{1,4}(https?://[^\s",]+)[\s",].*\bdata\b')
ANSWER_S: Final = 20


def run(
    *arguments: str, data: Path, given: str = "", fails: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, with ``given`` on its standard input."""
    command = [FAIRLEAD, *arguments, "--data", str(data)]
    with tempfile.TemporaryDirectory() as folder:
        streams = Streams(*(Path(folder) / name for name in ("in", "out", "err")))
        streams.stdin.write_text(given)
        code = Born(command, streams, _environment(**environment)).wait(START_S)
        done = subprocess.CompletedProcess(command, code, streams.stdout.read_text(), streams.stderr.read_text())
    if not fails:
        assert done.returncode == 0, done.stderr
    return done


def run_json(*arguments: str, data: Path, **environment: str) -> Any:  # noqa: ANN401  # whatever the command prints
    """Run one command with ``--json`` and read what it prints."""
    return json.loads(run(*arguments, "--json", data=data, given="", fails=False, **environment).stdout)


class Server:
    """`fairlead serve` in a process of its own."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self._environment = {"FAIRLEAD_LOG_FORMAT": "json", "FAIRLEAD_LOG_LEVEL": "debug", **environment}
        self.log_path = data.parent / f"{data.name}.log"
        self.url = ""
        self._process: Born | subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start, and end in any case."""
        self.start()
        try:
            yield
        finally:
            if self._process is not None and self._process.poll() is None:
                self.stop()

    def start(self, *, is_fresh: bool = False) -> None:
        """Start and wait until it listens; ``is_fresh`` starts the installed command by its own name."""
        command = [FAIRLEAD, "serve", "--data", str(self.data), "--port", "0"]
        environment = _environment(**self._environment)
        with self.log_path.open("a") as log:
            seen = log.tell()
            if is_fresh:
                self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=environment)
            else:
                nothing = Path(os.devnull)
                self._process = Born(command, Streams(nothing, nothing, self.log_path), environment)
        until = time.monotonic() + START_S
        while self._process.poll() is None and time.monotonic() < until:
            lines = self.log_path.read_text()[seen:].splitlines()
            told = next(filter(None, map(LISTENING.search, lines)), None)
            if told is not None:
                self.url = told[1]
                return
            time.sleep(0.02)
        raise AssertionError(f"the server did not start:\n{self.log_path.read_text()[seen:]}")

    def stop(self) -> int:
        """End it as Ctrl-C would."""
        return self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a power cut would end the process."""
        self._end(signal.SIGKILL)

    def abort(self) -> int:
        """End it as a crash in a library would, with a core dump where the system makes one."""
        return self._end(signal.SIGABRT)

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(START_S)
        self._process = None
        return code

    def post(self, path: str, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
        """Send a body; dicts and lists go as JSON."""
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        return self._call("POST", path, raw, {"Content-Type": "application/json", **given})

    def get(self, path: str, *, token: str = "", user: tuple[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        """Ask something as a hook's sender or as a user."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if user is not None:
            headers = {"Authorization": "Basic " + base64.b64encode(":".join(user).encode()).decode()}
        return self._call("GET", path, None, headers)

    def scrape(self, token: str = "") -> str:
        """Read the metrics as Prometheus would."""
        address = urlsplit(self.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_S)
        try:
            connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})
            response = connection.getresponse()
            assert response.status == HTTPStatus.OK, response.read()
            return response.read().decode()
        finally:
            connection.close()

    def _call(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        address = urlsplit(self.url)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_S)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")
        finally:
            connection.close()


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
    return {**kept, **more}
