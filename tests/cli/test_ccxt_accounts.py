"""Accounts over ccxt, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from tests.wire.okx_process import simulated

Ask = Callable[..., Any]
Run = Callable[..., Result]

OVER_CCXT = ("account", "add", "x", "--kind", "ccxt")
KEY = ("wise-key", "wise-secret", "wise-passphrase")


def test_an_account_is_added_at_an_exchange_with_a_demo_or_as_live(alice: str, ask: Ask, run: Run) -> None:
    demo = ask(*OVER_CCXT, "--exchange", "binance")
    assert (demo["kind"], demo["exchange"], demo["mode"], demo["opening_balances"]) == ("ccxt", "binance", "demo", {})
    refused = run("account", "add", "y", "--kind", "ccxt", "--exchange", "kraken", code=1)
    assert "no demo" in refused.stderr
    added = run("account", "add", "y", "--kind", "ccxt", "--exchange", "kraken", "--mode", "live")
    assert "a doubtful order must be looked up by a person" in added.stderr
    assert ask("account", "show", "y")["risk_profile"] == "standard"
    assert "demo or dry_run" in run("account", "mode", "x", "live", code=1).stderr


def test_what_could_never_be_opened_is_not_added(alice: str, run: Run) -> None:
    assert "--exchange" in run(*OVER_CCXT, code=2).stderr
    assert "no exchange 'mtgox'" in run(*OVER_CCXT, "--exchange", "mtgox", code=1).stderr
    assert "not supported" in run(*OVER_CCXT, "--exchange", "dydx", code=1).stderr
    assert "not kept here" in run(*OVER_CCXT, "--exchange", "ndax", code=1).stderr
    there = (*OVER_CCXT, "--exchange", "okx")
    assert "both" in run(*there, "--rest-url", "https://okx.example", code=2).stderr
    clear = ("--rest-url", "http://okx.example", "--socket-url", "wss://okx.example/ws/v5")
    assert "in clear" in run(*there, *clear, code=1).stderr
    assert "no balance" in run(*there, "--balance", "USDT=5", code=1).stderr


def test_a_key_has_the_parts_that_its_exchange_asks_for(alice: str, run: Run, ask: Ask) -> None:
    run(*OVER_CCXT, "--exchange", "binance")
    given = ("account", "key", "set", "x", "--stdin")
    assert "give 2 lines, apiKey, secret; there are 3" in run(*given, typed="a\nb\nc", code=2).stderr
    assert "one is empty" in run(*given, typed="\nb", code=2).stderr
    assert ask(*given, typed="a\nb")["account"] == "x"


@pytest.mark.slow
def test_an_account_is_checked_before_anything_is_traded(alice: str, run: Run, ask: Ask) -> None:
    with simulated("--seed", "7", "--account", f"{':'.join(KEY)}:USDT=50000,BTC=1") as okx:
        run(*OVER_CCXT, "--exchange", "okx", "--rest-url", okx["rest"], "--socket-url", okx["ws"])
        assert "no venue key" in run("account", "check", "x", code=1).stderr
        given = ("account", "key", "set", "x", "--stdin")
        run(*given, typed="\n".join(KEY))
        found = {one["subject"]: one for one in ask("account", "check", "x")}
        assert "refuse" not in {one["severity"] for one in found.values()}, found
        assert "BTC 1, USDT 50000" in found["balance"]["message"]
        assert found["stops"]["severity"] == "warn"
        run(*given, typed="\n".join((*KEY[:2], "not-this-one")))
        refused = run("account", "check", "x", code=1)
        assert "could not be read" in refused.stderr
        assert "not-this-one" not in refused.stdout + refused.stderr


def test_an_exchange_whose_addresses_cannot_be_replaced_is_never_asked(alice: str, run: Run) -> None:
    there = ("--rest-url", "http://127.0.0.1:9", "--socket-url", "ws://127.0.0.1:9")
    run(*OVER_CCXT, "--exchange", "kraken", "--mode", "live", *there)
    run("account", "key", "set", "x", "--stdin", typed="a\nb")
    assert "addresses of kraken cannot be replaced" in run("account", "check", "x", code=1).stderr
