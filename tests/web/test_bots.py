"""Bots over HTTP: seen and changed by their own tenant's users alone, each as far as his role goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead.core.model.bots.decision import Instruction
from tests.web.bot_site import ANN, DIP, EVE, VIC, BotSite, open_bot_site
from tests.web.site import basic, bearer

EVERY = [
    ("GET", "/bots/dip", None),
    ("POST", "/bots/dip/preview", {}),
    ("POST", "/bots/dip/edit", {"settingsVersion": 1, "settings": {"step": 2}}),
    ("POST", "/bots/dip/duplicate", {"name": "dip-two"}),
    ("POST", "/bots/dip/remove", {"keep": True}),
    ("POST", "/bots/dip/pause", {}),
    ("POST", "/bots/dip/resume", {}),
    ("POST", "/bots/dip/stop", {"sell": True}),
    ("POST", "/bots/dip/commands", {"instruction": "close"}),
    ("POST", "/bots/dip/signal/oversold", {"id": "1"}),
]
EVERYWHERE: list[tuple[str, str, object]] = [
    ("GET", "/bots", None),
    ("POST", "/bots", DIP),
    ("GET", "/bot-presets", None),
    ("POST", "/bot-previews", {"account": "main", "symbol": "BTC-USDT", "preset": "balanced"}),
    ("POST", "/bot-imports", {"bot": {}}),
]


@pytest.fixture(name="site")
async def _site(tmp_path: Path) -> AsyncIterator[BotSite]:
    async with open_bot_site(tmp_path) as site:
        yield site


async def test_a_user_creates_sees_and_changes_a_bot(site: BotSite) -> None:
    made = await site.call("POST", "/bots", headers=ANN, json=DIP)
    assert (made.status_code, made.json()["preview"]["settings"]["step"]) == (201, "1.5")
    assert made.json()["bot"]["settings"]["step"] == "1.5"
    (listed,) = (await site.call("GET", "/bots", headers=ANN)).json()["bots"]
    assert listed == made.json()["bot"]
    for action, wanted in (("pause", "pause"), ("resume", "run"), ("stop", "stop_and_keep")):
        assert (await site.call("POST", f"/bots/dip/{action}", headers=ANN)).json()["bot"]["wanted"] == wanted
    sold = await site.call("POST", "/bots/dip/stop", headers=ANN, json={"sell": True})
    assert sold.json()["bot"]["wanted"] == "stop_and_sell"
    body = {"instruction": "add_funds", "size": {"amount": "50", "unit": "quote"}}
    told = await site.call("POST", "/bots/dip/commands", headers=ANN, json=body)
    assert (told.status_code, told.json()["number"]) == (202, 1)


async def test_what_speaks_against_a_bot_is_told_field_by_field(site: BotSite) -> None:
    large = {**DIP, "settings": {"base_order": {"amount": "1000000", "unit": "quote"}}}
    refused = await site.call("POST", "/bots", headers=ANN, json=large)
    assert (refused.status_code, [one["field"] for one in refused.json()["details"]]) == (400, ["capital"])
    assert (await site.call("POST", "/bots", headers=ANN, json={**large, "overReserve": True})).status_code == 201
    wide = {**DIP, "name": "wide", "settings": {"step": 60, "step_scale": 11}, "overReserve": True}
    refused = await site.call("POST", "/bots", headers=ANN, json=wide)
    told = {one["field"]: (one["value"], one["rule"]) for one in refused.json()["details"]}
    assert told["step_scale"] == ("11", "must be 0.1 to 10")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "dip"},
        {**DIP, "colour": "red"},
        {**DIP, "settings": {"step": "wide"}},
        {**DIP, "settings": {"step": -1}},
        {**DIP, "settings": {}},
        {**DIP, "preset": "balance"},
        {**DIP, "budget": "-5"},
        {**DIP, "account": "nobody"},
        {**DIP, "name": "../dip"},
        [],
    ],
)
async def test_what_makes_no_bot_is_refused(site: BotSite, body: object) -> None:
    assert (await site.call("POST", "/bots", headers=ANN, json=body)).status_code == 400
    assert (await site.call("GET", "/bots", headers=ANN)).json()["bots"] == []


async def test_m13_every_route_as_another_tenant_finds_nothing_and_changes_nothing(site: BotSite) -> None:
    await site.call("POST", "/bots", headers=ANN, json=DIP)
    before = (await site.call("GET", "/bots/dip", headers=ANN)).json()["bot"]
    for method, path, body in EVERY:
        reply = await site.call(method, path, headers=EVE, json=body)
        assert (reply.status_code, reply.json()["error"]) == (404, "nothing of yours has this name")
    assert (await site.call("GET", "/bots", headers=EVE)).json()["bots"] == []
    stolen = await site.call("POST", "/bots", headers=EVE, json={**DIP, "account": "spare"})
    assert stolen.status_code == 400
    assert (await site.call("GET", "/bots/dip", headers=ANN)).json()["bot"] == before
    assert await site.words() == []


async def test_who_may_only_look_changes_nothing(site: BotSite) -> None:
    await site.call("POST", "/bots", headers=ANN, json=DIP)
    assert (await site.call("GET", "/bots/dip", headers=VIC)).status_code == 200
    assert (await site.call("POST", "/bots/dip/preview", headers=VIC)).status_code == 200
    for method, path, body in (*EVERY[2:], ("POST", "/bots", {**DIP, "name": "two"})):
        assert (await site.call(method, path, headers=VIC, json=body)).status_code == 403
    assert await site.words() == []


@pytest.mark.parametrize("headers", [{}, bearer("wrong"), basic("ann", "wrong")])
async def test_strangers_are_refused_alike(site: BotSite, headers: dict[str, str]) -> None:
    for method, path, body in (*EVERY, *EVERYWHERE):
        assert (await site.call(method, path, headers=headers, json=body)).status_code == 401


async def test_a_hook_gives_signals_and_nothing_else(site: BotSite) -> None:
    await site.call("POST", "/bots", headers=ANN, json=DIP)
    for method, path, body in (*EVERY[:-1], *EVERYWHERE):
        assert (await site.call(method, path, headers=bearer(site.token), json=body)).status_code == 403
    by_header = await site.call("POST", "/bots/dip/signal/oversold", headers=bearer(site.token), json={"id": "7"})
    by_body = await site.call("POST", "/bots/dip/signal/oversold", json={"id": "7", "authToken": site.token})
    assert (by_header.status_code, by_body.status_code) == (202, 202)
    assert by_header.json()["number"] == by_body.json()["number"] == 1
    again = await site.call("POST", "/bots/dip/signal/oversold", headers=bearer(site.token))
    assert again.json()["number"] == 2
    assert [(one.instruction, one.signal) for one in await site.words()] == [(Instruction.SIGNAL, "oversold")] * 2
    # A hook whose alerts may not trade there may not have a bot trade there.
    refused = await site.call("POST", "/bots/dip/signal/oversold", headers=bearer(site.other_token))
    assert refused.status_code == 404


async def test_a_bot_that_takes_nothing_is_told_no_more_than_it_can_keep(site: BotSite) -> None:
    await site.call("POST", "/bots", headers=ANN, json=DIP)
    replies = [await site.call("POST", "/bots/dip/signal/oversold", headers=ANN) for _ in range(66)]
    assert [reply.status_code for reply in replies] == [202] * 64 + [400] * 2
    assert "does a server run" in replies[-1].json()["error"]


async def test_too_many_calls_are_told_to_wait(site: BotSite) -> None:
    replies = [await site.call("GET", "/bots", headers=ANN) for _ in range(241)]
    assert [reply.status_code for reply in replies[-2:]] == [200, 429]
    assert int(replies[-1].headers["retry-after"]) <= 60
