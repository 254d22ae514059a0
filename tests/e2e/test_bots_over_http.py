"""A bot's whole life over HTTP, on a running server: looked at, made, edited while it trades, copied, and forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.processes import Server, run, run_json
from tests.web.site import basic

PASSWORD: Final = "correct horse battery staple"
OLIVE: Final = ("olive", PASSWORD)
ACTS_S: Final = 20
POLL_S: Final = 0.1
RULE: Final = "from fairlead.rules import Rule\n\n\nclass Mine(Rule):\n    length: int = 3\n"
WHERE: Final = {"account": "main", "symbol": "BTC-USDT"}


@pytest.fixture(name="server")
def _server(tmp_path: Path) -> Iterator[Server]:
    data, rules = tmp_path / "data", tmp_path / "rules"
    rules.mkdir(mode=0o700)
    (rules / "mine.py").write_text(RULE, encoding="utf-8")
    (rules / "mine.py").chmod(0o600)
    run("user", "add", "olive", "--password-stdin", data=data, given=PASSWORD)
    run("account", "add", "main", "--balance", "USDT=10000", "--profile", "paper", data=data)
    server = Server(data, FAIRLEAD_RULES_DIR=str(rules))
    with server.running():
        yield server


def test_a_bot_lives_over_http_from_its_preview_to_its_end(server: Server) -> None:
    asked = {**WHERE, "preset": "balanced", "budget": "1000"}
    preview = say(server, "/bot-previews", asked)["preview"]
    assert Decimal(990) < Decimal(preview["worst_case"]["capital"]) <= 1_000
    assert say(server, "/bots", {**asked, "name": "dip"}, code=201)["bot"]["settingsVersion"] == 1
    bot = wait(server, "dip", lambda one: one["held"] != "0" and one["orders"] == 6)
    on = say(server, "/bots/dip/preview", {})["preview"]
    assert [level["slot"] for level in on["levels"]] != []
    assert "holds" in say(server, "/bots/dip/remove", {}, code=409)["error"]
    edit = {"settingsVersion": 1, "settings": {"max_safety_orders": 2, "active_safety_orders": 2}, "now": True}
    assert say(server, "/bots/dip/edit", edit)["bot"]["settingsVersion"] == 2
    assert say(server, "/bots/dip/edit", edit, code=409)["settingsVersion"] == 2
    # Its deal goes on, with the shorter ladder.
    edited = wait(server, "dip", lambda one: one["orders"] == 3)
    assert (edited["held"], edited["cycle"]) == (bot["held"], bot["cycle"])
    say(server, "/bots/dip/duplicate", {"name": "twin"}, code=201)
    wait(server, "twin", lambda one: one["orders"] == 3)
    say(server, "/bots/dip/stop", {"sell": True})
    # Fees in the coin leave dust of it, which keeps nobody from forgetting it.
    wait(server, "dip", lambda one: one["status"] == "stopped")
    say(server, "/bots/dip/remove", {})
    # What the other held stays in the account, and nothing of it rests any more.
    kept = say(server, "/bots/twin/remove", {"keep": True})["bot"]["held"]
    assert say(server, "/bots/twin", None, code=404)["error"] == "nothing of yours has this name"
    assert Decimal(wait_for_nothing_resting(server)["BTC"]["total"]) >= Decimal(kept) > 0
    assert server.stop() == 0
    assert run_json("verify", data=server.data)["problems"] == []


def test_a_rule_of_ones_own_is_looked_at_and_begun_over_http(server: Server) -> None:
    settings = {"type": "rule", "rule": "mine:Mine", "parameters": {"length": 5}}
    say(server, "/bot-previews", {**WHERE, "settings": settings})
    made = say(server, "/bots", {**WHERE, "name": "mine", "settings": settings}, code=201)
    assert made["bot"]["settings"]["parameters"] == {"length": "5"}
    wrong = {**settings, "rule": "mine:Other"}
    assert "has no rule Other" in say(server, "/bot-previews", {**WHERE, "settings": wrong}, code=400)["error"]


def say(server: Server, path: str, body: object, *, code: int = 200) -> dict[str, Any]:
    """Ask as olive; without a body it is only read."""
    if body is None:
        status, answer = server.get(path, user=OLIVE)
    else:
        status, answer = server.post(path, body, **basic(*OLIVE))
    assert status == code, answer
    return answer


def wait(server: Server, name: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Look at a bot again and again, until it is as it shall be."""
    ends = time.monotonic() + ACTS_S
    while True:
        bot: dict[str, Any] = say(server, f"/bots/{name}", None)["bot"]
        if until(bot):
            return bot
        assert time.monotonic() < ends, bot
        time.sleep(POLL_S)


def wait_for_nothing_resting(server: Server) -> dict[str, dict[str, str]]:
    """Balances by currency, once all of the cash is available."""
    ends = time.monotonic() + ACTS_S
    while True:
        rows = {row["currency"]: row for row in run_json("account", "balances", "main", data=server.data)}
        if rows["USDT"]["available"] == rows["USDT"]["total"]:
            return rows
        assert time.monotonic() < ends, rows
        time.sleep(POLL_S)
