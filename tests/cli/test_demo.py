"""The demo as a newcomer runs it: a process of its own, over real HTTP."""

from __future__ import annotations

import base64
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fairlead.cli.hook_text import sample_alert
from fairlead.cli.http_call import get_json, post_json

pytestmark = pytest.mark.slow

PROGRAM = (sys.executable, "-m", "fairlead")
END_WAIT_S = 30

Start = Callable[..., subprocess.Popen[str]]


def run(folder: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command: Sequence[str] = (*PROGRAM, *arguments, "--data", str(folder))
    return subprocess.run(command, capture_output=True, text=True, timeout=END_WAIT_S, check=False, input=typed)


@pytest.fixture(name="start")
def _start(folder: Path) -> Iterator[Start]:
    """Start a command that runs until it is told to end."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = (*PROGRAM, *arguments, "--port", "0", "--data", str(folder))
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def read_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    value: dict[str, Any] = json.loads(process.stdout.readline())
    return value


def read_configuration(folder: Path) -> tuple[Any, ...]:
    """Who may sign in and which tokens are taken, and how often that was changed."""
    with closing(sqlite3.connect(folder / "fairlead.sqlite3")) as connection:
        users = connection.execute("SELECT username, password_hash FROM users").fetchall()
        hooks = connection.execute("SELECT hook_id, token_hash, previous_token_hash FROM hooks").fetchall()
        return users, hooks, connection.execute("SELECT version FROM config_version").fetchone()


def may_sign_in(ready: dict[str, Any], subject: str) -> bool:
    """Whether the owner that the demo told may read an explanation."""
    address = urlsplit(ready["url"])
    connection = HTTPConnection(address.hostname or "", address.port, timeout=END_WAIT_S)
    basic = base64.b64encode("{username}:{password}".format(**ready["owner"]).encode()).decode()
    connection.request("GET", f"/explain/{subject}", headers={"Authorization": f"Basic {basic}"})
    status = connection.getresponse().status
    connection.close()
    return status == HTTPStatus.OK


def test_once_ends_well_and_tells_all(folder: Path) -> None:
    done = run(folder, "demo", "--once", "--json", "--port", "0")

    assert done.returncode == 0, done.stderr
    ready, explanation = map(json.loads, done.stdout.splitlines())
    assert set(ready) == {"url", "hook_url", "hook_token", "owner", "accounts", "group", "data_dir", "pid"}
    assert set(ready["accounts"][0]) == {"id", "label", "kind", "position_mode"}
    assert ready["data_dir"] == str(folder)
    assert [part["status"] for part in explanation["accounts"]] == ["filled", "filled", "denied"]
    assert explanation["totals"] | {"accounts": 3, "successful": 2, "failed": 1, "pending": 0} == explanation["totals"]
    assert ready["hook_token"] not in json.dumps(explanation)


def test_a_used_folder_works_again_and_its_journal_is_whole(folder: Path) -> None:
    first = run(folder, "demo", "--once", "--json", "--port", "0")
    second = run(folder, "demo", "--once", "--port", "0")

    assert second.returncode == 0, second.stderr
    assert "demo-small (PAPER, paper okx, net mode): DENIED" in second.stdout
    assert run(folder, "verify").returncode == 0
    subject = json.loads(first.stdout.splitlines()[1])["subject"]
    assert run(folder, "explain", subject).returncode == 0


def test_it_serves_until_told_to_end(folder: Path, start: Start) -> None:
    process = start("demo", "--json")
    ready = read_line(process)
    assert ready["pid"] == process.pid

    again = post_json(ready["hook_url"], {**sample_alert(ready["hook_token"]), "alertId": "again"})
    assert (again.status_code, again.body["successful"], again.body["failed"]) == (200, 2, 1)
    assert run(folder, "explain", again.request_id).returncode == 0
    seen = get_json(f"{ready['hook_url']}/address", ready["hook_token"])
    assert (seen.body["address"], seen.body["allowed"]) == ("127.0.0.1", True)
    tested = run(folder, "hook", "test", "demo", "--token-stdin", "--url", ready["url"], typed=ready["hook_token"])
    assert tested.returncode == 0, tested.stderr

    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=END_WAIT_S)
    assert process.returncode == 0
    assert f"Its data is in {folder}" in errors.splitlines()[-1]
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", [("demo", "--once"), ("serve",)])
def test_a_folder_has_one_server_and_a_second_changes_nothing(
    folder: Path, start: Start, command: tuple[str, ...]
) -> None:
    first = start("demo", "--json")
    ready = read_line(first)
    configured = read_configuration(folder)

    second = run(folder, *command, "--port", "0")

    assert second.returncode == 1
    assert second.stderr == (
        f"fairlead: data folder {folder} is in use by process {first.pid}; "
        "stop it, or choose another folder with --data DIR\n"
    )
    assert read_configuration(folder) == configured
    again = post_json(ready["hook_url"], {**sample_alert(ready["hook_token"]), "alertId": "again"})
    assert (again.status_code, again.body["successful"]) == (200, 2)
    assert may_sign_in(ready, again.request_id)


def test_a_taken_port_is_one_sentence(folder: Path, tmp_path: Path, start: Start) -> None:
    port = read_line(start("demo", "--json"))["url"].rpartition(":")[2]
    second = run(tmp_path / "other", "demo", "--once", "--port", port)
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in second.stderr
    assert "Traceback" not in second.stderr


def test_serve_on_an_empty_folder_tells_the_first_steps(folder: Path, start: Start) -> None:
    process = start("serve")
    assert process.stderr is not None
    for line in process.stderr:
        if "listening" in line:
            break
    run(folder, "user", "add", "alice", "--generate")
    os.kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=END_WAIT_S)
    assert process.returncode == 0


def test_first_steps_are_told_before_anything_else(folder: Path, start: Start) -> None:
    process = start("serve")
    assert process.stderr is not None
    told = [process.stderr.readline() for _ in range(4)]
    assert told[0].startswith("Nobody can use this yet.")
    assert f"user add NAME --data {folder}" in told[1]
