"""A copy is taken beside a running server, holds no key, and takes over from the original."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import House
from tests.e2e.processes import Server, run, run_json

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

KEY = ("venue-key-4711", "venue+secret/0815", "a phrase of words")
ALERTS = 24


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


def test_a_copy_taken_under_load_takes_over_from_the_original(house: House, tmp_path: Path) -> None:
    run("account", "key", "set", "first", "--stdin", data=house.data, given="\n".join(KEY))
    target, restored = tmp_path / "copies" / "monday", tmp_path / "late"

    def send(number: int) -> dict[str, Any]:
        return house.server.post(house.hook_path, house.alert(alertId=f"n{number}", qty="0.0001"))[1]

    with ThreadPoolExecutor(4) as pool:
        early = [answer["requestId"] for answer in pool.map(send, range(ALERTS // 2))]
        sending = [pool.submit(send, number) for number in range(ALERTS // 2, ALERTS)]
        told = run_json("backup", str(target), data=house.data)
        assert all(future.result()["status"] == "done" for future in sending)
    # Set after the last look of any server.
    house.server.kill()
    run("kill", "account", "second", data=house.data)
    late = run_json("backup", str(restored), data=house.data)

    assert (told["problems"], told["folder"], late["kill_switches"]) == ([], str(target), True)
    assert set(modes(target)) == {"monday", "fairlead.sqlite3", "latches.json"}
    assert modes(target) == {"monday": 0o700, "fairlead.sqlite3": 0o600, "latches.json": 0o600}
    stored = b"".join(path.read_bytes() for path in target.iterdir())
    for part in KEY:
        assert part.encode() not in stored
    assert run_json("explain", early[-1], data=target)["totals"]["filled"]

    refused = run("serve", "--port", "0", data=restored, fails=True)
    assert f"the vault needs key {told['needs_keys'][0]} (3 sealed values)" in refused.stderr
    assert not (restored / "vault.key").exists()
    shutil.copy(house.data / "vault.key", restored)
    server = Server(restored)
    with server.running():
        again = server.post(house.hook_path, house.alert(alertId="n0", qty="0.0001"))[1]
        assert again["duplicate_of"] == early[0]
        new = server.post(house.hook_path, house.alert(alertId="after", qty="0.0001"))[1]
        assert {row["account"]: row["status"] for row in new["results"]} == {"first": "filled", "second": "denied"}
    assert run_json("vault", "check", data=restored) == {"values": 3, "problems": []}


def test_a_folder_that_is_there_is_not_touched(furnished: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    target = tmp_path / "monday"
    target.mkdir()
    refused = run("backup", str(target), data=furnished[0], fails=True)
    assert (refused.returncode, list(target.iterdir())) == (2, [])
    assert f"{target} is there already: name a new folder" in refused.stderr


def test_a_copy_of_what_is_damaged_is_kept_and_says_so(furnished: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(furnished[0], data)
    with closing(sqlite3.connect(data / "fairlead.sqlite3")) as connection:
        connection.execute("INSERT INTO heads VALUES ('account:x', 7)")
        connection.commit()
    damaged = run("backup", str(tmp_path / "copy"), "--json", data=data, fails=True)
    assert damaged.returncode == 1
    assert json.loads(damaged.stdout)["problems"] == ["heads account:x, field version: stored 7, rebuilt nothing"]
    assert "that is damaged" in damaged.stderr
    assert (tmp_path / "copy" / "fairlead.sqlite3").exists()


@pytest.mark.parametrize("damage", ["no database", "rubbish"])
def test_a_copy_that_cannot_be_made_leaves_nothing_behind(damage: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    if damage == "rubbish":
        (data / "fairlead.sqlite3").write_bytes(b"not a database" * 1_000)
    refused = run("backup", str(tmp_path / "copy"), data=data, fails=True)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert not list(tmp_path.glob("copy*"))
