from __future__ import annotations

import asyncio

import pytest

from fairlead.core.model.request import Close
from fairlead.store.queries.notifications import SENT, MessageKind
from tests.notify.servers import BotApi
from tests.notify.world import NotifyWorld, details_of
from tests.orders.trading_world import LINEAR, SPOT, buy


async def test_a_restart_goes_on_at_the_cursor(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first"))
    await world.read()
    await world.trading.run_ms(10)
    await world.alert(*world.requests("second"))

    await world.start(channel)

    first, second = await world.messages()
    assert (details_of(first)["Request"], details_of(second)["Request"]) != ("", "")
    assert len(await world.outbox()) == 2
    await world.start(channel)
    assert len(await world.outbox()) == 2


async def test_a_crash_before_the_commit_tells_it_after_the_restart(
    world: NotifyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first"))

    async def die(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr("fairlead.notify.notifier.put_out", die)
        with pytest.raises(asyncio.CancelledError):
            await world.read()
    assert await world.outbox() == []

    await world.start(channel)
    assert len(await world.outbox()) == 1


async def test_facts_that_are_read_again_are_told_once(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    state = await world.reader_state()
    await world.alert(*world.requests("first"))
    await world.read()
    told = [row.message_id for row in await world.outbox()]

    await world.restore_reader_state(state)
    await world.start(channel)

    assert [row.message_id for row in await world.outbox()] == told


async def test_a_message_that_was_not_sent_is_sent_by_the_next_process(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first"))
    await world.read()

    async with world.sender(channel) as next_process:
        await world.send(next_process)

    assert len(api.sent) == 1


async def test_a_crash_between_send_and_mark_sends_again_under_the_same_key(world: NotifyWorld, api: BotApi) -> None:
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first"))
    await world.read()
    keys = []

    async with world.sender(channel) as dying:
        # The process ends right after the message has left.
        async def die(*_: object) -> None:
            raise asyncio.CancelledError

        dying._save = die  # type: ignore[assignment,method-assign]  # noqa: SLF001
        with pytest.raises(asyncio.CancelledError):
            await dying.step()
    keys += [row.message_id for row in await world.outbox()]
    async with world.sender(channel) as next_process:
        await world.trading.run_ms(1_000)
        await world.send(next_process)
    keys += [row.message_id for row in await world.outbox(SENT)]

    assert len(api.sent) == 2
    assert keys[0] == keys[1]


async def test_an_alert_in_the_middle_is_told_after_the_restart_with_its_profit(
    world: NotifyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead.notify.notifier.WRITE_EVERY_MS", 0)
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first", "second", intent=buy(2)))
    await world.trading.run_ms(1_000)
    world.trading.feed(LINEAR, world.trading.price() + 200)
    await world.trading.lose_reports("second")
    await world.alert(*world.requests("first", "second", intent=Close()))
    await world.read()
    assert [message.kind for message in await world.messages()] == [MessageKind.SUCCESS]

    await world.start(channel)
    world.trading.clock.advance_ms(60_000)
    await world.read()

    _, closed = await world.messages()
    assert closed.kind is MessageKind.PARTIAL_CLOSE
    assert closed.counts == ("1/2 orders executed", "1/2 pending")
    assert details_of(closed)["Realized P&L"].startswith("+")


async def test_rows_that_come_in_small_pieces_tell_the_same(
    world: NotifyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead.notify.notifier.ROWS_PER_STEP_MAX", 1)
    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("first", "second", intent=buy("0.001"), symbol=SPOT, margin_mode=None))
    await world.alert(*world.requests("third", intent=buy(1_000), symbol=SPOT, margin_mode=None))

    await world.read()

    told = await world.messages()
    assert sorted(message.kind for message in told) == [MessageKind.ERROR, MessageKind.SUCCESS]


async def test_what_happens_before_the_first_start_is_told_too(world: NotifyWorld) -> None:
    channel = await world.add_channel()
    await world.alert(*world.requests("first", intent=buy(2)))
    await world.trading.run_ms(1_000)
    world.trading.feed(LINEAR, world.trading.price() + 200)
    await world.alert(*world.requests("first", intent=Close()))

    await world.start(channel)

    opened, closed = await world.messages()
    assert (opened.kind, closed.kind) == (MessageKind.SUCCESS, MessageKind.CLOSE)
    assert "Realized P&L" in details_of(closed)


async def test_positions_from_before_the_first_channel_are_known(world: NotifyWorld) -> None:
    await world.alert(*world.requests("first", intent=buy(2)))
    await world.trading.run_ms(1_000)
    channel = await world.add_channel()
    world.trading.feed(LINEAR, world.trading.price() - 200)
    await world.alert(*world.requests("first", intent=Close()))

    await world.start(channel)

    (closed,) = await world.messages()
    assert details_of(closed)["Realized P&L"].startswith("-")


async def test_nobody_to_tell_costs_nothing_and_later_channels_hear_only_what_is_new(world: NotifyWorld) -> None:
    await world.start()
    await world.alert(*world.requests("first"))
    await world.read()
    assert await world.reader_state() == {}

    channel = await world.add_channel()
    await world.start(channel)
    await world.alert(*world.requests("second"))
    await world.read()

    assert [message.counts for message in await world.messages()] == [("1/1 orders executed",)]
