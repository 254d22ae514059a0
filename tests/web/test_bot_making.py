"""Making bots over HTTP: the preview, the checks and the refusals of the command line, and no edit of what is old."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from fairlead.core.model.bots.bot import BotState
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Instruction
from fairlead.core.model.bots.martingale import MartingaleMemory
from fairlead.core.model.money import Quantity
from fairlead.ports import Record, Unit
from fairlead.store.queries.bots import STATE_SPACE
from fairlead.web.api.bot_callers import PLAYS_PER_MINUTE_MAX
from fairlead.wiring.bot_checks import PLAYS_WAITING_MAX
from tests.e2e.processes import run_json
from tests.web.bot_site import ANN, DIP, EVE, BotSite, open_bot_site

WHERE = {"account": "main", "symbol": "BTC-USDT"}
BALANCED = {**WHERE, "preset": "balanced", "budget": "1000", "price": "60000"}
IMPORTS = Path(__file__).parent.parent / "data" / "bot_imports"

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture(name="site")
async def _site(tmp_path: Path) -> AsyncIterator[BotSite]:
    async with open_bot_site(tmp_path) as site:
        yield site


@pytest.fixture(name="ask")
def _ask(site: BotSite, tmp_path: Path) -> Ask:
    """What the command line says, on the same database."""
    assert site.world.url.startswith(f"sqlite:///{tmp_path}")
    return lambda *words: asyncio.to_thread(run_json, *words, data=tmp_path)


async def test_a_preview_over_http_is_the_one_of_the_command_line_and_stores_nothing(site: BotSite, ask: Ask) -> None:
    reply = await site.call("POST", "/bot-previews", headers=ANN, json=BALANCED)
    told = ("--account", "main", "--symbol", "BTC-USDT", "--preset", "balanced", "--budget", "1000")
    assert reply.status_code == 200
    assert reply.json()["preview"] == await ask("bot", "preview", *told, "--price", "60000", "--user", "ann")
    assert len(reply.json()["preview"]["levels"]) == 6
    assert (await site.call("GET", "/bots", headers=ANN)).json()["bots"] == []


async def test_a_bot_is_previewed_from_where_it_stands_as_on_the_command_line(site: BotSite, ask: Ask) -> None:
    await make(site)
    await hold(site, "0.01")
    told = {"price": "60000", "settings": {"volume_scale": 2}}
    reply = await site.call("POST", "/bots/dip/preview", headers=ANN, json=told)
    words = ("bot", "preview", "dip", "--price", "60000", "--set", "volume_scale=2", "--user", "ann")
    assert reply.json()["preview"] == await ask(*words)
    assert reply.json()["preview"]["settings"]["volume_scale"] == "2"
    assert (await show(site))["settingsVersion"] == 1


async def test_presets_are_those_of_the_command_line(site: BotSite, ask: Ask) -> None:
    reply = await site.call("GET", "/bot-presets", headers=ANN)
    assert reply.json()["presets"] == await ask("bot", "presets")


async def test_a_preview_begins_at_the_price_that_was_heard_unless_another_is_named(site: BotSite) -> None:
    site.prices["BTC-USDT"] = Decimal(51_234)
    named = {**WHERE, "preset": "balanced"}
    for asked, price in ((named, "51234"), ({**named, "price": 48_000}, "48000")):
        reply = await site.call("POST", "/bot-previews", headers=ANN, json=asked)
        assert reply.json()["preview"]["price"] == price
    await make(site)
    await site.reload()
    reply = await site.call("POST", "/bots/dip/preview", headers=ANN)
    assert reply.json()["preview"]["price"] == "51234"


async def test_what_a_preview_finds_is_what_refuses_the_bot(site: BotSite) -> None:
    asked = {**WHERE, "settings": {"step": 60, "step_scale": 1, "max_safety_orders": 3}}
    found = (await site.call("POST", "/bot-previews", headers=ANN, json=asked)).json()["preview"]["findings"]
    refused = await site.call("POST", "/bots", headers=ANN, json={**asked, "name": "dip"})
    told = [{name: one[name] for name in ("field", "value", "rule")} for one in found if one["refuses"]]
    assert (refused.status_code, refused.json()["details"]) == (400, told)
    assert told[0]["rule"].startswith("must be less than 100 %")


async def test_a_bot_gets_newer_settings_only_from_those_who_know_its_newest(site: BotSite) -> None:
    await make(site)
    edit = {"settingsVersion": 1, "settings": {"step": 2}}
    edited = await site.call("POST", "/bots/dip/edit", headers=ANN, json=edit)
    assert (edited.status_code, edited.json()["bot"]["settingsVersion"]) == (200, 2)
    assert edited.json()["bot"]["settings"]["step"] == edited.json()["preview"]["settings"]["step"] == "2"
    # What it had stays, where nothing else was said.
    assert edited.json()["bot"]["settings"]["max_safety_orders"] == 3
    stale = await site.call("POST", "/bots/dip/edit", headers=ANN, json={**edit, "settings": {"step": 3}})
    assert (stale.status_code, stale.json()["settingsVersion"]) == (409, 2)
    assert (await show(site))["settings"]["step"] == "2"
    assert await site.words() == []


async def test_of_two_edits_at_once_one_is_told_that_it_is_stale(site: BotSite) -> None:
    await make(site)
    edits = [{"settingsVersion": 1, "settings": {"step": step}} for step in ("2", "3")]
    replies = await asyncio.gather(*(site.call("POST", "/bots/dip/edit", headers=ANN, json=edit) for edit in edits))
    assert sorted(reply.status_code for reply in replies) == [200, 409]
    (won,) = [reply.json()["bot"] for reply in replies if reply.status_code == 200]
    assert await show(site) == won
    assert won["settingsVersion"] == 2


async def test_newer_settings_count_for_the_running_deal_where_it_can_follow(site: BotSite) -> None:
    await make(site)
    edit = {"settingsVersion": 1, "settings": {"step": 2}, "now": True}
    assert (await site.call("POST", "/bots/dip/edit", headers=ANN, json=edit)).status_code == 200
    assert [word.instruction for word in await site.words()] == [Instruction.REPLAN]
    grid = {**WHERE, "name": "lines", "preset": "grid-range", "budget": "2000", "settings": {"lines": 10}}
    assert (await site.call("POST", "/bots", headers=ANN, json=grid)).status_code == 201
    refused = await site.call("POST", "/bots/lines/edit", headers=ANN, json={**edit, "settings": {"lines": 12}})
    assert (refused.status_code, refused.json()["error"][:17]) == (400, "only a martingale")
    assert (await show(site, "lines"))["settingsVersion"] == 1


async def test_a_bot_is_made_again_elsewhere_within_what_the_account_has_free(site: BotSite) -> None:
    await make(site)
    copy = {"name": "dip-eth", "symbol": "ETH-USDT", "account": "spare", "settings": {"step": 2}}
    made = await site.call("POST", "/bots/dip/duplicate", headers=ANN, json=copy)
    bot = made.json()["bot"]
    assert (made.status_code, bot["name"], bot["symbol"], bot["account"]) == (201, "dip-eth", "ETH-USDT", "spare")
    assert (bot["settings"]["step"], bot["settings"]["max_safety_orders"]) == ("2", 3)
    again = await site.call("POST", "/bots/dip/duplicate", headers=ANN, json=copy)
    assert (again.status_code, "already" in again.json()["error"]) == (400, True)
    large = {"name": "large", "budget": "9999"}
    refused = await site.call("POST", "/bots/dip/duplicate", headers=ANN, json=large)
    assert [one["field"] for one in refused.json()["details"]] == ["capital"]
    through = await site.call("POST", "/bots/dip/duplicate", headers=ANN, json={**large, "overReserve": True})
    assert through.status_code == 201


async def test_a_bot_cannot_be_put_on_the_account_of_somebody_else_or_played_through_there(site: BotSite) -> None:
    await make(site)
    made = await site.call("POST", "/bots", headers=EVE, json={**DIP, "name": "hers"})
    assert made.status_code == 201
    calls = {
        "/bot-previews": {**BALANCED, "account": "spare"},
        "/bots": {**DIP, "name": "two", "account": "spare"},
        "/bots/hers/duplicate": {"name": "two", "account": "spare"},
    }
    for path, body in calls.items():
        refused = await site.call("POST", path, headers=EVE, json=body)
        told = (refused.status_code, refused.json()["error"])
        assert told == (400, "there is no account 'spare'; there are main")
    assert [bot["name"] for bot in (await site.call("GET", "/bots", headers=EVE)).json()["bots"]] == ["hers"]


async def test_a_bot_that_holds_something_is_forgotten_only_when_that_shall_be_kept(site: BotSite) -> None:
    await make(site)
    await hold(site, "0.01")
    refused = await site.call("POST", "/bots/dip/remove", headers=ANN)
    assert (refused.status_code, "holds 0.01 of BTC-USDT" in refused.json()["error"]) == (409, True)
    assert (await show(site))["held"] == "0.01"
    kept = await site.call("POST", "/bots/dip/remove", headers=ANN, json={"keep": True})
    assert (kept.status_code, kept.json()["bot"]["name"]) == (200, "dip")
    assert (await site.call("GET", "/bots/dip", headers=ANN)).status_code == 404
    assert (await site.call("POST", "/bots/dip/remove", headers=ANN)).status_code == 404


async def test_dust_that_nobody_could_sell_keeps_no_bot_from_being_forgotten(site: BotSite) -> None:
    await make(site)
    await hold(site, "0.000000001")
    assert (await site.call("POST", "/bots/dip/remove", headers=ANN)).status_code == 200
    assert (await site.call("GET", "/bots", headers=ANN)).json()["bots"] == []


async def test_a_bot_of_another_product_is_shown_and_begun_with_what_was_shown(site: BotSite, ask: Ask) -> None:
    path = IMPORTS / "3commas_dca.json"
    told = json.loads(path.read_text(encoding="utf-8"), parse_float=str)
    shown = await site.call("POST", "/bot-imports", headers=ANN, json={"bot": told})
    assert shown.status_code == 200
    values = {name: value for name, value in shown.json().items() if name != "requestId"}
    assert values == await ask("bot", "import", str(path))
    new = {
        "name": "brought",
        **WHERE,
        "settings": {**values["settings"], "start": {"type": "now"}},
        "overReserve": True,
    }
    made = await site.call("POST", "/bots", headers=ANN, json=new)
    assert made.status_code == 201, made.json()
    wrong = await site.call("POST", "/bot-imports", headers=ANN, json={"bot": {**told, "base_order_volume": "much"}})
    assert (wrong.status_code, wrong.json()["details"][0]) == (
        400,
        {"field": "base_order_volume", "value": "much", "rule": "must be a number"},
    )


@pytest.mark.parametrize(
    ("path", "change", "field", "value", "rule"),
    [
        ("/bot-previews", {"settings": {"step": "wide"}}, "step", "wide", "Invalid decimal string"),
        ("/bot-previews", {"settings": {"stepp": 1}}, "stepp", "1", "is not known here; did you mean step?"),
        ("/bot-previews", {"settings": {"step": "1e999999999"}}, "step", "1E+999999999", "at most 40 digits"),
        ("/bot-previews", {"settings": {"step": "NaN"}}, "step", "NaN", "must be a number"),
        ("/bot-previews", {"settings": {"max_cycles": 10**30}}, "max_cycles", str(10**30), "must be a number"),
        ("/bot-previews", {"settings": {"type": "magic"}}, "type", "magic", "must be martingale, grid, rule"),
        (
            "/bot-previews",
            {"settings": {"take_profit": [{"percent": True}]}},
            "take_profit[0].percent",
            "true",
            "decimal",
        ),
        ("/bot-previews", {"preset": "balance"}, "preset", "balance", "did you mean 'balanced'?"),
        ("/bot-previews", {"budget": "0"}, "budget", "0", "must be above 0"),
        ("/bot-previews", {"price": "-1"}, "price", "-1", "must be above 0"),
        ("/bot-previews", {"price": "1e999999999"}, "price", "1E+999999999", "not a plain decimal number"),
        ("/bot-previews", {"colour": "red"}, "colour", "red", "is not known here"),
        ("/bot-previews", {"settings": [1]}, "settings", "[1]", "Expected `object`"),
        ("/bot-previews", {"settings": {}, "preset": ""}, "settings", "", "say what it shall do"),
        ("/bots/dip/edit", {"account": "main"}, "account", "main", "is not known here"),
        ("/bots/dip/edit", {}, "settingsVersion", "", "is required"),
        ("/bots/dip/edit", {"settingsVersion": "1"}, "settingsVersion", "1", "Expected `int`"),
        ("/bots/dip/duplicate", {}, "name", "", "is required"),
        ("/bots/dip/remove", {"keep": 1}, "keep", "1", "Expected `bool`"),
        ("/bots", {"name": "two", "overReserve": "yes"}, "overReserve", "yes", "Expected `bool`"),
    ],
)
async def test_what_is_wrong_is_told_by_field_value_and_rule(
    site: BotSite, path: str, change: dict[str, object], field: str, value: str, rule: str
) -> None:
    await make(site)
    body = {**WHERE, "settings": {"step": 1}, **change} if path in {"/bots", "/bot-previews"} else change
    refused = await site.call("POST", path, headers=ANN, json=body)
    assert refused.status_code == 400, refused.json()
    (detail,) = refused.json()["details"]
    assert (detail["field"], detail["value"]) == (field, value)
    assert rule in detail["rule"]
    assert len(refused.content) < 2_000


@pytest.mark.parametrize(
    "asked",
    [
        {"settings": {"base_order": {"amount": "9" * 40, "unit": "base"}}, "budget": "9" * 20},
        {"settings": {"step": "1e-40"}},
        {"settings": {"max_safety_orders": 10**9, "active_safety_orders": 10**9}},
        {"settings": {"type": "grid", "lower": 50_000, "upper": 70_000, "lines": 10**9}},
        {"settings": {"volume_scale": 10, "step": "0.01", "max_safety_orders": 200}, "budget": "1"},
        {"settings": {"type": "grid", "lower": "1e-40", "upper": "1e39", "lines": 500}},
        {"settings": {"type": "rule", "rule": "../../etc/passwd:Rule"}},
        {"settings": {"conditions": {"dip": "(" * 500}}},
        {"settings": {"start": {"type": "time", "at_ms": -(2**53)}}},
        {"account": "nobody", "preset": "balanced"},
        {"symbol": "NO-SUCH", "preset": "balanced"},
    ],
)
async def test_nothing_that_somebody_asks_breaks_anything(site: BotSite, asked: dict[str, object]) -> None:
    reply = await site.call("POST", "/bot-previews", headers=ANN, json={**WHERE, **asked})
    refuses = reply.status_code == 400 or any(one["refuses"] for one in reply.json()["preview"]["findings"])
    assert refuses or reply.status_code == 200
    assert reply.status_code < 500
    assert site.faults == []


@pytest.mark.parametrize("amount", ["0", "-50", "1e999999999", "NaN"])
async def test_nobody_adds_or_closes_what_is_no_amount(site: BotSite, amount: str) -> None:
    await make(site)
    word = {"instruction": "add_funds", "size": {"amount": amount, "unit": "quote"}}
    refused = await site.call("POST", "/bots/dip/commands", headers=ANN, json=word)
    assert (refused.status_code, refused.json()["error"].split(" = ")[0]) == (400, "size.amount")
    assert await site.words() == []


async def test_who_has_too_many_bots_played_through_waits_and_still_steers(site: BotSite) -> None:
    await make(site)
    asked = {"settingsVersion": 7, "settings": {"step": 1}}
    replies = [await site.call("POST", "/bots/dip/edit", headers=ANN, json=asked) for _ in range(PLAYS_PER_MINUTE_MAX)]
    assert [reply.status_code for reply in replies[-2:]] == [409, 429]
    assert int(replies[-1].headers["retry-after"]) <= 60
    assert (await site.call("POST", "/bots/dip/stop", headers=ANN, json={"sell": True})).status_code == 200


async def test_more_previews_than_can_be_played_are_told_to_come_again(site: BotSite) -> None:
    # Signed in already, so that nobody waits for a password.
    assert (await site.call("GET", "/bots", headers=ANN)).status_code == 200
    asked = [site.call("POST", "/bot-previews", headers=ANN, json=BALANCED) for _ in range(3 * PLAYS_WAITING_MAX)]
    replies: list[httpx2.Response] = await asyncio.gather(*asked)
    statuses = [reply.status_code for reply in replies]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= PLAYS_WAITING_MAX
    assert all(reply.headers["retry-after"] == "2" for reply in replies if reply.status_code == 503)
    assert (await site.call("POST", "/bot-previews", headers=ANN, json=BALANCED)).status_code == 200


async def make(site: BotSite) -> None:
    """Create the bot dip."""
    assert (await site.call("POST", "/bots", headers=ANN, json=DIP)).status_code == 201


async def show(site: BotSite, name: str = "dip") -> dict[str, Any]:
    """How a bot stands."""
    found: dict[str, Any] = (await site.call("GET", f"/bots/{name}", headers=ANN)).json()["bot"]
    return found


async def hold(site: BotSite, quantity: str) -> None:
    """Let dip hold something, as if a server had run."""
    directory = site.world.directory
    await site.reload()
    (bot,) = directory.current.roster.bots.values()
    deal = Deal(quantity=Quantity(Decimal(quantity)), cost=Decimal(quantity) * 60_000)
    state = BotState(
        bot_id=bot.bot_id,
        tenant=bot.tenant,
        account_id=bot.account_id,
        symbol=bot.symbol,
        memory=MartingaleMemory(),
        deal=deal,
    )
    record = Record(space=STATE_SPACE, owner=bot.tenant, key=bot.bot_id, body=msgspec.json.encode(state))
    await site.world.journal.commit(Unit(records=(record,)))
