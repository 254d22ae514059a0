from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from fairlead.notify.courier import Style
from fairlead.notify.mail import MailCourier, read_address, write_mail
from fairlead.notify.message import Failure, Message, Parcel
from fairlead.notify.outcome import Delivered, Refused
from fairlead.store.queries.notifications import (
    DEAD,
    SENT,
    EmailTarget,
    MailSecurity,
    MessageKind,
)
from tests.notify.servers import MailServer
from tests.notify.world import NotifyWorld

STYLE = Style(zone=ZoneInfo("UTC"), public_url="https://fairlead.example")


def target(port: int = 25, **changes: object) -> EmailTarget:
    values: dict[str, object] = {
        "host": "127.0.0.1",
        "port": port,
        "security": MailSecurity.PLAIN,
        "sender": "fairlead@example.org",
        "recipient": "ann@example.org",
    }
    return EmailTarget(**{**values, **changes})  # type: ignore[arg-type]


def parcel(**changes: object) -> Parcel:
    values: dict[str, object] = {
        "kind": MessageKind.ERROR,
        "title": "Fairlead",
        "mode": "PAPER",
        "headline": "BUY BTC-USDT",
        "label": "FAILED",
        "at_ms": 0,
    }
    message = Message(**{**values, **changes})  # type: ignore[arg-type]
    return Parcel(message_id="m1", message=message, is_silent=False)


async def test_a_mail_arrives_with_its_key_and_its_mode(world: NotifyWorld) -> None:
    async with MailServer().running() as server:
        channel = await world.add_channel(target(server.port), name="mail", secret="")
        await world.start(channel)
        await world.alert(*world.requests("first"))
        await world.read()

        async with world.sender(channel) as sender:
            await world.send(sender)

    (mail,) = server.mails
    (row,) = await world.outbox(SENT)
    assert mail["Subject"] == "Fairlead: [PAPER] BUY BTC-USDT-SWAP: SUCCESS (1/1 orders executed)"
    assert mail["Message-ID"] == f"<{row.message_id}@example.org>"
    assert (mail["From"], mail["To"]) == ("fairlead@example.org", "ann@example.org")
    text = mail.get_body(("plain",))
    page = mail.get_body(("html",))
    assert text is not None
    assert page is not None
    assert text.get_content().startswith("Fairlead · chart <1> - PAPER")
    assert "chart &lt;1&gt; - PAPER" in page.get_content()


async def test_a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not(world: NotifyWorld) -> None:
    async with MailServer().running() as server:
        server.script.extend(["451 try later", "554 no such thing"])
        channel = await world.add_channel(target(server.port), name="mail", secret="")
        await world.start(channel)
        await world.alert(*world.requests("first"))
        await world.read()

        async with world.sender(channel) as sender:
            await world.send(sender)
            (waiting,) = await world.outbox()
            assert waiting.reason == "the mail server answered 451: try later"
            await world.send(sender, within_ms=10_000)

    (dead,) = await world.outbox(DEAD)
    assert dead.reason == "the mail server answered 554: no such thing"


async def test_a_password_is_never_sent_in_the_clear() -> None:
    async with MailServer().running() as server:
        courier = MailCourier(target=target(server.port, username="ann"), password="hush", style=STYLE)
        outcome = await courier.send([parcel()])
        secured = target(server.port, username="ann", security=MailSecurity.STARTTLS)
        unsure = await MailCourier(target=secured, password="hush", style=STYLE).send([parcel()])

    assert isinstance(outcome, Refused)
    assert not isinstance(unsure, Delivered)
    assert server.raw == []
    assert "hush" not in repr((courier, outcome, unsure))


def test_no_text_begins_another_header() -> None:
    evil = "x\r\nBcc: eve@example.org\r\n\r\nhello"
    mail = write_mail([parcel(headline=evil, failures=(Failure(account=evil, reason=evil),))], target(), STYLE)
    head = mail.as_bytes().partition(b"\r\n\r\n")[0]
    assert b"\r\nBcc:" not in head
    assert "Bcc" not in mail


def test_what_is_not_ascii_is_encoded() -> None:
    mail = write_mail([parcel(headline="BUY Ünïcødé 🚀")], target(), STYLE)
    assert "Ünïcødé 🚀" in mail["Subject"]
    assert mail.as_bytes().partition(b"\r\n\r\n")[0].isascii()


@pytest.mark.parametrize("text", ["", "ann", "a@b, c@d", "a b@c.de", "ann@example.org\nBcc: x@y", "<a@b.de>"])
def test_a_thing_that_is_no_plain_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain mail address"):
        read_address(text)


def test_several_messages_are_one_mail_that_names_every_mode() -> None:
    mail = write_mail([parcel(), parcel(mode="")], target(), STYLE)
    assert mail["Subject"] == "Fairlead: [PAPER] 2 messages: 2 FAILED"
