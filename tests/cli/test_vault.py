"""The vault and the keys of accounts from the command line: nothing that was given is ever printed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import Result

Run = Callable[..., Result]
Ask = Callable[..., Any]

KEY: Final = "okx-key-4711"
SECRET: Final = "OKX+SECRET/0815"
PHRASE: Final = "a phrase of words"
TYPED: Final = f"{KEY}\n{SECRET}\n{PHRASE}\n"


@pytest.fixture(name="main")
def _main(alice: str, run: Run) -> str:
    run("account", "add", "main")
    return "main"


@pytest.fixture(name="keyed")
def _keyed(main: str, run: Run) -> str:
    run("account", "key", "set", "main", "--stdin", typed=TYPED)
    return main


def test_a_key_is_taken_in_and_never_shown(main: str, run: Run, ask: Ask, folder: Path) -> None:
    results = [
        run("account", "key", "set", "main", "--stdin", typed=TYPED),
        run("account", "key", "show", "main"),
        run("account", "show", "main"),
        run("vault", "status"),
        run("vault", "check"),
        run("vault", "rotate"),
        run("account", "key", "remove", "main"),
    ]
    printed = "".join(result.output for result in results)
    stored = b"".join(path.read_bytes() for path in folder.iterdir())
    for part in (KEY, SECRET, PHRASE):
        assert part not in printed
        assert part.encode() not in stored
    assert "permissions  read_only, trade" in results[1].output
    assert "has no venue key" in run("account", "key", "show", "main", code=1).stderr


def test_the_first_key_of_the_vault_is_told_once(main: str, run: Run, folder: Path) -> None:
    first = run("account", "key", "set", "main", "--stdin", typed=TYPED)
    assert f"A vault key was made: {folder / 'vault.key'}" in first.stderr
    assert "apart from the\nbackups" in first.stderr
    assert "vault key was made" not in run("account", "key", "set", "main", "--stdin", typed=TYPED).stderr
    assert (folder / "vault.key").stat().st_mode & 0o777 == 0o600


def test_a_key_comes_from_a_file_that_is_private(main: str, run: Run, ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "key.txt"
    path.write_text(TYPED)
    path.chmod(0o644)
    refused = run("account", "key", "set", "main", "--file", str(path), code=2)
    assert f"others may read {path}: run chmod 600 {path}" in refused.stderr
    path.chmod(0o600)
    shown = ask("account", "key", "set", "main", "--file", str(path), "--permission", "read_only")
    assert shown["permissions"] == ["read_only"]


@pytest.mark.parametrize("typed", ["", KEY, f"{KEY}\n{SECRET}\n", f"{TYPED}more\n"])
def test_half_a_key_is_refused_and_not_repeated(main: str, run: Run, typed: str) -> None:
    refused = run("account", "key", "set", "main", "--stdin", typed=typed, code=2)
    assert "give 3 lines, API key, secret, passphrase" in refused.stderr
    assert KEY not in refused.output


def test_a_key_that_may_withdraw_is_refused(main: str, run: Run, folder: Path) -> None:
    refused = run("account", "key", "set", "main", "--stdin", "--permission", "withdraw", typed=TYPED, code=1)
    assert "a key that may withdraw is not kept here" in refused.stderr
    assert not (folder / "vault.key").exists()


def test_status_and_rotation_tell_what_is_needed(keyed: str, run: Run, ask: Ask) -> None:
    (before,) = ask("vault", "status")
    assert (before["seals"], before["here"], before["sealed_values"]) == (True, True, 3)
    rotated = ask("vault", "rotate")
    assert rotated == {"key": rotated["key"], "new": True, "resealed": 3}
    assert [use["sealed_values"] for use in ask("vault", "status")] == [3, 0]
    assert "the one that seals" in run("vault", "forget", rotated["key"], code=1).stderr
    assert ask("vault", "forget", before["key"]) == {"forgotten": before["key"]}
    assert ask("vault", "check") == {"values": 3, "problems": []}


def test_a_first_key_can_be_made_ahead_and_only_once(alice: str, ask: Ask, run: Run) -> None:
    made = ask("vault", "init")
    assert [use["key"] for use in ask("vault", "status")] == [made["key"]]
    assert "already; fairlead vault rotate replaces it" in run("vault", "init", code=1).stderr


LOST = (
    ("vault", "init"),
    ("vault", "rotate"),
    ("account", "key", "set", "main", "--stdin"),
    ("notify", "add", "webhook", "desk", "--url", "https://example.org/in", "--generate"),
    ("serve", "--port", "0"),
)


@pytest.mark.parametrize("command", LOST, ids=" ".join)
def test_a_lost_key_is_named_and_none_is_made_in_its_place(
    command: tuple[str, ...], keyed: str, ask: Ask, run: Run, folder: Path
) -> None:
    (use,) = ask("vault", "status")
    (folder / "vault.key").unlink()
    refused = run(*command, typed=TYPED, code=1)
    wanted = "no key yet" if command == ("vault", "rotate") else f"needs key {use['key']} (3 sealed values)"
    assert wanted in refused.stderr
    assert not (folder / "vault.key").exists()
    assert "a key is missing" in run("vault", "status", code=1).stderr


@pytest.mark.parametrize("command", [*LOST, ("vault", "check"), ("vault", "status")], ids=" ".join)
def test_a_key_that_others_may_read_is_refused(command: tuple[str, ...], keyed: str, run: Run, folder: Path) -> None:
    (folder / "vault.key").chmod(0o640)
    refused = run(*command, typed=TYPED, code=1)
    assert f"(mode 0640): run chmod 600 {folder / 'vault.key'}" in refused.stderr


def test_the_environment_comes_before_a_file_and_a_file_before_a_credential(
    keyed: str, ask: Ask, run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (folder / "vault.key").read_text()
    (use,) = ask("vault", "status")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "fairlead-vault-key").write_text(text)
    (folder / "vault.key").rename(tmp_path / "elsewhere.key")

    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    status = run("vault", "status")
    assert "systemd credential fairlead-vault-key" in status.stderr
    assert ask("vault", "status") == [use]
    (credentials / "fairlead-vault-key").write_text("nonsense")
    assert "is not a vault key" in run("vault", "status", code=1).stderr

    monkeypatch.setenv("FAIRLEAD_VAULT_KEY_FILE", str(tmp_path / "elsewhere.key"))
    assert ask("vault", "check") == {"values": 3, "problems": []}

    key = next(line for line in text.splitlines() if line.startswith("flv_"))
    monkeypatch.setenv("FAIRLEAD_VAULT_KEY_FILE", str(tmp_path / "nowhere"))
    monkeypatch.setenv("FAIRLEAD_VAULT_KEY", key)
    assert "environment FAIRLEAD_VAULT_KEY" in run("vault", "status").stderr
    assert "newest key of environment FAIRLEAD_VAULT_KEY already" in run("vault", "rotate", code=1).stderr
    new = run("vault", "new-key").stdout.strip()
    monkeypatch.setenv("FAIRLEAD_VAULT_KEY", f"{new},{key}")
    assert ask("vault", "rotate")["resealed"] == 3
    shown = run("check-config").output + run("check-config", "--json").output
    assert "***" in shown
    for one in (key, new):
        assert one[4:] not in shown


def test_a_key_in_the_settings_file_is_refused(alice: str, run: Run, folder: Path) -> None:
    (folder / "fairlead.toml").write_text('vault_key = "flv_something"\n')
    refused = run("vault", "status", code=2)
    assert "vault_key: not in" in refused.stderr
    assert "flv_something" not in refused.output + run("check-config", code=2).output


@pytest.mark.slow
def test_a_crash_while_the_vault_is_open_shows_nothing(keyed: str, folder: Path) -> None:
    # The sealing itself breaks, with every part of the key in its hands.
    program = f"""
import sys
from fairlead.cli.app import run
from fairlead.vault import sealing
def fail(*_): raise RuntimeError("broken")
sealing._bind = fail
sys.argv = ["fairlead", "account", "key", "set", "main", "--stdin", "--data", {str(folder)!r}]
run()
"""
    done = subprocess.run([sys.executable, "-c", program], input=TYPED, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "RuntimeError: broken" in done.stderr
    for part in (KEY, SECRET, PHRASE):
        assert part not in json.dumps(done.stdout + done.stderr)
