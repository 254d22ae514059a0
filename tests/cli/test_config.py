from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner, Result

from fairlead.cli.app import app
from fairlead.settings import Settings, read_settings

TOKEN = "flh_" + "Zk9" * 14


def lines(answer: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {line["name"]: line for line in answer["lines"]}


def test_each_setting_says_where_it_came_from(
    folder: Path,
    ask: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder.mkdir()
    (folder / "fairlead.toml").write_text('port = 9000\nlog_level = "debug"\n', encoding="utf-8")
    monkeypatch.setenv("FAIRLEAD_LOG_LEVEL", "error")
    found = lines(ask("check-config"))

    assert (found["port"]["value"], found["port"]["origin"]) == ("9000", str(folder / "fairlead.toml"))
    assert (found["log_level"]["value"], found["log_level"]["origin"]) == ("error", "environment FAIRLEAD_LOG_LEVEL")
    assert found["host"]["origin"] == "default"
    assert read_settings({"port": 1}).lines[3].origin == "command line"


def test_a_password_in_a_url_is_blanked(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", "postgresql://me:s3cret@db.example/fairlead")
    output = run("check-config").output + run("check-config", "--json").output
    assert "postgresql://me:***@db.example/fairlead" in output
    assert "s3cret" not in output


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FAIRLEAD_HOST", TOKEN),
        ("FAIRLEAD_PORT", TOKEN),
        ("FAIRLEAD_LOG_LEVEL", TOKEN),
        ("FAIRLEAD_LOG_FILE", f"/var/log/{TOKEN}"),
        ("FAIRLEAD_VAULT_KEY_FILE", TOKEN.replace("flh_", "flv_")),
        ("FAIRLEAD_TRUSTED_PROXIES", f"10.0.0.0/8,{TOKEN}"),
        ("FAIRLEAD_PUBLIC_URL", f"https://ada:{TOKEN}@fairlead.example"),
        ("FAIRLEAD_PUBLIC_URL", f"https://{TOKEN[4:]}@fairlead.example"),
        ("FAIRLEAD_OTLP_URL", f"https://traces.example/v1?api_key={TOKEN[4:]}"),
        ("FAIRLEAD_TELEGRAM_URL", f"http://{TOKEN}.example"),
        ("FAIRLEAD_HOST", f"postgresql://ada:{TOKEN[4:]}@db.example/fairlead"),
    ],
)
def test_a_secret_in_a_setting_that_is_not_made_for_one_is_not_shown(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv(variable, value)
    for command in (("check-config",), ("check-config", "--json"), ("version",), ("user", "list")):
        said = CliRunner().invoke(app, command, catch_exceptions=False).output.lower()
        assert TOKEN[4:].lower() not in said, said


def test_what_only_sounds_like_a_secret_is_shown(
    tmp_path: Path, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = {"vault_key_file": str(tmp_path / "keys" / "vault.key"), "otlp_url": "https://auth.example:4318/v1/traces"}
    for name, value in shown.items():
        monkeypatch.setenv(f"FAIRLEAD_{name.upper()}", value)
    found = lines(ask("check-config"))
    assert {name: found[name]["value"] for name in shown} == shown


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("FAIRLEAD_PORT", "abc", "port: "),
        ("FAIRLEAD_PORT", "70000", "port: "),
        ("FAIRLEAD_HOST", "0.0.0.0", "FAIRLEAD_PUBLIC_LISTEN=true"),
        ("FAIRLEAD_HOST", "fairlead.example", "FAIRLEAD_PUBLIC_LISTEN=true"),
        ("FAIRLEAD_TRUSTED_PROXIES", "10.0.0.0/8,nonsense", "trusted_proxies: "),
        ("FAIRLEAD_LOG_LEVEL", "loud", "log_level: "),
        ("FAIRLEAD_METRICS_TOKEN", "short", "metrics_token: a token that others could guess"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_traced(
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    part: str,
) -> None:
    monkeypatch.setenv(variable, value)
    for command in (("check-config",), ("user", "list")):
        result = run(*command, code=2)
        assert part in result.stderr
        assert "Traceback" not in result.output


def test_an_unreadable_file_is_a_problem(folder: Path, run: Callable[..., Result]) -> None:
    folder.mkdir()
    (folder / "fairlead.toml").write_text("port = = 1", encoding="utf-8")
    assert "fairlead.toml cannot be read" in run("check-config", code=2).stderr


def test_an_unknown_name_in_the_file_is_a_problem(folder: Path, run: Callable[..., Result]) -> None:
    folder.mkdir()
    (folder / "fairlead.toml").write_text("prot = 1", encoding="utf-8")
    assert "prot: this is not a setting; did you mean port?" in run("check-config", code=2).stderr


@pytest.mark.parametrize(
    ("variable", "advice"),
    [
        ("FAIRLEAD_PROT", "did you mean FAIRLEAD_PORT?"),
        ("FAIRLEAD_ALLOWED_ADRESSES", "did you mean FAIRLEAD_ALLOWED_ADDRESSES?"),
        ("fairlead_datadir", "did you mean FAIRLEAD_DATA_DIR?"),
        ("FAIRLEAD_XYZ", "fairlead check-config shows all"),
    ],
)
def test_a_misspelt_variable_does_not_pass(
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    advice: str,
) -> None:
    monkeypatch.setenv(variable, "9000")
    said = f"{variable} is not a setting; {advice}"
    result = run("check-config", code=2)
    assert result.stdout.endswith(f"problems: {said}\n")
    assert result.stderr == f"fairlead: 1 to correct: {said}\n"
    assert json.loads(run("check-config", "--json", code=2).stdout)["warnings"] == [said]
    # It may be somebody else's, so nothing else stops for it.
    assert f"warning: {said}" in run("migrate").stderr


def test_a_public_address_needs_a_word(folder: Path) -> None:
    assert Settings(host="0.0.0.0", public_listen=True).host == "0.0.0.0"
    assert Settings(host="::1").base_url == "http://[::1]:8000"
    assert Settings(host="localhost", data_dir=folder).store_url == f"sqlite:///{folder / 'fairlead.sqlite3'}"


def test_migrate_brings_an_empty_folder_to_the_newest_layout(folder: Path, run: Callable[..., Result]) -> None:
    missing = json.loads(run("migrate", "--check", "--json", code=1).stdout)["missing"]
    assert missing
    assert not folder.exists()
    assert json.loads(run("migrate", "--json").stdout) == {"applied": missing}
    assert json.loads(run("migrate", "--check", "--json").stdout) == {"missing": []}


def test_another_database_is_refused_in_one_sentence(
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", "oracle://db.example/fairlead")
    assert "is not supported" in run("user", "list", code=2).stderr
    monkeypatch.setenv("FAIRLEAD_DATABASE_URL", "postgresql://ada:p@ss@127.0.0.1/fairlead")
    assert run("user", "list", code=2).stderr.endswith("write that of a password as %40\n")


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb", "mysql"])
@pytest.mark.parametrize("password", ["correct-horse", "p%40ss%2Fw%23rd", "p/ss#w!rd"])
def test_a_server_that_is_away_is_told_without_its_password(
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    password: str,
) -> None:
    with socket.socket() as taken:
        # Nobody listens on a port that is taken and not listened on.
        taken.bind(("127.0.0.1", 0))
        url = f"{scheme}://ada:{password}@127.0.0.1:{taken.getsockname()[1]}/fairlead"
        monkeypatch.setenv("FAIRLEAD_DATABASE_URL", url)
        commands = (("user", "list"), ("migrate",), ("verify",), ("serve",), ("user", "add", "bob", "--generate"))
        for command in commands:
            said = run(*command, code=1).output
            assert "the database fairlead at 127.0.0.1:" in said, command
            assert "cannot be used" in said, command
            assert {password, unquote(password)}.isdisjoint(said.split()), command
            assert password[2:] not in said, command
            assert unquote(password)[2:] not in said, command
    assert password not in run("check-config").stdout


def test_a_folder_that_cannot_be_made_is_refused_in_one_sentence(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file" / "data")
    assert "cannot be used" in run("user", "add", "bob", "--generate", "--data", folder, code=2).stderr
