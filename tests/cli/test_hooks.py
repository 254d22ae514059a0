from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from fairlead.accounts.tokens import hash_token


@pytest.fixture(name="hook")
def _hook(alice: str, ask: Callable[..., Any]) -> dict[str, Any]:
    hook: dict[str, Any] = ask("hook", "add", "tv", "--allow", "TradingView")
    return hook


def test_a_new_hook_shows_everything_needed_to_use_it(hook: dict[str, Any]) -> None:
    assert hook["url"] == f"http://127.0.0.1:8000/hooks/{hook['id']}"
    assert hook["curl"].startswith(f"curl -sS {hook['url']} ")
    assert (hook["target"], hook["mode"], hook["addresses"]) == ("default", "ack", ["tradingview"])
    message = json.loads(hook["tradingview_message"])
    assert (message["authToken"], message["strategyId"]) == (hook["token"], "tv")
    assert message["symbol"] == "{{ticker}}"


def test_a_token_is_shown_once_and_kept_as_a_digest(
    hook: dict[str, Any],
    folder: Path,
    ask: Callable[..., Any],
    run: Callable[..., Result],
) -> None:
    token = hook["token"]
    for command in (("hook", "list"), ("hook", "show", "tv"), ("hook", "list", "--json")):
        assert token not in run(*command).output
    shown = hash_token(token)[:4].hex()
    assert ask("hook", "show", "tv")["token"] == f"sha256:{shown}"
    stored = b"".join(path.read_bytes() for path in folder.iterdir())
    assert token.encode() not in stored
    assert hash_token(token) in stored


def test_a_rotation_shows_a_new_token(hook: dict[str, Any], ask: Callable[..., Any]) -> None:
    rotated = ask("hook", "rotate", "tv")
    assert rotated["token"] != hook["token"]
    assert rotated["previous_token_until"]


def test_a_revoked_hook_is_off_until_it_is_rotated(hook: dict[str, Any], ask: Callable[..., Any]) -> None:
    assert ask("hook", "revoke", "tv")["enabled"] is False
    assert ask("hook", "show", hook["id"])["enabled"] is False
    assert ask("hook", "rotate", "tv", "--overlap", "0")["enabled"] is True


def test_every_option_of_a_hook_is_kept(alice: str, ask: Callable[..., Any]) -> None:
    ask("account", "add", "paper-1")
    ask(
        *("hook", "add", "script", "--mode", "wait", "--target", "paper-1", "--profile", "strict"),
        *("--allow", "192.0.2.7", "--allow", "2001:db8::/32", "--rate", "60", "--max-age", "30"),
        *("--strict-fields", "--strict-status", "--cap"),
    )
    hook = ask("hook", "show", "script")
    assert (hook["mode"], hook["target"], hook["risk_profile"]) == ("wait", "paper-1", "strict")
    assert hook["addresses"] == ["192.0.2.7", "2001:db8::/32"]
    assert (hook["alerts_a_minute"], hook["oldest_alert_s"]) == (60, 30)
    assert (hook["strict_fields"], hook["strict_status"], hook["cap_to_available"]) == (True, True, True)


def test_what_a_hook_aims_at_must_exist(alice: str, run: Callable[..., Result]) -> None:
    assert "no group or account 'defualt'" in run("hook", "add", "x", "--target", "defualt", code=1).stderr
    assert "risk profile" in run("hook", "add", "x", "--profile", "none", code=1).stderr
    assert "192.0.2.0/24" in run("hook", "add", "x", "--allow", "everywhere", code=1).stderr


def test_a_group_that_a_hook_aims_at_stays(
    alice: str,
    ask: Callable[..., Any],
    run: Callable[..., Result],
) -> None:
    ask("group", "add", "some")
    ask("hook", "add", "x", "--target", "some")
    assert "hook 'x' aims at" in run("group", "remove", "some", code=1).stderr
    ask("hook", "revoke", "x")
    run("group", "remove", "some")


def test_a_hook_name_is_used_once(hook: dict[str, Any], run: Callable[..., Result]) -> None:
    assert "already" in run("hook", "add", "tv", code=1).stderr


@pytest.mark.parametrize("name", ["x/y z", "", " x", "x ", "-x", "x,y", "a\nb", "x?", "x'y", "../x", "x" * 65, "_"])
def test_a_name_that_would_need_quoting_is_refused(alice: str, run: Callable[..., Result], name: str) -> None:
    allowed = "letters, digits, spaces, dots, dashes and underscores"
    rule = f"must be 1 to 64 {allowed}, and begin and end with a letter or digit"
    for command, field in ((("hook",), "hook name"), (("account",), "account label"), (("group",), "group name")):
        result = run(*command, "add", "--", name, code=1)
        assert result.stderr == f"fairlead: {field} {name!r} {rule}\n"


@pytest.mark.parametrize("name", ["x", "BTC 5m v1.2_b-3", "Börse", "x" * 64])
def test_a_plain_name_is_kept(alice: str, ask: Callable[..., Any], name: str) -> None:
    assert ask("hook", "add", name)["name"] == name


def test_the_public_address_is_used_for_urls(
    alice: str,
    ask: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAIRLEAD_PUBLIC_URL", "https://trade.example.com/")
    assert ask("hook", "add", "tv")["url"].startswith("https://trade.example.com/hooks/")


def test_people_see_the_token_once_with_a_line_to_paste(alice: str, run: Callable[..., Result]) -> None:
    result = run("hook", "add", "tv")
    assert "Try it:\ncurl -sS" in result.stdout
    assert "Message of a TradingView alert:" in result.stdout
    assert "shown only now" in result.stderr


def test_an_address_is_judged_without_a_server(hook: dict[str, Any], run: Callable[..., Result]) -> None:
    let_in = json.loads(run("hook", "test", "tv", "--address", "52.89.214.238", "--json").stdout)
    assert let_in == {
        "address": "52.89.214.238",
        "installation_rule": "everyone",
        "hook_rule": "tradingview",
        "allowed": True,
    }
    assert "is not let in" in run("hook", "test", "tv", "--address", "192.0.2.7", code=1).stderr
    assert "192.0.2.7" in run("hook", "test", "tv", "--address", "home", code=2).stderr


def test_asking_a_server_needs_a_token_and_a_server(hook: dict[str, Any], run: Callable[..., Result]) -> None:
    assert "--token-stdin" in run("hook", "test", "tv", code=2).stderr
    nobody = ("hook", "test", "tv", "--token-stdin", "--url", "http://127.0.0.1:9")
    assert "is it running?" in run(*nobody, typed=hook["token"], code=1).stderr
