"""Channels that people are told through, the messages that wait for them, and how far the journal was read for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, delete, func, insert, select, true, update

from fairlead.core.model.account import Position
from fairlead.core.model.money import ZERO
from fairlead.store.projections import read_state
from fairlead.store.session import SYSTEM, Session, values_of
from fairlead.store.tables import journal, notify_channels, notify_outbox, notify_state, positions

IDS_PER_QUERY_MAX: Final = 500
CURSOR: Final = "cursor"
POSITION: Final = "position:"
WAITING: Final = "waiting"
SENT: Final = "sent"
DEAD: Final = "dead"


class MessageKind(StrEnum):
    """What a message is about; a channel is on, silent or off for each."""

    SUCCESS = "SUCCESS"
    PARTIAL_SUCCESS = "PARTIAL_SUCCESS"
    CLOSE = "CLOSE"
    PARTIAL_CLOSE = "PARTIAL_CLOSE"
    ERROR = "ERROR"
    CANCELED = "CANCELED"
    LIQUIDATION = "LIQUIDATION"
    ORDER_UNKNOWN = "ORDER_UNKNOWN"
    DRIFT = "DRIFT"
    ACCOUNT_REBUILT = "ACCOUNT_REBUILT"
    SAFETY = "SAFETY"


class Level(StrEnum):
    """How much of a stir a kind of message makes."""

    ON = "on"
    SILENT = "silent"
    OFF = "off"


# What nobody has to act on makes no sound; everything about money does.
DEFAULT_LEVELS: Final[Mapping[MessageKind, Level]] = {
    **dict.fromkeys(MessageKind, Level.ON),
    MessageKind.CANCELED: Level.SILENT,
    MessageKind.ACCOUNT_REBUILT: Level.SILENT,
}


class MailSecurity(StrEnum):
    """How the connection to a mail server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    PLAIN = "plain"


class TelegramTarget(msgspec.Struct, frozen=True, kw_only=True, tag="telegram"):
    """A chat of a bot: a number (negative for groups) or ``@name``; the secret is the bot's token."""

    chat: str


class WebhookTarget(msgspec.Struct, frozen=True, kw_only=True, tag="webhook"):
    """An address that takes JSON; the secret signs it."""

    url: str


class EmailTarget(msgspec.Struct, frozen=True, kw_only=True, tag="email"):
    """A mailbox, and the server that mail for it is given to; the secret is the server's password, if it wants one."""

    host: str
    port: int
    security: MailSecurity
    sender: str
    recipient: str
    username: str = ""


Target = TelegramTarget | WebhookTarget | EmailTarget


class NotifyChannel(msgspec.Struct, frozen=True, kw_only=True):
    """One way to tell one person. ``secret`` is sealed; an empty ``time_zone`` means its owner's.

    ``levels`` holds only what differs from the defaults. Facts from before ``created_ms`` are not told.
    """

    channel_id: str
    tenant: str
    owner: str
    name: str
    target: Target
    secret: bytes
    created_ms: int
    levels: dict[MessageKind, Level] = {}
    time_zone: str = ""
    enabled: bool = True

    @property
    def kind(self) -> str:
        """Its kind in one word."""
        match self.target:
            case TelegramTarget():
                return "telegram"
            case WebhookTarget():
                return "webhook"
            case EmailTarget():
                return "email"

    def level_of(self, kind: MessageKind) -> Level:
        """How this channel takes a kind of message."""
        return self.levels.get(kind, DEFAULT_LEVELS[kind])

    def __repr__(self) -> str:
        """Name it without its secret."""
        return f"NotifyChannel({self.name!r}, {self.kind})"


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one channel; (channel, subject, kind) is unique, so that folding a fact again adds nothing.

    ``status`` is ``waiting``, ``sent`` or ``dead``; times in UTC milliseconds; ``reason`` says why the last try failed.
    """

    message_id: str
    tenant: str
    channel_id: str
    subject: str
    kind: MessageKind
    is_silent: bool
    body: bytes
    created_ms: int
    due_ms: int
    changed_ms: int
    status: str = WAITING
    attempts: int = 0
    reason: str = ""


class OutboxCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages of a channel wait, and how many died."""

    waiting: int = 0
    dead: int = 0


