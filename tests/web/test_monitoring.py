"""Health and readiness for everybody, numbers for operators."""

from __future__ import annotations

import pytest

from fairlead.observing.health import Condition, Reason
from fairlead.web.api.monitoring import METRICS_PER_MINUTE_MAX
from fairlead.web.rates import FAILURES_PER_MINUTE_MAX
from tests.web.site import PROXY, SENDER, Site, bearer

HERE = "127.0.0.1"
TOKEN = "a-token-for-the-scraper"


async def test_health_says_whether_the_process_can_keep_what_it_is_told(site: Site) -> None:
    reply = await site.call("GET", "/health")
    assert (reply.status_code, reply.json()["status"], reply.json()["reasons"]) == (200, "ok", [])
    site.health = Condition(reasons=(Reason.JOURNAL,), details={"journal": "database or disk is full"})
    reply = await site.call("GET", "/health")
    assert (reply.status_code, reply.json()["status"], reply.json()["reasons"]) == (503, "unhealthy", ["journal"])


async def test_ready_lists_every_reason_against_it(site: Site) -> None:
    assert (await site.call("GET", "/ready")).json()["status"] == "ready"
    site.readiness = Condition(reasons=(Reason.KILL_SWITCH, Reason.DRAINING))
    reply = await site.call("GET", "/ready")
    assert (reply.status_code, reply.json()["reasons"]) == (503, ["kill_switch", "draining"])


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_only_operators_see_details(site: Site, path: str) -> None:
    assert "accounts" not in (await site.call("GET", path)).json()
    assert (await site.call("GET", path, sender=HERE)).json()["accounts"] == 2
    site.metrics_token = TOKEN
    site.build()
    assert "accounts" not in (await site.call("GET", path, sender=HERE)).json()
    assert (await site.call("GET", path, headers=bearer(TOKEN))).json()["accounts"] == 2


async def test_without_a_token_metrics_are_for_this_machine_alone(site: Site) -> None:
    reply = await site.call("GET", "/metrics", sender=HERE)
    assert (reply.status_code, reply.text) == (200, "fairlead_ready 1.0\n")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert (await site.call("GET", "/metrics", sender="::1")).status_code == 200
    for sender in (SENDER, PROXY):
        assert (await site.call("GET", "/metrics", sender=sender)).status_code == 403


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip"])
async def test_whom_a_proxy_on_this_machine_brings_is_not_from_this_machine(site: Site, name: str) -> None:
    for value in (SENDER, HERE, f"for={HERE}"):
        reply = await site.call("GET", "/metrics", sender=HERE, headers={name: value})
        assert reply.status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "192.0.2.1", "", "[::1"]
)
async def test_a_page_that_leads_a_browser_on_this_machine_here_sees_no_numbers(site: Site, host: str) -> None:
    assert (await site.call("GET", "/metrics", sender=HERE, headers={"host": host})).status_code == 403
    assert "accounts" not in (await site.call("GET", "/health", sender=HERE, headers={"host": host})).json()
    for own in ("localhost:8000", "127.0.0.1:9", "[::1]:8000", "LOCALHOST"):
        assert (await site.call("GET", "/metrics", sender=HERE, headers={"host": own})).status_code == 200


async def test_with_a_token_only_the_token_counts(site: Site) -> None:
    site.metrics_token = TOKEN
    site.build()
    assert (await site.call("GET", "/metrics", headers=bearer(TOKEN))).status_code == 200
    assert (await site.call("GET", "/metrics", sender=HERE)).status_code == 401
    for headers in (bearer(), bearer(TOKEN[:-1]), bearer(""), {"authorization": f"Basic {TOKEN}"}):
        assert (await site.call("GET", "/metrics", headers=headers)).status_code == 401


async def test_guessing_the_token_is_stopped(site: Site) -> None:
    site.metrics_token = TOKEN
    site.build()
    replies = [
        await site.call("GET", "/metrics", headers=bearer(f"guess {number}"))
        for number in range(FAILURES_PER_MINUTE_MAX + 1)
    ]
    assert {reply.status_code for reply in replies[:-1]} == {401}
    assert replies[-1].status_code == 429


async def test_nobody_may_ask_for_numbers_all_the_time(site: Site) -> None:
    for _ in range(METRICS_PER_MINUTE_MAX):
        assert (await site.call("GET", "/metrics", sender=HERE)).status_code == 200
    reply = await site.call("GET", "/metrics", sender=HERE)
    assert reply.status_code == 429
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    assert (await site.call("GET", "/metrics", sender="::1")).status_code == 200
