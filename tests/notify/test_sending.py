from __future__ import annotations

import asyncio
import logging

import msgspec
import pytest

from fairlead.notify.retries import AGE_MS_MAX, ATTEMPTS_MAX, RETRY_LONGEST_MS, retry_ms
from fairlead.store.queries.notifications import DEAD, SENT, Level, MessageKind, TelegramTarget, put_out, save_rows
from tests.notify.servers import TOKEN, BotApi
from tests.notify.world import NotifyWorld


async def test_a_message_reaches_the_chat_once(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    alert_id = await world.alert(*world.requests("first"))
    await world.read()

    async with world.sender(channel) as sender:
        await world.send(sender)
        await world.send(sender, within_ms=60_000)

    (call,) = api.sent
    assert (call["chat_id"], call["parse_mode"], call["disable_notification"]) == ("42", "HTML", "false")
    assert '"is_disabled": true' in call["link_preview_options"]
    lines = call["text"].splitlines()
    assert lines[0] == "<b>Fairlead · chart &lt;1&gt;</b> · <b>PAPER</b>"
    assert lines[1] == "<b>✅ BUY BTC-USDT-SWAP: SUCCESS</b>"
    assert lines[2] == "1/1 orders executed"
    assert lines[4].startswith("Time: 20")
    assert lines[4].endswith("(Europe/Berlin)")
    assert lines[-1] == f'<a href="https://fairlead.example/explain/{alert_id}">Explain</a>'
    assert [row.status for row in await world.outbox(SENT)] == [SENT]


async def test_a_silent_kind_makes_no_sound(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel(levels={MessageKind.SUCCESS: Level.SILENT})
    await world.start(channel)
    await world.alert(*world.requests("first"))
    await world.read()

    async with world.sender(channel) as sender:
        await world.send(sender)

    assert [call["disable_notification"] for call in api.sent] == ["true"]


async def test_a_flood_limit_is_waited_out_and_costs_no_try(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first"))
    await world.read()
    api.script.append("429 7")
    begun_ms = world.trading.clock.now_ms()

    async with world.sender(channel) as sender:
        await world.send(sender)
        (waiting,) = await world.outbox()
        assert (waiting.attempts, waiting.reason) == (0, "Telegram asks to wait 7 s")
        assert api.sent == []
        await world.send(sender, within_ms=7_000)

    assert len(api.sent) == 1
    assert world.trading.clock.now_ms() - begun_ms >= 7_000


async def test_a_fault_is_tried_again_later_each_time(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first"))
    await world.read()
    api.script.extend(["500", "500", "500"])

    async with world.sender(channel) as sender:
        await world.send(sender)
        (waiting,) = await world.outbox()
        assert waiting.attempts == 1
        assert waiting.due_ms > waiting.changed_ms
        await world.send(sender, within_ms=60_000)

    assert (len(api.tried), len(api.sent)) == (4, 1)
    (sent,) = await world.outbox(SENT)
    assert sent.attempts == 4


def test_pauses_double_up_to_a_limit_and_never_repeat_in_step() -> None:
    pauses = [retry_ms("one", attempts) for attempts in range(1, ATTEMPTS_MAX)]
    assert all(2_000 * 2**number <= pause <= 2_400 * 2**number for number, pause in enumerate(pauses[:8]))
    assert max(pauses) <= RETRY_LONGEST_MS * 6 // 5
    assert retry_ms("one", 5) == retry_ms("one", 5) != retry_ms("two", 5)


async def test_what_cannot_work_dies_visibly_and_can_be_tried_again(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first"))
    await world.read()
    api.script.append("403")

    async with world.sender(channel) as sender:
        await world.send(sender)
        (dead,) = await world.outbox(DEAD)
        assert "the chat does not take the bot's messages" in dead.reason
        assert await world.registry.retry_dead("t1") == 1
        await world.send(sender)

    assert len(api.sent) == 1


async def test_after_the_last_try_it_is_given_up(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first"))
    await world.read()
    (waiting,) = await world.outbox()
    async with world.store.system_session(writes=True) as session:
        await save_rows(session, [msgspec.structs.replace(waiting, attempts=ATTEMPTS_MAX - 2)])
    api.script.extend(["500"] * 3)

    async with world.sender(channel) as sender:
        await world.send(sender)
        assert [row.attempts for row in await world.outbox()] == [ATTEMPTS_MAX - 1]
        world.trading.clock.advance_ms(2 * RETRY_LONGEST_MS)
        await world.send(sender)

    (dead,) = await world.outbox(DEAD)
    assert dead.reason.startswith(f"given up after {ATTEMPTS_MAX} tries: Telegram cannot be reached")
    assert len(api.tried) == 2


async def test_news_of_yesterday_is_not_sent(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first"))
    await world.read()
    world.trading.clock.advance_ms(AGE_MS_MAX + 1)

    async with world.sender(channel) as sender:
        await world.send(sender)

    (dead,) = await world.outbox(DEAD)
    assert dead.reason == "not sent within 24 hours"
    assert api.tried == []


async def test_the_token_is_nowhere_but_in_the_call(
    world: NotifyWorld, api: BotApi, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    channel = await world.add_channel()
    wrong = await world.add_channel(name="wrong", secret=TOKEN[:-1] + "1")
    await world.start(channel, wrong)
    await world.alert(*world.requests("first"))
    await world.read()
    # Telegram's own words hold the token here; so does every address.
    api.script.extend(["400"])

    async with world.sender(channel) as sender, world.sender(wrong) as lost:
        await world.send(sender)
        await world.send(lost)
        shown = f"{world.courier(channel)!r}{channel!r}"
        world.telegram_url = "http://127.0.0.1:9"
        async with world.sender(channel) as nowhere:
            await world.registry.retry_dead("t1")
            await world.send(nowhere)

    reasons = {row.reason for status in (DEAD, "waiting") for row in await world.outbox(status)}
    assert "Telegram does not know this bot's token: set a new one" in reasons or len(reasons) == 2
    stored = b"".join(path.read_bytes() for path in world.folder.iterdir())
    for secret in (TOKEN, TOKEN.partition(":")[2]):
        assert secret not in caplog.text
        assert secret not in capfd.readouterr().err
        assert secret not in shown
        assert not any(secret in reason for reason in reasons)
        assert secret.encode() not in stored


@pytest.mark.slow
async def test_a_burst_is_joined_within_the_limits_and_loses_nothing(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    for number in range(500):
        await world.alert(verdict="denied", reason_code="source_disabled", detail=f"number {number:03d};")
        world.trading.clock.advance_ms(1)
    await world.read()
    begun_ms = world.trading.clock.now_ms()

    async with world.sender(channel) as sender:
        await world.send(sender)

    taken_ms = world.trading.clock.now_ms() - begun_ms
    everything = "\n".join(api.texts)
    assert all(f"number {number:03d};" in everything for number in range(500))
    assert len(api.sent) < 50
    assert taken_ms >= (len(api.sent) - 1) * 1_000
    assert all(len(text.encode("utf-16-le")) // 2 <= 4_096 for text in api.texts)
    assert all("[PAPER]" in line for text in api.texts if "messages:" in text for line in text.splitlines()[1:])
    assert len(await world.outbox(SENT)) == 500


async def test_a_group_is_written_to_every_three_seconds(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel(TelegramTarget(chat="-1001"))
    await world.start(channel)
    for _ in range(3):
        await world.alert(*world.requests("first"))
        await world.trading.run_ms(10)
    await world.read()
    begun_ms = world.trading.clock.now_ms()

    async with world.sender(channel) as sender:
        await world.send(sender)

    assert len(api.sent) == 3
    assert world.trading.clock.now_ms() - begun_ms >= 6_000


async def test_two_channels_of_one_chat_share_its_pace(world: NotifyWorld, api: BotApi) -> None:
    one, two = await world.add_channel(name="one"), await world.add_channel(name="two")
    await world.start(one, two)
    await world.alert(*world.requests("first"))
    await world.read()
    begun_ms = world.trading.clock.now_ms()

    async with world.sender(one) as first, world.sender(two) as second:
        await world.send(first)
        await world.send(second)

    assert len(api.sent) == 2
    assert world.trading.clock.now_ms() - begun_ms >= 1_000


async def test_a_hanging_channel_keeps_only_itself_waiting(world: NotifyWorld, api: BotApi) -> None:
    stuck = await world.add_channel(name="stuck")
    free = await world.add_channel(TelegramTarget(chat="43"), name="free")
    await world.start(stuck, free)
    await world.alert(*world.requests("first"))
    await world.read()
    api.script.append("hang")

    async with world.sender(stuck) as hanging, world.sender(free) as sender:
        task = asyncio.ensure_future(hanging.step())
        await api.called.wait()
        await world.send(sender)
        await world.alert(*world.requests("second"))
        await world.read()
        await world.send(sender, within_ms=2_000)
        assert not task.done()
        assert [call["chat_id"] for call in api.sent] == ["43", "43"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_message_that_cannot_be_read_dies_alone(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first"))
    await world.read()
    (good,) = await world.outbox()
    bad = msgspec.structs.replace(good, message_id="bad", subject="bad", body=b"{}", created_ms=good.created_ms - 1)
    async with world.store.system_session(writes=True) as session:
        await put_out(session, [bad], {})

    async with world.sender(channel) as sender:
        await world.send(sender)

    assert [row.message_id for row in await world.outbox(DEAD)] == ["bad"]
    assert len(api.sent) == 1
