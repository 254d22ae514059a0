"""Every way of calling a hook wrongly has its own clean answer; what is stored is never answered with 5xx."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network

import httpx2
import pytest
from starlette.applications import Starlette

from fairlead.accounts.addresses import TRADINGVIEW_ADDRESSES, AddressList
from fairlead.core.model.events import AlertReceived
from fairlead.core.model.state import RequestStatus
from fairlead.sources.webhook.answers import AlertAnswers
from fairlead.sources.webhook.intake import AlertIntake
from fairlead.store.queries.hooks import ResponseMode
from fairlead.web.bodies import DRAINED_BYTES_MAX
from fairlead.web.rates import FAILURES_PER_MINUTE_MAX
from tests.sources.webhook.world import make_account, make_hook
from tests.web.site import ALERT, PROXY, SENDER, TOKEN, Site, basic, bearer

WITHOUT_TOKEN = {name: value for name, value in ALERT.items() if name != "authToken"}


def assert_clean(reply: httpx2.Response, status_code: int) -> None:
    assert reply.status_code == status_code, reply.text
    body = reply.json()
    assert body["status"] == "error"
    assert body["error"] == body["message"]
    assert body["requestId"] == reply.headers["x-request-id"]
    assert TOKEN not in reply.text
    assert "Traceback" not in reply.text


async def count_stored(site: Site) -> int:
    return len(await site.world.read_events(AlertReceived))


@pytest.mark.parametrize("path", ["/", "/webhook", "/hooks/hook-1", "/hooks/chart"])
async def test_an_alert_is_accepted_on_every_address(site: Site, path: str) -> None:
    reply = await site.post(path=path)
    assert reply.status_code == 202
    body = reply.json()
    assert body["status"] == "accepted"
    assert body["requestId"] == reply.headers["x-request-id"]
    assert (body["successful"], body["failed"], body["pending"], body["dryRun"]) == (0, 0, 3, False)
    assert len(await site.world.read_requests()) == 3


async def test_a_bearer_token_counts_before_the_one_in_the_body(site: Site) -> None:
    reply = await site.call("POST", "/", json={**ALERT, "authToken": "another"}, headers=bearer())
    assert reply.status_code == 202
    assert_clean(await site.call("POST", "/", json=ALERT, headers=bearer("wrong")), 401)
    assert (await site.call("POST", "/", json=WITHOUT_TOKEN, headers=bearer())).status_code in {200, 202}


async def test_an_alert_as_plain_text_is_read_as_json(site: Site) -> None:
    content = httpx2.Request("POST", "http://x", json=ALERT).content
    reply = await site.call("POST", "/", content=content, headers={"content-type": "text/plain; charset=utf-8"})
    assert reply.status_code == 202
    (received,) = await site.world.read_events(AlertReceived)
    assert (received.content_type, received.source_address) == ("text/plain; charset=utf-8", "203.0.113.9")


async def test_w02_missing_empty_wrong_and_revoked_tokens_get_the_same_answer(site: Site) -> None:
    replies = [
        await site.call("POST", "/webhook", json=WITHOUT_TOKEN),
        await site.post({"authToken": None}),
        await site.post({"authToken": ""}),
        await site.post({"authToken": 7}),
        await site.post({"authToken": "wrong"}),
        await site.post({"authToken": TOKEN + "x"}),
        await site.post({"authToken": TOKEN[:-1]}),
        await site.post(path="/hooks/no-such-hook"),
        await site.call("POST", "/", json=WITHOUT_TOKEN, headers=basic("ann", "x")),
    ]
    await site.world.configure(hook=make_hook(enabled=False))
    replies.append(await site.post())
    for reply in replies:
        assert_clean(reply, 401)
        assert reply.headers["www-authenticate"].startswith("Bearer")
    assert len({reply.json()["error"] for reply in replies}) == 1
    assert len({reply.json()["requestId"] for reply in replies}) == len(replies)
    assert await count_stored(site) == 0


async def test_w01_every_class_of_error_has_its_own_status_and_body(site: Site) -> None:
    assert_clean(await site.call("POST", "/webhook", content=b"buy BTC"), 400)
    reply = await site.post({"qty": "much", "side": "up"})
    assert_clean(reply, 400)
    assert {detail["field"] for detail in reply.json()["details"]} == {"qty", "side"}
    assert_clean(await site.post({"authToken": "wrong"}), 401)
    assert_clean(await site.call("GET", "/nowhere"), 404)
    await site.world.configure(accounts=(make_account("off", enabled=False),))
    assert_clean(await site.post(), 400)
    await site.world.configure(accounts=(make_account("main"),))
    site.world.journal.refuses = True
    reply = await site.post()
    assert_clean(reply, 503)
    assert int(reply.headers["retry-after"]) > 0


async def test_w01_a_fault_before_the_alert_is_stored_asks_for_a_resend(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down(*_: object) -> None:
        raise RuntimeError("secret details")

    monkeypatch.setattr(AlertIntake, "receive", break_down)
    reply = await site.post()
    assert_clean(reply, 503)
    assert "secret" not in reply.text
    assert str(site.faults[-1]) == "secret details"
    assert await count_stored(site) == 0


async def test_w01_a_fault_while_storing_asks_for_a_resend(site: Site) -> None:
    site.world.journal.breaks = True
    assert_clean(await site.post(), 503)
    site.world.journal.breaks = False
    assert (await site.post()).status_code == 202


async def test_w01_a_fault_after_the_alert_is_stored_is_no_reason_for_a_resend(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("secret details")

    monkeypatch.setattr(AlertAnswers, "describe_running", break_down)
    first = await site.post()
    assert first.status_code == 202
    monkeypatch.setattr(AlertAnswers, "describe", break_down)
    again = await site.post()
    assert again.status_code == 202
    assert again.json()["status_url"] == f"/requests/{first.json()['requestId']}"
    assert "secret" not in first.text + again.text
    assert len(site.faults) == 2
    assert await count_stored(site) == 1
    assert len(await site.world.read_requests()) == 3


@pytest.mark.parametrize("path", ["/", "/webhook", "/hooks/hook-1"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_another_method_is_told_which_one_is_taken(site: Site, path: str, method: str) -> None:
    reply = await site.call(method, path, json=ALERT)
    assert reply.status_code == 405
    assert "POST" in reply.headers["allow"]
    if method != "HEAD":
        assert_clean(reply, 405)


async def test_a_body_over_the_limit_is_refused(site: Site) -> None:
    raw = httpx2.Request("POST", "http://x", json=ALERT).content
    assert (await site.call("POST", "/", content=raw + b" " * (65_536 - len(raw)))).status_code == 202
    reply = await site.call("POST", "/", content=raw + b" " * (65_537 - len(raw)))
    assert_clean(reply, 413)
    assert reply.headers["connection"] == "close"


async def test_a_body_without_end_is_not_read_to_its_end(site: Site) -> None:
    given = 0

    async def pour() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(100):
            given += 1_048_576
            yield b" " * 1_048_576

    assert_clean(await site.call("POST", "/", content=pour()), 413)
    assert given < 2 * DRAINED_BYTES_MAX


async def test_whoever_asks_before_sending_too_much_is_spared_the_sending(site: Site) -> None:
    given = 0

    async def pour() -> AsyncIterator[bytes]:
        nonlocal given
        given += 1
        yield b" " * 10_000_000

    headers = {"expect": "100-continue", "content-length": "10000000"}
    assert_clean(await site.call("POST", "/", content=pour(), headers=headers), 413)
    assert given <= 1


async def test_the_owner_of_a_hook_sees_who_came_with_a_wrong_token_and_nothing_of_what_they_said(site: Site) -> None:
    await site.post({"authToken": "wrong"}, path="/hooks/hook-1")
    await site.post({"authToken": "wrong"}, path="/hooks/nobodys")
    await site.post({"authToken": "wrong"}, path="/webhook")
    (call,) = site.refused
    assert (call.hook_id, call.status_code, call.source_address, call.body) == ("hook-1", 401, SENDER, "")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"qty": 1, "qty": 2}', "qty: is given twice (given: 2)"),
        (b'{"qty": [1, NaN]}', "qty: is NaN, which is not a number (given: NaN)"),
        (b'{"a": "\xff"}', "body: is not UTF-8 text (given: byte 0xff at position 7)"),
        (b"[]", "body: is not a JSON object (given: a list)"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "a: is nested more than 8 levels deep (given: an object)"),
    ],
)
async def test_a_body_that_is_no_json_is_refused_by_field_value_and_rule(site: Site, content: bytes, told: str) -> None:
    reply = await site.call("POST", "/hooks/hook-1", content=content, headers=bearer())
    assert_clean(reply, 400)
    (detail,) = reply.json()["details"]
    assert f"{detail['field']}: {detail['rule']} (given: {detail['value']})" == told
    assert site.refused[0].details == (told,)


@pytest.mark.parametrize(
    "content",
    [
        f'{{"authToken": "{TOKEN}", "authToken": "{TOKEN}"}}',
        f'{{"{TOKEN}": 1, "{TOKEN}": 2}}',
        f'{{"qty": "{TOKEN[:12]}", "qty": "{TOKEN[:12]}"}}',
        f'{{"{TOKEN[4:20]}": 1, "{TOKEN[4:20]}": 2}}',
        '{"exchange": "okx", "symbol": "' + TOKEN[:30] + '", "type": "spot", "side": "buy", "qty": 1}',
    ],
)
async def test_no_refusal_shows_a_token_that_stands_in_the_wrong_place(site: Site, content: str) -> None:
    reply = await site.call("POST", "/hooks/hook-1", content=content.encode(), headers=bearer())
    assert_clean(reply, 400)
    kept = " ".join(site.refused[0].details)
    pieces = [TOKEN[start : start + 8] for start in range(len(TOKEN) - 7)]
    assert not [piece for piece in pieces if piece in reply.text or piece in kept]


async def test_the_installations_list_is_in_front_of_every_address(site: Site) -> None:
    site.allowed_addresses = AddressList([ip_network("192.0.2.0/24")])
    site.build()
    for path in ("/", "/webhook", "/hooks/hook-1"):
        assert_clean(await site.post(path=path), 403)
    assert_clean(await site.call("GET", "/requests/x", headers=bearer()), 403)
    assert_clean(await site.call("GET", "/explain/x", headers=bearer()), 403)
    assert (await site.call("POST", "/", json=ALERT, sender="192.0.2.7")).status_code == 202


async def test_a_hooks_own_list_lets_in_tradingview_only_also_behind_a_proxy(site: Site) -> None:
    await site.world.configure(hook=make_hook(address_list=("tradingview",)))
    assert_clean(await site.post(), 403)
    assert site.refused[-1].status_code == 403
    lying = {"x-forwarded-for": TRADINGVIEW_ADDRESSES[0]}
    assert_clean(await site.call("POST", "/", json=ALERT, headers=lying), 403)
    lying = {"x-forwarded-for": f"{TRADINGVIEW_ADDRESSES[0]}, 203.0.113.9"}
    assert_clean(await site.call("POST", "/", json=ALERT, headers=lying, sender=PROXY), 403)
    honest = {"x-forwarded-for": TRADINGVIEW_ADDRESSES[0]}
    assert (await site.call("POST", "/", json=ALERT, headers=honest, sender=PROXY)).status_code == 202


async def test_a_hook_that_is_called_too_often_is_limited_and_its_owner_can_see_it(site: Site) -> None:
    await site.world.configure(hook=make_hook(rate_per_minute=2))
    replies = [await site.post({"qty": number}) for number in (1, 2, 3)]
    assert [reply.status_code for reply in replies] == [202, 202, 429]
    assert_clean(replies[2], 429)
    assert 1 <= int(replies[2].headers["retry-after"]) <= 60
    (call,) = site.refused
    assert (call.error, call.hook_id, call.status_code) == ("rate_limited", "hook-1", 429)
    assert TOKEN not in call.body
    assert '"qty":3' in call.body


async def test_a_refused_alert_is_kept_for_its_hook_without_its_token(site: Site) -> None:
    await site.post({"qty": "much"})
    (call,) = site.refused
    assert (call.tenant, call.status_code) == ("acme", 400)
    assert call.details == ("qty: not a plain decimal number such as 0.1 or 25 (given: much)",)
    assert TOKEN not in call.body
    await site.call("POST", "/", content=f"not JSON {TOKEN}".encode(), headers=bearer())
    assert site.refused[-1].body == ""


async def test_an_address_that_is_wrong_too_often_is_told_to_wait_but_the_right_token_still_counts(site: Site) -> None:
    for _ in range(FAILURES_PER_MINUTE_MAX):
        assert (await site.post({"authToken": "wrong"})).status_code == 401
    reply = await site.post({"authToken": "wrong"})
    assert_clean(reply, 429)
    assert int(reply.headers["retry-after"]) >= 1
    assert (await site.post()).status_code == 202
    assert (await site.call("POST", "/", json={"authToken": "x"}, sender="198.51.100.1")).status_code == 401


async def test_the_failures_of_one_tradingview_customer_do_not_block_the_others(site: Site) -> None:
    for _ in range(FAILURES_PER_MINUTE_MAX + 5):
        reply = await site.call("POST", "/", json={"authToken": "x"}, sender=TRADINGVIEW_ADDRESSES[1])
        assert reply.status_code == 401


async def test_beyond_the_backlog_the_answer_is_429(site: Site) -> None:
    site.world.door.unfinished_max = 1
    reply = await site.post()
    assert_clean(reply, 429)
    assert reply.headers["retry-after"] == "5"


async def test_a_waiting_hook_with_strict_status_says_it_in_the_status(site: Site) -> None:
    await site.world.configure(hook=make_hook(response_mode=ResponseMode.WAIT, strict_status=True))
    site.world.door.settles_as = RequestStatus.DENIED
    reply = await site.post()
    assert reply.status_code == 422
    assert [result["status"] for result in reply.json()["results"]] == ["denied"] * 3


async def test_w15_forty_calls_at_once_make_one_request_per_account(site: Site) -> None:
    replies = await asyncio.gather(*(site.post() for _ in range(40)))
    assert site.faults == []
    assert sorted(reply.status_code for reply in replies) == [200] * 39 + [202]
    assert len({reply.json()["duplicate_of"] for reply in replies if reply.status_code == 200}) == 1
    assert len(await site.world.read_requests()) == 3


async def test_every_answer_has_the_headers_that_browsers_obey(site: Site) -> None:
    for reply in (await site.post(), await site.call("GET", "/nowhere"), await site.call("GET", "/health")):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-security-policy"].startswith("default-src 'none'")
        assert reply.headers["cache-control"] == "no-store"
        assert "server" not in reply.headers


@pytest.mark.parametrize("path", ["/hooks/", "/hooks/hook-1/", "/hooks/hook-1/other", "/hooksx", "/webhook/"])
async def test_an_address_that_only_looks_like_a_hook_s_is_not_there(site: Site, path: str) -> None:
    assert_clean(await site.post(path=path), 404)
    assert await count_stored(site) == 0


async def test_alerts_need_none_of_the_layers_around_the_other_routes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Starlette, "__call__", break_down)
    reply = await site.post()
    assert reply.status_code == 202
    assert reply.headers["x-content-type-options"] == "nosniff"