async def add_channel(session: Session, channel: NotifyChannel) -> None:
    """Add a channel.

    Raises:
        sqlalchemy.exc.IntegrityError: its name is taken in this tenant.
    """
    await session.execute(insert(notify_channels), [_write_channel(channel)])


async def save_channel(session: Session, channel: NotifyChannel) -> bool:
    """Replace what is configured of a channel; False when there is none with this id."""
    query = update(notify_channels).where(
        notify_channels.c.tenant == session.tenant,
        notify_channels.c.channel_id == channel.channel_id,
    )
    return (await session.execute(query.values(**_write_channel(channel)))).rowcount > 0


async def remove_channel(session: Session, channel_id: str) -> bool:
    """Forget a channel and its messages; False when there is none with this id."""
    query = delete(notify_channels).where(
        notify_channels.c.tenant == session.tenant,
        notify_channels.c.channel_id == channel_id,
    )
    return (await session.execute(query)).rowcount > 0


async def list_channels(session: Session) -> Sequence[NotifyChannel]:
    """Channels of the tenant, or of everybody in a system session, by tenant and name."""
    query = select(notify_channels).where(_of_tenant(session, notify_channels.c.tenant))
    found = await session.fetch_all(query.order_by(notify_channels.c.tenant, notify_channels.c.name))
    return [_read_channel(row) for row in found]


async def find_known(system: Session, message_ids: Sequence[str]) -> frozenset[str]:
    """Which of these messages were put out before; needs a system session."""
    found: set[str] = set()
    for start in range(0, len(message_ids), IDS_PER_QUERY_MAX):
        chunk = message_ids[start : start + IDS_PER_QUERY_MAX]
        query = select(notify_outbox.c.message_id).where(notify_outbox.c.message_id.in_(chunk))
        found.update(row.message_id for row in await system.fetch_all(query))
    return frozenset(found)


async def put_out(system: Session, rows: Sequence[OutboxRow], state: Mapping[str, bytes | None]) -> None:
    """Add messages and move what was read for them, in the caller's one transaction; needs a system session.

    ``state`` holds what changed, by name; None forgets a name.
    """
    if rows:
        await system.execute(insert(notify_outbox), [_write_row(row) for row in rows])
    names = list(state)
    for start in range(0, len(names), IDS_PER_QUERY_MAX):
        chunk = names[start : start + IDS_PER_QUERY_MAX]
        await system.execute(delete(notify_state).where(notify_state.c.name.in_(chunk)))
    kept = [{"name": name, "body": body} for name, body in state.items() if body is not None]
    if kept:
        await system.execute(insert(notify_state), kept)


async def read_reader_state(system: Session) -> Mapping[str, bytes]:
    """Everything the reader of the journal keeps, by name; needs a system session."""
    return {row.name: row.body for row in await system.fetch_all(select(notify_state))}


async def forget_reader_state(system: Session) -> None:
    """Forget how far the journal was read: nobody is there to be told; needs a system session."""
    await system.execute(delete(notify_state))


async def read_newest(system: Session) -> int:
    """Number of the journal's newest row, 0 without any; needs a system session.

    A session that asks this first sees every table as those rows made it, however long it lasts.
    """
    row = await system.fetch_one(select(func.max(journal.c.seq)))
    return 0 if row is None else row[0] or 0


async def begin_reading(system: Session) -> None:
    """Let the reader begin at the journal's newest row, with the positions as of it, unless it began before.

    Needs a system session that writes, so that nothing is journaled between the two.
    """
    begun = await system.fetch_one(select(notify_state.c.name).where(notify_state.c.name == CURSOR))
    if begun is not None:
        return
    held = await system.fetch_all(select(positions.c.body).where(positions.c.quantity != ZERO))
    found = [one for row in held if isinstance(one := read_state(row.body), Position)]
    state: dict[str, bytes | None] = {name_position(one): msgspec.json.encode(one) for one in found}
    state[CURSOR] = msgspec.json.encode(await read_newest(system))
    await put_out(system, [], state)


def name_position(position: Position) -> str:
    """Under which name the reader keeps a position."""
    return f"{POSITION}{position.account_id}|{position.symbol}|{position.position_side}"


