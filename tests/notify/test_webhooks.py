from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from fairlead.notify.addresses import is_public, read_literal
from fairlead.notify.webhook import PrivateAddressError, PublicResolver, find_url_flaw, sign
from fairlead.store.queries.notifications import DEAD, SENT, NotifyChannel, WebhookTarget
from tests.notify.servers import Receiver, own_certificate
from tests.notify.world import NotifyWorld

SECRET = "a signing secret of some length"


async def open_channel(world: NotifyWorld, receiver: Receiver) -> NotifyChannel:
    channel = await world.add_channel(WebhookTarget(url=receiver.url), name="hook", secret=SECRET)
    await world.start(channel)
    return channel


async def test_a_call_is_signed_keyed_and_marked(world: NotifyWorld) -> None:
    async with Receiver(SECRET).running() as receiver:
        channel = await open_channel(world, receiver)
        alert_id = await world.alert(*world.requests("first"))
        await world.read()

        async with world.sender(channel) as sender:
            await world.send(sender)

    (message,) = receiver.messages
    (row,) = await world.outbox(SENT)
    assert receiver.keys == [row.message_id] == [message["id"]]
    assert (message["kind"], message["mode"], message["label"]) == ("SUCCESS", "PAPER", "SUCCESS")
    assert message["counts"] == ["1/1 orders executed"]
    assert message["subject"] == f"{alert_id[:4]}****{alert_id[-4:]}"
    assert message["explain_url"] == f"https://fairlead.example/explain/{alert_id}"


async def test_the_same_call_has_the_same_key_at_every_try(world: NotifyWorld) -> None:
    async with Receiver(SECRET).running() as receiver:
        receiver.statuses.extend([500, 503])
        channel = await open_channel(world, receiver)
        await world.alert(*world.requests("first"))
        await world.read()

        async with world.sender(channel) as sender:
            await world.send(sender, within_ms=60_000)

    assert len(receiver.keys) == 3
    assert len(set(receiver.keys)) == 1
    assert len(receiver.messages) == 1


async def test_a_wait_that_is_asked_for_is_kept(world: NotifyWorld) -> None:
    async with Receiver(SECRET).running() as receiver:
        receiver.statuses.append(429)
        receiver.headers = {"Retry-After": "30"}
        channel = await open_channel(world, receiver)
        await world.alert(*world.requests("first"))
        await world.read()

        async with world.sender(channel) as sender:
            await world.send(sender, within_ms=29_000)
            assert len(receiver.keys) == 1
            await world.send(sender, within_ms=2_000)

    assert len(receiver.messages) == 1


@pytest.mark.parametrize("status", [302, 401, 404, 410])
async def test_an_answer_that_will_not_change_ends_it(world: NotifyWorld, status: int) -> None:
    async with Receiver(SECRET).running() as receiver:
        receiver.statuses.append(status)
        receiver.headers = {"Location": receiver.url}
        channel = await open_channel(world, receiver)
        await world.alert(*world.requests("first"))
        await world.read()

        async with world.sender(channel) as sender:
            await world.send(sender, within_ms=60_000)

    (dead,) = await world.outbox(DEAD)
    assert dead.reason.startswith(f"the address answered {status}")
    # No redirect is followed.
    assert len(receiver.keys) == 1


async def test_a_burst_is_one_call(world: NotifyWorld) -> None:
    async with Receiver(SECRET).running() as receiver:
        channel = await open_channel(world, receiver)
        for _ in range(20):
            await world.alert(verdict="denied", reason_code="source_disabled", detail="off")
            world.trading.clock.advance_ms(1)
        await world.read()

        async with world.sender(channel) as sender:
            await world.send(sender)

    assert len(receiver.keys) == 1
    assert len({message["id"] for message in receiver.messages}) == 20


async def test_a_private_address_is_refused_unless_it_is_allowed(world: NotifyWorld) -> None:
    world.allow_private = False
    async with Receiver(SECRET).running() as receiver:
        channel = await open_channel(world, receiver)
        await world.alert(*world.requests("first"))
        await world.read()

        async with world.sender(channel) as sender:
            await world.send(sender)

    (dead,) = await world.outbox(DEAD)
    assert "FAIRLEAD_NOTIFY_PRIVATE_TARGETS=true allows" in dead.reason
    assert receiver.keys == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(world: NotifyWorld, tmp_path: Path) -> None:
    async with Receiver(SECRET).running(own_certificate(tmp_path)) as receiver:
        channel = await open_channel(world, receiver)
        await world.alert(*world.requests("first"))
        await world.read()

        async with world.sender(channel) as sender:
            await world.send(sender)

    (dead,) = await world.outbox(DEAD)
    assert dead.reason == "the certificate of the address is not valid"
    assert receiver.keys == []


async def test_a_name_that_leads_home_is_refused_when_it_is_looked_up() -> None:
    resolver = PublicResolver()
    with pytest.raises(PrivateAddressError, match="localhost leads to a private address"):
        await resolver.resolve("localhost", 443)
    await resolver.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/in",
        "https://127.0.0.1/in",
        "https://10.1.2.3",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://2130706433/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://user:word@example.org/",
        "ftp://example.org/",
        "https:///in",
        "https://example.org:port/",
    ],
)
def test_a_url_that_leads_somewhere_private_is_refused(url: str) -> None:
    assert find_url_flaw(url, allow_private=False)


def test_a_public_url_is_taken() -> None:
    assert find_url_flaw("https://example.org/in?x=1", allow_private=False) == ""
    assert find_url_flaw("https://[2606:4700::1111]/", allow_private=False) == ""
    assert read_literal("example.org") is None
    assert is_public("8.8.8.8")
    assert not is_public("224.0.0.1")


def test_the_documented_check_accepts_a_signature_and_nothing_else() -> None:
    body = json.dumps({"messages": []}).encode()
    header = sign(b"secret", 1_790_000_000, body)
    parts = dict(part.split("=", 1) for part in header.split(","))

    def check(payload: bytes, at: str) -> bool:
        expected = hmac.new(b"secret", f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, parts["v1"])

    assert check(body, parts["t"])
    assert not check(body + b" ", parts["t"])
    assert not check(body, "1790000001")
