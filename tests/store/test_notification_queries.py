"""Channels and their messages are kept alike on every database, and each tenant sees its own."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from fairlead.store.journal import StoredJournal
from fairlead.store.queries import notifications as rows
from fairlead.store.queries.users import Role, User, add_user
from fairlead.store.session import Store
from tests.servers.clean import on_every_database
from tests.store.samples import TENANT, all_states, make_position, note, unit

OTHER = "other"
USER = User(
    user_id="u1",
    tenant=TENANT,
    username="ada",
    password_hash="$argon2id$",
    role=Role.OWNER,
    time_zone="",
    enabled=True,
    created_ms=1,
)
CHANNEL = rows.NotifyChannel(
    channel_id="c1",
    tenant=TENANT,
    owner="u1",
    name="phone 🚢",
    target=rows.TelegramTarget(chat="-100"),
    secret=bytes(range(256)),
    created_ms=1,
    levels={rows.MessageKind.ERROR: rows.Level.OFF},
)


def message(number: int, *, subject: str = "", due_ms: int = 0) -> rows.OutboxRow:
    return rows.OutboxRow(
        message_id=f"m{number}",
        tenant=TENANT,
        channel_id="c1",
        subject=subject or f"order-{number}",
        kind=rows.MessageKind.SUCCESS,
        is_silent=bool(number % 2),
        body=b"\x00{}\xff",
        created_ms=number,
        due_ms=due_ms,
        changed_ms=number,
    )


async def add_channel(store: Store) -> None:
    async with store.session(TENANT, writes=True) as session:
        await add_user(session, USER)
        await rows.add_channel(session, CHANNEL)


@on_every_database
async def test_channels_are_read_back_by_their_tenant_only(store: Store) -> None:
    await add_channel(store)
    changed = msgspec.structs.replace(CHANNEL, enabled=False, target=rows.WebhookTarget(url="https://example.com"))
    async with store.session(TENANT, writes=True) as session:
        assert await rows.list_channels(session) == [CHANNEL]
        assert await rows.save_channel(session, changed)
        # A second time nothing changes, and it is there all the same.
        assert await rows.save_channel(session, changed)
        assert not await rows.save_channel(session, msgspec.structs.replace(changed, channel_id="none"))
    async with store.session(OTHER, writes=True) as session:
        assert await rows.list_channels(session) == []
        assert not await rows.remove_channel(session, "c1")
    async with store.system_session() as system:
        assert await rows.list_channels(system) == [changed]


@on_every_database
async def test_messages_wait_die_and_are_tried_again(store: Store) -> None:
    await add_channel(store)
    first, second, late = message(1), message(2), message(3, due_ms=100)
    dead = msgspec.structs.replace(first, status=rows.DEAD, attempts=3, changed_ms=50, reason="blocked")
    sent = msgspec.structs.replace(second, status=rows.SENT, attempts=1, changed_ms=50)
    async with store.system_session(writes=True) as system:
        await rows.put_out(system, [late, second, first], {})
        assert await rows.find_known(system, ["m1", "m3", "m9"]) == {"m1", "m3"}
        assert await rows.load_due(system, "c1", 50, 10) == [first, second]
        assert await rows.load_due(system, "c1", 50, 1) == [first]
        await rows.save_rows(system, [dead, sent])
        assert await rows.next_due_ms(system, "c1") == 100
        assert await rows.next_due_ms(system, "none") is None
    async with store.session(TENANT, writes=True) as session:
        assert await rows.count_outbox(session) == {"c1": rows.OutboxCount(waiting=1, dead=1)}
        assert await rows.list_outbox(session, rows.DEAD, 10) == [dead]
        assert await rows.revive(session, 60) == 1
        assert await rows.revive(session, 60) == 0
    async with store.system_session(writes=True) as system:
        await rows.prune_outbox(system, 51)
        assert await rows.list_outbox(system, rows.SENT, 10) == []
        assert [row.message_id for row in await rows.list_outbox(system, rows.WAITING, 10)] == ["m3", "m1"]
    async with store.session(OTHER) as session:
        assert await rows.count_outbox(session) == {}
    async with store.session(TENANT, writes=True) as session:
        assert await rows.remove_channel(session, "c1")
        assert await rows.list_outbox(session, rows.WAITING, 10) == []


async def put_out(store: Store, row: rows.OutboxRow) -> None:
    async with store.system_session(writes=True) as system:
        await rows.put_out(system, [row], {rows.CURSOR: b"2"})


@on_every_database
async def test_a_subject_is_told_once_and_the_place_of_reading_stays_with_it(store: Store) -> None:
    await add_channel(store)
    await put_out(store, message(1, subject="order-1"))

    with pytest.raises(IntegrityError):
        await put_out(store, message(2, subject="order-1"))

    async with store.system_session() as system:
        assert await rows.list_outbox(system, rows.WAITING, 10) == [message(1)]
        assert await rows.read_reader_state(system) == {rows.CURSOR: b"2"}


@on_every_database
async def test_reading_begins_once_at_the_newest_row(store: Store, journal: StoredJournal) -> None:
    await journal.commit(unit(note(), note(), states=all_states()))
    async with store.system_session(writes=True) as system:
        await rows.begin_reading(system)
    await journal.commit(unit(note()))

    name = rows.name_position(make_position())
    async with store.system_session(writes=True) as system:
        await rows.begin_reading(system)
        state = await rows.read_reader_state(system)
        assert (state[rows.CURSOR], set(state)) == (b"2", {rows.CURSOR, name})
        assert await rows.read_newest(system) == 3
        await rows.put_out(system, [], {name: None, rows.CURSOR: b"3"})
        assert await rows.read_reader_state(system) == {rows.CURSOR: b"3"}
        await rows.forget_reader_state(system)
        assert await rows.read_reader_state(system) == {}