async def load_due(system: Session, channel_id: str, now_ms: int, rows_max: int) -> Sequence[OutboxRow]:
    """Messages of a channel whose time has come, oldest first; needs a system session."""
    query = select(notify_outbox).where(
        notify_outbox.c.channel_id == channel_id,
        notify_outbox.c.status == WAITING,
        notify_outbox.c.due_ms <= now_ms,
    )
    ordered = query.order_by(notify_outbox.c.created_ms, notify_outbox.c.message_id).limit(rows_max)
    return [_read_row(row) for row in await system.fetch_all(ordered)]


async def next_due_ms(system: Session, channel_id: str) -> int | None:
    """When the next message of a channel is due; None when nothing waits. Needs a system session."""
    query = select(func.min(notify_outbox.c.due_ms)).where(
        notify_outbox.c.channel_id == channel_id,
        notify_outbox.c.status == WAITING,
    )
    row = await system.fetch_one(query)
    return None if row is None else row[0]


async def save_rows(system: Session, rows: Sequence[OutboxRow]) -> None:
    """Write how far messages have come; needs a system session."""
    # One statement for all that came to the same end, so that the write lock is held for a moment only.
    ends: dict[tuple[str, int, int, int, str], list[str]] = {}
    for row in rows:
        end = (row.status, row.attempts, row.due_ms, row.changed_ms, row.reason)
        ends.setdefault(end, []).append(row.message_id)
    for (status, attempts, due_ms, changed_ms, reason), message_ids in ends.items():
        query = update(notify_outbox).where(notify_outbox.c.message_id.in_(message_ids))
        values = {"status": status, "attempts": attempts, "due_ms": due_ms, "changed_ms": changed_ms, "reason": reason}
        await system.execute(query.values(**values))


async def list_outbox(session: Session, status: str, rows_max: int) -> Sequence[OutboxRow]:
    """Messages of the session's tenant (or of everybody, in a system session) in one state, oldest first."""
    query = select(notify_outbox).where(_of_tenant(session, notify_outbox.c.tenant), notify_outbox.c.status == status)
    ordered = query.order_by(notify_outbox.c.created_ms, notify_outbox.c.message_id).limit(rows_max)
    return [_read_row(row) for row in await session.fetch_all(ordered)]


async def count_outbox(session: Session) -> Mapping[str, OutboxCount]:
    """How many messages wait or died, by channel id."""
    query = (
        select(notify_outbox.c.channel_id, notify_outbox.c.status, func.count().label("messages"))
        .where(_of_tenant(session, notify_outbox.c.tenant), notify_outbox.c.status.in_((WAITING, DEAD)))
        .group_by(notify_outbox.c.channel_id, notify_outbox.c.status)
    )
    counts: dict[str, dict[str, int]] = {}
    for row in await session.fetch_all(query):
        counts.setdefault(row.channel_id, {})[row.status] = row.messages
    return {channel_id: OutboxCount(**found) for channel_id, found in counts.items()}


async def revive(session: Session, now_ms: int) -> int:
    """Let the dead messages of the tenant be tried again, from the first try; returns how many."""
    query = update(notify_outbox).where(notify_outbox.c.tenant == session.tenant, notify_outbox.c.status == DEAD)
    values = query.values(status=WAITING, attempts=0, due_ms=now_ms, created_ms=now_ms)
    return (await session.execute(values)).rowcount


async def prune_outbox(system: Session, before_ms: int) -> None:
    """Forget messages that were sent or died before a moment; needs a system session."""
    query = delete(notify_outbox).where(notify_outbox.c.status != WAITING, notify_outbox.c.changed_ms < before_ms)
    await system.execute(query)


def _of_tenant(session: Session, column: ColumnElement[str]) -> ColumnElement[bool]:
    return true() if session.tenant == SYSTEM else column == session.tenant


def _write_channel(channel: NotifyChannel) -> dict[str, Any]:
    values = msgspec.structs.asdict(channel)
    encoded = {name: msgspec.json.encode(values[name]).decode() for name in ("target", "levels")}
    return values | encoded


def _read_channel(row: Row[Any]) -> NotifyChannel:
    values = values_of(row)
    values["target"] = msgspec.json.decode(values["target"], type=Target)
    values["levels"] = msgspec.json.decode(values["levels"], type=dict[MessageKind, Level])
    return NotifyChannel(**values)


def _write_row(row: OutboxRow) -> dict[str, Any]:
    return msgspec.structs.asdict(row) | {"kind": row.kind.value}


def _read_row(row: Row[Any]) -> OutboxRow:
    return msgspec.convert(values_of(row), OutboxRow, strict=False)
