"""The demo as a newcomer and as a script runs it."""

from __future__ import annotations

import json
import signal
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.processes import FAIRLEAD


def test_the_demo_once_ends_well_and_explains_every_account(tmp_path: Path) -> None:
    command = [FAIRLEAD, "demo", "--once", "--port", "0", "--data", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("FILLED") == 2
    assert "DENIED" in done.stdout
    assert "is above the limit" in done.stdout
    assert "Traceback" not in done.stderr


def test_the_demos_first_line_tells_a_script_all_it_needs(tmp_path: Path) -> None:
    command = [FAIRLEAD, "demo", "--json", "--port", "0", "--data", str(tmp_path / "demo")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert set(ready) == {"url", "hook_url", "hook_token", "owner", "accounts", "group", "data_dir", "pid"}
        assert ready["pid"] == process.pid
        assert set(ready["owner"]) == {"username", "password"}
        modes = [account["position_mode"] for account in ready["accounts"]]
        assert modes == ["net", "long_short", "net"]
        assert all(set(account) == {"id", "label", "kind", "position_mode"} for account in ready["accounts"])
        alert = {
            "authToken": ready["hook_token"],
            "exchange": "okx",
            "symbol": "ETH-USDT",
            "type": "spot",
            "side": "buy",
            "qty": "5%",
            "accounts": [ready["accounts"][0]["label"]],
        }
        address = urlsplit(ready["hook_url"])
        connection = HTTPConnection(address.hostname or "", address.port, timeout=10)
        connection.request("POST", address.path, json.dumps(alert), {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        assert (answer["status"], len(answer["results"])) == ("done", 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_the_demo_goes_on_in_its_folder(tmp_path: Path) -> None:
    command = [FAIRLEAD, "demo", "--once", "--port", "0", "--data", str(tmp_path / "demo")]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
