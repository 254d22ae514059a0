"""The same life on a database server: commands, a server, a kill, and the next start."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import FAIRLEAD, Server, run, run_json
from tests.servers.clean import DATABASES, clean_url, empty_url
from tests.servers.shared import KINDS

PASSWORD = "correct horse battery staple"


@pytest.fixture(name="data")
def _data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    return data


def use_database(data: Path, url: str) -> None:
    settings = data / "fairlead.toml"
    # It holds the password of the database.
    settings.touch(mode=0o600)
    settings.write_text(f"database_url = {url!r}\n")


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_life_on_a_database_server(kind: str, data: Path) -> None:
    use_database(data, clean_url(kind, data))
    run("user", "add", "olive", "--password-stdin", data=data, given=PASSWORD)
    run("account", "add", "first", data=data)
    hook = run_json("hook", "add", "tv", "--mode", "wait", data=data)
    alert = {"authToken": hook["token"], "exchange": "okx", "symbol": "BTC-USDT", "type": "spot", "side": "buy"}
    alert |= {"qty": "1%", "alertId": "only-once"}
    path = f"/hooks/{hook['id']}"
    server = Server(data)
    server.start()
    _, first = server.post(path, alert)
    assert (first["status"], first["successful"]) == ("done", 1), first
    refused = run("serve", "--port", "0", data=data, fails=True)
    assert refused.returncode == 1
    assert "is in use by process" in refused.stderr
    server.kill()

    with server.running():
        _, again = server.post(path, alert)
        assert again["duplicate_of"] == first["requestId"]
        run("account", "add", "second", data=data)
        answer = send_until_two_accounts_trade(server, path, alert)
        explained = run_json("explain", answer["requestId"], data=data)
        assert {account["label"] for account in explained["accounts"]} == {"first", "second"}
        assert server.get("/health")[0] == 200
        assert run_json("verify", data=data)["problems"] == []
    assert run_json("verify", data=data)["problems"] == []
    log = server.log_path.read_text()
    assert "p%40ss" not in log
    assert "p@ss" not in log
    assert "Traceback" not in log


def send_until_two_accounts_trade(server: Server, path: str, alert: dict[str, str]) -> dict[str, Any]:
    """A running server hears of a new account within seconds; each of these alerts is a new one."""
    answers = (server.post(path, alert | {"alertId": f"with-two-{number}"})[1] for number in range(100))
    return next(answer for answer in answers if answer["successful"] == 2)


@pytest.mark.parametrize("kind", DATABASES)
def test_a_second_server_on_the_same_database_ends_and_says_what_to_do(kind: str, data: Path, tmp_path: Path) -> None:
    url = clean_url(kind, data)
    other = tmp_path / "other"
    other.mkdir()
    for folder in (data, other):
        use_database(folder, url)
    server = Server(data)
    with server.running():
        owner = f"process {server.pid};" if kind == "sqlite" else "session "
        refused = run("serve", "--port", "0", data=other, fails=True)
        assert (refused.returncode, refused.stdout) == (1, "")
        told = refused.stderr.splitlines()[-1]
        assert told.startswith("fairlead: ")
        assert " is in use by " in told
        assert owner in told
        assert "stop it, or " in told
        assert "p%40ss" not in refused.stderr
        assert "Traceback" not in refused.stderr
        assert server.get("/health")[0] == 200


@pytest.mark.parametrize("kind", KINDS)
def test_the_demo_runs_on_a_database_server(kind: str, data: Path) -> None:
    use_database(data, empty_url(kind, data))
    command = [FAIRLEAD, "demo", "--once", "--port", "0", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("FILLED") == 2
