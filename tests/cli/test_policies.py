from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

DENY = 'schema = 1\n[[rules]]\nid = "none"\nthen = "deny"\nwhen = {field = "asset", eq = "BTC"}\n'
ALERT = {
    "authToken": "x",
    "exchange": "okx",
    "symbol": "BTC-USDT-SWAP",
    "type": "perps",
    "side": "buy",
    "qty": "3",
    "marginMode": "cross",
    "leverage": "2",
}


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_policy_is_added_shown_changed_and_removed(
    alice: str, ask: Callable[..., Any], run: Callable[..., Result], file: Callable[[str], str]
) -> None:
    added = ask("policy", "add", "careful", file(DENY))
    assert (added["version"], added["mode"], added["rules"]) == (1, "enforce", ["none"])
    assert run("policy", "show", "careful").stdout == DENY
    tighter = DENY + '[[rules]]\nid = "half"\nthen = {scale = 0.5}\n'
    assert ask("policy", "set", "careful", file(tighter))["version"] == 2
    assert "would loosen careful" in run("policy", "set", "careful", file(DENY), code=1).stderr
    assert ask("policy", "set", "careful", file(DENY), "--confirm-loosening")["version"] == 3
    assert "lets more pass" in run("policy", "remove", "careful", code=1).stderr
    ask("policy", "remove", "careful", "--confirm-loosening")
    assert ask("policy", "list") == []
    assert ask("policy", "add", "careful", file(DENY))["version"] == 5


def test_a_name_that_nobody_bears_is_refused(
    alice: str, run: Callable[..., Result], file: Callable[[str], str]
) -> None:
    run("account", "add", "paper-1")
    wrong = file('schema = 1\naccounts = ["paper1"]\n')
    assert "did you mean 'paper-1'?" in run("policy", "add", "careful", wrong, code=1).stderr
    assert "no hook" in run("policy", "add", "careful", file('schema = 1\nsources = ["x"]\n'), code=1).stderr
    assert "no policy" in run("policy", "show", "careful", code=1).stderr


def test_a_text_is_checked_without_a_database(
    folder: Path, run: Callable[..., Result], file: Callable[[str], str]
) -> None:
    wrong = run("policy", "check", file(DENY.replace("asset", "aset")), code=1).stderr
    assert "rules[0].when.field = 'aset': is no field; did you mean asset?" in wrong
    assert "none" in run("policy", "check", "-", typed=DENY).stdout
    assert not folder.exists()


@pytest.fixture(name="alert")
def _alert(alice: str, run: Callable[..., Result], tmp_path: Path) -> str:
    run("account", "add", "paper-1")
    run("hook", "add", "my-hook")
    path = tmp_path / "alert.json"
    path.write_text(json.dumps(ALERT), encoding="utf-8")
    return str(path)


def test_an_alert_is_tried_against_a_policy_that_is_not_stored(
    alert: str, ask: Callable[..., Any], run: Callable[..., Result], file: Callable[[str], str]
) -> None:
    (row,) = ask("policy", "test", alert, "--hook", "my-hook", "--policy", file(DENY))
    assert (row["account"], row["outcome"], row["reason_code"]) == ("paper-1", "denied", "policy_rejected")
    assert row["policies"] == ["policy mine v1 says deny: rule none (asset = BTC)"]
    text = run("policy", "test", alert, "--hook", "my-hook", "--policy", file(DENY)).stdout
    assert "paper-1 (paper): denied" in text


def test_what_is_tried_with_a_stored_policy_stores_nothing(
    alert: str, folder: Path, ask: Callable[..., Any], run: Callable[..., Result], file: Callable[[str], str]
) -> None:
    ask("policy", "add", "careful", file(DENY))
    before = (folder / "fairlead.sqlite3").read_bytes()
    (row,) = ask("policy", "test", alert, "--hook", "my-hook")
    assert row["policies"] == ["policy careful v1 says deny: rule none (asset = BTC)"]
    assert (folder / "fairlead.sqlite3").read_bytes() == before


def test_a_wrong_alert_is_said_to_be_refused(alert: str, run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "alert.json").write_text('{"exchange": "okx"}', encoding="utf-8")
    assert "would be refused" in run("policy", "test", alert, "--hook", "my-hook", code=1).stderr
    assert "--hook NAME" in run("policy", "test", alert, code=2).stderr
    assert "no alert 019abc" in run("policy", "test", "019abc", code=1).stderr
