"""Senders see the alerts of their own hook, users those of their tenant, and nobody sees anything else."""

from __future__ import annotations

import pytest

from fairlead.accounts.addresses import AddressList
from fairlead.accounts.tokens import hash_token
from fairlead.sources.webhook.seams import UnreadableError
from fairlead.web.rates import FAILURES_PER_MINUTE_MAX
from tests.sources.webhook.world import TENANT, make_hook
from tests.web.site import PASSWORD, PROXY, Site, basic, bearer

EVE = basic("eve", "evil" * 4)


async def test_a_request_is_shown_to_its_hook_and_to_users_of_its_tenant(site: Site) -> None:
    await site.add_users()
    sent = (await site.post()).json()
    for headers in (bearer(), basic("ann", PASSWORD), basic("ann", PASSWORD)):
        reply = await site.call("GET", sent["status_url"], headers=headers)
        assert reply.status_code == 202
        assert reply.json()["pending"] == 3
        assert reply.json()["requestId"] == sent["requestId"]


@pytest.mark.parametrize("place", ["requests", "explain"])
async def test_another_tenant_another_hook_and_an_unknown_id_look_the_same(site: Site, place: str) -> None:
    sent = (await site.post()).json()["requestId"]
    site.explanations[TENANT, sent] = {"alert": {"hook_id": "hook-1"}}
    await site.add_users()
    unknown = await site.call("GET", f"/{place}/{'0' * 27}", headers=bearer())
    strange = await site.call("GET", f"/{place}/{sent}", headers=EVE)
    endless = await site.call("GET", f"/{place}/{'x' * 5_000}", headers=bearer())
    assert (await site.call("GET", f"/{place}/{sent}", headers=bearer())).status_code in {200, 202}
    site.world.hook = make_hook(hook_id="hook-2", token_hash=hash_token("second"))
    await site.add_users()
    other_hook = await site.call("GET", f"/{place}/{sent}", headers=bearer("second"))
    for reply in (unknown, strange, endless, other_hook):
        assert reply.status_code == 404
        assert {name: value for name, value in reply.json().items() if name != "requestId"} == {
            "status": "error",
            "error": "nothing of yours has this id",
            "message": "nothing of yours has this id",
            "details": [],
        }


async def test_an_explanation_is_shown_with_the_id_of_the_call(site: Site) -> None:
    site.explanations[TENANT, "a"] = {"kind": "alert", "alert": {"hook_id": "hook-1"}, "refused_call": None}
    site.explanations[TENANT, "b"] = {"kind": "order", "alert": None, "refused_call": None}
    reply = await site.call("GET", "/explain/a", headers=bearer())
    assert (reply.status_code, reply.json()["kind"]) == (200, "alert")
    assert reply.json()["requestId"] == reply.headers["x-request-id"]
    # A thing that cannot be told to be the hook's is not shown to it, but to the tenant's users.
    assert (await site.call("GET", "/explain/b", headers=bearer())).status_code == 404
    await site.add_users()
    assert (await site.call("GET", "/explain/b", headers=basic("ann", PASSWORD))).status_code == 200


@pytest.mark.parametrize("path", ["/requests/x", "/explain/x", "/hooks/hook-1/address"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("wrong"),
        basic("ann", "wrong"),
        basic("nobody", PASSWORD),
        {"authorization": "Basic !!!"},
        {"authorization": "Basic YW5u"},
        {"authorization": "Digest x"},
        {"authorization": "Basic /w=="},
    ],
)
async def test_strangers_are_refused_alike(site: Site, path: str, headers: dict[str, str]) -> None:
    await site.add_users()
    reply = await site.call("GET", path, headers=headers)
    assert reply.status_code == 401
    assert reply.json()["error"] == "the token is missing or wrong"


async def test_guessing_passwords_is_stopped_before_they_are_checked_but_who_is_in_stays_in(site: Site) -> None:
    await site.add_users()
    assert (await site.call("GET", "/requests/x", headers=basic("ann", PASSWORD))).status_code == 404
    for _ in range(FAILURES_PER_MINUTE_MAX):
        assert (await site.call("GET", "/requests/x", headers=bearer("wrong"))).status_code == 401
    reply = await site.call("GET", "/requests/x", headers=basic("eve", "guess"))
    assert (reply.status_code, "retry-after" in reply.headers) == (429, True)
    assert (await site.call("GET", "/requests/x", headers=basic("ann", PASSWORD))).status_code == 404


async def test_the_self_test_shows_the_address_and_its_rule_even_when_it_is_not_let_in(site: Site) -> None:
    await site.world.configure(hook=make_hook(address_list=("tradingview", "198.51.100.0/24")))
    site.allowed_addresses = AddressList(["0.0.0.0/0"])
    site.build()
    reply = await site.call("GET", "/hooks/hook-1/address", headers=bearer())
    assert reply.status_code == 200
    assert reply.json() | {"requestId": ""} == {
        "requestId": "",
        "address": "203.0.113.9",
        "installation_rule": "0.0.0.0/0",
        "hook_rule": None,
        "allowed": False,
    }
    forwarded = bearer() | {"x-forwarded-for": "198.51.100.7"}
    reply = await site.call("GET", "/hooks/chart/address", headers=forwarded, sender=PROXY)
    assert (reply.json()["hook_rule"], reply.json()["allowed"]) == ("198.51.100.0/24", True)
    await site.add_users()
    assert (await site.call("GET", "/hooks/hook-1/address", headers=basic("ann", PASSWORD))).status_code == 200
    assert (await site.call("GET", "/hooks/hook-1/address", headers=EVE)).status_code == 401
    assert (await site.call("GET", "/hooks/other/address", headers=bearer())).status_code == 401


async def test_a_fault_in_a_question_is_a_clean_500_without_details(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down(tenant: str, subject: str) -> dict[str, object] | None:
        raise RuntimeError("secret details")

    object.__setattr__(site.tools, "explain", break_down)
    reply = await site.call("GET", "/explain/1", headers=bearer())
    assert reply.status_code == 500
    assert reply.json()["requestId"] == reply.headers["x-request-id"]
    assert "secret" not in reply.text
    assert str(site.faults[-1]) == "secret details"


async def test_a_question_while_the_store_is_away_is_asked_again_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot_read(*_asked: object, **_named: object) -> None:
        raise UnreadableError("OperationalError")

    object.__setattr__(site.tools, "explain", cannot_read)
    monkeypatch.setattr(site.tools.intake, "find_answer", cannot_read)
    for path in ("/explain/1", "/requests/1"):
        reply = await site.call("GET", path, headers=bearer())
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
        assert "cannot be read now" in reply.json()["error"]
    assert site.faults == []


async def test_the_description_of_the_api_names_its_routes(site: Site) -> None:
    description = (await site.call("GET", "/openapi.json")).json()
    assert set(description["paths"]) == {
        "/",
        "/webhook",
        "/hooks/{hook}",
        "/requests/{request_id}",
        "/explain/{subject}",
        "/hooks/{hook}/address",
        "/bots",
        "/bots/{bot}",
        "/bot-presets",
        "/bot-previews",
        "/bot-imports",
        "/bots/{bot}/preview",
        "/bots/{bot}/edit",
        "/bots/{bot}/duplicate",
        "/bots/{bot}/remove",
        "/bots/{bot}/pause",
        "/bots/{bot}/resume",
        "/bots/{bot}/stop",
        "/bots/{bot}/commands",
        "/bots/{bot}/signal/{signal}",
        "/health",
        "/ready",
        "/metrics",
    }
    assert (await site.call("GET", "/docs")).status_code == 404
