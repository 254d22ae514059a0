from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.testing import Result


def test_a_new_account_is_paper_and_in_the_group_default(alice: str, ask: Callable[..., Any]) -> None:
    account = ask("account", "add", "paper-1")
    assert (account["kind"], account["mode"], account["position_mode"]) == ("paper", "paper", "net")
    assert account["risk_profile"] == "paper"
    assert account["opening_balances"] == {"USDT": "10000"}
    assert ask("group", "show", "default")["accounts"] == ["paper-1"]


def test_an_account_takes_every_option(alice: str, ask: Callable[..., Any]) -> None:
    ask("group", "add", "careful")
    account = ask(
        *("account", "add", "hedge", "--position-mode", "long_short", "--profile", "strict"),
        *("--balance", "USDT=500", "--balance", "btc=0.10", "--group", "careful"),
    )
    assert (account["position_mode"], account["risk_profile"]) == ("long_short", "strict")
    assert account["opening_balances"] == {"USDT": "500", "BTC": "0.1"}
    assert ask("group", "show", "careful")["accounts"] == ["hedge"]


def test_an_account_is_found_by_label_and_by_id(alice: str, ask: Callable[..., Any]) -> None:
    added = ask("account", "add", "paper-1")
    assert ask("account", "show", "paper-1") == ask("account", "show", added["id"]) == added


def test_a_label_means_one_thing(alice: str, run: Callable[..., Result]) -> None:
    run("account", "add", "paper-1")
    assert "already" in run("account", "add", "paper-1", code=1).stderr
    assert "name of a group" in run("account", "add", "default", code=1).stderr
    assert "label of an account" in run("group", "add", "paper-1", code=1).stderr


def test_a_wrong_name_is_refused_with_what_there_is(alice: str, run: Callable[..., Result]) -> None:
    assert "did you mean 'strict'?" in run("account", "add", "x", "--profile", "strct", code=1).stderr
    assert "there are ccxt, okx, paper" in run("account", "add", "x", "--kind", "bank", code=1).stderr
    assert "no exchange 'mtgox'" in run("account", "add", "x", "--exchange", "mtgox", code=1).stderr
    assert "no group" in run("account", "add", "x", "--group", "none", code=1).stderr
    assert "platform" not in run("account", "add", "x", "--profile", "platform", code=1).stderr.partition(";")[2]


def test_a_balance_is_an_exact_amount(alice: str, run: Callable[..., Result]) -> None:
    for text in ("USDT", "USDT=", "USDT=NaN", "USDT=1e99", "USDT=-1", "=5", "USDT=1_000"):
        assert "USDT=10000" in run("account", "add", "x", "--balance", text, code=2).stderr


def test_an_account_is_disabled_and_enabled_again(alice: str, ask: Callable[..., Any]) -> None:
    ask("account", "add", "paper-1")
    assert ask("account", "disable", "paper-1")["enabled"] is False
    assert ask("account", "enable", "paper-1")["enabled"] is True


def test_with_several_tenants_one_must_be_named(
    alice: str,
    ask: Callable[..., Any],
    run: Callable[..., Result],
) -> None:
    ask("user", "add", "bob", "--generate")
    assert "several tenants (alice, bob)" in run("account", "add", "x", code=1).stderr
    ask("account", "add", "x", "--user", "alice")
    ask("account", "add", "x", "--user", "bob")
    assert [one["tenant"] for one in ask("account", "list")] == ["alice", "bob"]
    assert [one["tenant"] for one in ask("account", "list", "--user", "bob")] == ["bob"]


def test_without_a_user_nothing_can_be_added(run: Callable[..., Result]) -> None:
    assert "fairlead user add" in run("account", "add", "x", code=1).stderr


def test_a_new_account_has_no_balances_until_a_server_opens_it(alice: str, run: Callable[..., Result]) -> None:
    run("account", "add", "paper-1")
    assert "fairlead serve" in run("account", "balances", "paper-1").stderr


