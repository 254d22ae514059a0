from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.testing import Result

PASSWORD = "correct horse battery"


def test_an_owner_gets_a_tenant_and_the_group_default(alice: str, ask: Callable[..., Any]) -> None:
    user = ask("user", "show", alice)
    assert (user["role"], user["tenant"], user["enabled"]) == ("owner", "alice", True)
    assert ask("group", "list") == [{"name": "default", "tenant": "alice", "accounts": []}]


def test_a_password_is_never_printed_unless_generated(run: Callable[..., Result], ask: Callable[..., Any]) -> None:
    assert PASSWORD not in run("user", "add", "bob", "--password-stdin", typed=PASSWORD).output
    carol = ask("user", "add", "carol", "--generate")
    assert len(carol["password"]) >= 20
    assert carol["password"] not in run("user", "list").output


def test_a_short_password_is_refused_and_nobody_is_added(run: Callable[..., Result], ask: Callable[..., Any]) -> None:
    result = run("user", "add", "bob", "--password-stdin", typed="short", code=1)
    assert "a password must have 12 to 256 characters" in result.stderr
    assert ask("user", "list") == []


def test_without_a_terminal_there_is_nobody_to_ask(run: Callable[..., Result]) -> None:
    assert "--password-stdin or --generate" in run("user", "add", "bob", code=2).stderr


def test_a_taken_username_is_refused(alice: str, run: Callable[..., Result]) -> None:
    assert "is taken" in run("user", "add", alice, "--generate", code=1).stderr


def test_an_awkward_username_is_refused(run: Callable[..., Result]) -> None:
    for name in ("Alice", "a b", "-x", "é", "x" * 33):
        assert "username" in run("user", "add", "--generate", "--", name, code=1).stderr


def test_a_viewer_joins_a_tenant(alice: str, run: Callable[..., Result], ask: Callable[..., Any]) -> None:
    assert "--tenant" in run("user", "add", "bob", "--role", "viewer", "--generate", code=1).stderr
    assert ask("user", "add", "bob", "--role", "viewer", "--tenant", alice, "--generate")["tenant"] == alice
    assert len(ask("group", "list")) == 1


def test_a_tenant_that_is_not_there_is_refused_with_the_nearest(alice: str, run: Callable[..., Result]) -> None:
    result = run("user", "add", "bob", "--role", "viewer", "--tenant", "alcie", "--generate", code=1)
    assert "did you mean 'alice'?" in result.stderr


def test_a_user_is_disabled_and_enabled_again(alice: str, ask: Callable[..., Any]) -> None:
    assert ask("user", "disable", alice)["enabled"] is False
    assert ask("user", "show", alice)["enabled"] is False
    assert ask("user", "enable", alice)["enabled"] is True


def test_a_user_lives_in_a_time_zone_and_may_move(
    alice: str, ask: Callable[..., Any], run: Callable[..., Result]
) -> None:
    assert ask("user", "show", alice)["time_zone"] == "UTC"
    assert ask("user", "zone", alice, "America/Sao_Paulo")["time_zone"] == "America/Sao_Paulo"
    bob = ask("user", "add", "bob", "--generate", "--time-zone", "Europe/Berlin")
    assert bob["time_zone"] == ask("user", "show", "bob")["time_zone"] == "Europe/Berlin"
    for arguments in (("zone", alice, "Mars"), ("add", "eve", "--generate", "--time-zone", "../etc")):
        assert "write for example Europe/Berlin" in run("user", *arguments, code=1).stderr
    assert ask("user", "show", alice)["time_zone"] == "America/Sao_Paulo"


def test_a_password_can_be_replaced(alice: str, ask: Callable[..., Any], run: Callable[..., Result]) -> None:
    assert ask("user", "password", alice, "--generate")["password"]
    assert "12 to 256" in run("user", "password", alice, "--password-stdin", typed="short", code=1).stderr


def test_an_unknown_user_is_named_with_the_nearest(alice: str, run: Callable[..., Result]) -> None:
    result = run("user", "show", "alise", code=1)
    assert result.stderr == "fairlead: there is no user 'alise'; did you mean 'alice'?\n"
    assert not result.stdout


def test_an_empty_list_tells_what_to_do(run: Callable[..., Result]) -> None:
    run("migrate")
    result = run("user", "list")
    assert not result.stdout
    assert "fairlead user add" in result.stderr