def test_members_of_a_group_are_replaced(alice: str, ask: Callable[..., Any]) -> None:
    for label in ("one", "two", "three"):
        ask("account", "add", label)
    assert ask("group", "add", "some", "one", "two")["accounts"] == ["one", "two"]
    assert ask("group", "set", "some", "three")["accounts"] == ["three"]
    assert ask("group", "set", "some")["accounts"] == []


def test_an_account_of_another_tenant_cannot_join(
    alice: str,
    ask: Callable[..., Any],
    run: Callable[..., Result],
) -> None:
    ask("user", "add", "bob", "--generate")
    hers = ask("account", "add", "hers", "--user", "alice")
    for name in ("hers", hers["id"]):
        assert "no account" in run("group", "add", "his", name, "--user", "bob", code=1).stderr


def test_the_group_default_stays(alice: str, ask: Callable[..., Any], run: Callable[..., Result]) -> None:
    assert "must stay" in run("group", "remove", "default", code=1).stderr
    ask("group", "add", "some")
    assert ask("group", "remove", "some") == {"removed": "some"}


def test_a_mode_goes_down_at_once_and_never_beyond_what_the_kind_can(
    alice: str, ask: Callable[..., Any], run: Callable[..., Result]
) -> None:
    ask("account", "add", "paper-1")
    assert ask("account", "mode", "paper-1", "dry_run")["mode"] == "dry_run"
    assert ask("account", "mode", "paper-1", "paper")["mode"] == "paper"
    assert "of kind paper, which is paper or dry_run" in run("account", "mode", "paper-1", "live", code=1).stderr
    assert ask("account", "show", "paper-1")["mode"] == "paper"


def test_a_promotion_lists_what_is_unmet_with_its_numbers(alice: str, run: Callable[..., Result]) -> None:
    run("account", "add", "paper-1")
    result = run("account", "promote", "paper-1", code=1)
    assert "paper-1: paper -> live_start" in result.stdout
    assert "unmet: days in stage at least 14, is 0" in result.stdout
    assert "unmet: win rate above 0.55, not measured yet" in result.stdout
    assert "stays in paper" in result.stderr


def test_an_account_at_okx_is_demo_unless_it_is_said_to_be_live(
    alice: str, ask: Callable[..., Any], run: Callable[..., Result]
) -> None:
    demo = ask("account", "add", "demo", "--kind", "okx")
    live = ask("account", "add", "live", "--kind", "okx", "--mode", "live", "--region", "eea")
    assert [(one["kind"], one["mode"], one["risk_profile"]) for one in (demo, live)] == [
        ("okx", "demo", "paper"),
        ("okx", "live", "standard"),
    ]
    assert (demo["opening_balances"], live["opening_balances"]) == ({}, {})
    assert ask("account", "mode", "demo", "dry_run")["mode"] == "dry_run"
    assert ask("account", "mode", "demo", "demo")["mode"] == "demo"
    assert "demo or dry_run" in run("account", "mode", "demo", "live", code=1).stderr
    assert ask("account", "mode", "live", "dry_run")["mode"] == "dry_run"
    assert "by promotion only" in run("account", "mode", "live", "live", code=1).stderr


def test_addresses_of_okx_are_checked(alice: str, run: Callable[..., Result]) -> None:
    there = ("account", "add", "x", "--kind", "okx")
    assert "eea, global" in run(*there, "--region", "moon", code=2).stderr
    assert "both" in run(*there, "--rest-url", "https://okx.example", code=2).stderr
    clear = ("--rest-url", "http://okx.example", "--socket-url", "wss://okx.example/ws/v5")
    assert "in clear" in run(*there, *clear, code=1).stderr
    assert "no balance" in run(*there, "--balance", "USDT=5", code=1).stderr
    assert "one mode" in run("account", "add", "x", "--mode", "live", code=1).stderr
