"""Channels that people are told through; a channel's secret is sealed before it is stored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from fairlead.accounts.registry.naming import Refused, check_name, check_zone, unknown
from fairlead.core.model.ids import derive_id
from fairlead.core.model.secret import Secret
from fairlead.ports import Clock, SealedPlace, SecretBox
from fairlead.store.queries import notifications as rows
from fairlead.store.queries import users as user_rows
from fairlead.store.queries.notifications import (
    EmailTarget,
    Level,
    MailSecurity,
    MessageKind,
    NotifyChannel,
    OutboxCount,
    OutboxRow,
    Target,
    TelegramTarget,
    WebhookTarget,
)
from fairlead.store.queries.users import User
from fairlead.store.session import Session, Store

SECRET_LENGTH_MAX: Final = 512
SIGNING_SECRET_LENGTH_MIN: Final = 16
URL_LENGTH_MAX: Final = 2_000
PORT_MAX: Final = 65_535
CHANNELS_MAX: Final = 50
OUTBOX_ROWS_MAX: Final = 200
_BOT_TOKEN: Final = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}", re.ASCII)
_CHAT: Final = re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{4,64}", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9.:-]{1,253}", re.ASCII)
_MAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)


class ChannelWish(msgspec.Struct, frozen=True, kw_only=True):
    """A channel to add; an empty owner means the tenant's first owner. The secret is in clear until then."""

    name: str
    target: Target
    secret: str
    owner: str = ""
    time_zone: str = ""
    levels: dict[MessageKind, Level] = {}

    def __repr__(self) -> str:
        """Name it without its secret."""
        return f"ChannelWish({self.name!r})"


class ChannelRegistry:
    """Adds, finds and changes channels, and shows what waits in them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Work on one database."""
        self._store = store
        self._clock = clock

    async def add(self, tenant: str, wish: ChannelWish, box: SecretBox) -> NotifyChannel | Refused:
        """Add a channel; it hears what happens from now on."""
        refused = check_name("channel name", wish.name) or _check_target(wish) or check_zone(wish.time_zone or "UTC")
        if refused is not None:
            return refused
        now_ms = self._clock.now_ms()
        async with self._store.session(tenant, writes=True) as session:
            owner = await _find_owner(session, wish.owner)
            known = await rows.list_channels(session)
            if isinstance(owner, Refused):
                return owner
            if wish.name in {channel.name for channel in known}:
                return Refused(message=f"there is a channel {wish.name!r} already; remove it, or choose another name")
            if len(known) >= CHANNELS_MAX:
                return Refused(message=f"there are {CHANNELS_MAX} channels already; remove one first")
            channel_id = derive_id(now_ms, "channel", tenant, wish.name)
            channel = NotifyChannel(
                channel_id=channel_id,
                tenant=tenant,
                owner=owner.user_id,
                name=wish.name,
                target=wish.target,
                secret=box.seal(Secret(wish.secret), secret_place(tenant, channel_id)),
                created_ms=now_ms,
                levels=wish.levels,
                time_zone=wish.time_zone,
            )
            await rows.add_channel(session, channel)
        async with self._store.system_session(writes=True) as system:
            await rows.begin_reading(system)
        return channel

    async def list_all(self, tenant: str | None = None) -> Sequence[NotifyChannel]:
        """All channels of a tenant, or of everybody."""
        async with self._store.system_session() as session:
            found = await rows.list_channels(session)
        return [channel for channel in found if tenant in {None, channel.tenant}]

    async def find(self, tenant: str, name: str) -> NotifyChannel | Refused:
        """One channel by name or id."""
        async with self._store.session(tenant) as session:
            return await _find(session, name)

    async def find_owner(self, channel: NotifyChannel) -> User | None:
        """Whose channel it is."""
        async with self._store.session(channel.tenant) as session:
            return await user_rows.find_user(session, channel.owner)

    async def set_levels(
        self,
        tenant: str,
        name: str,
        levels: Mapping[MessageKind, Level],
        *,
        enabled: bool | None = None,
        time_zone: str | None = None,
    ) -> NotifyChannel | Refused:
        """Change how loud kinds of messages are, whether the channel is used at all, or its time zone."""
        refused = check_zone(time_zone or "UTC")
        if refused is not None:
            return refused
        async with self._store.session(tenant, writes=True) as session:
            channel = await _find(session, name)
            if isinstance(channel, Refused):
                return channel
            changed = msgspec.structs.replace(
                channel,
                levels={**channel.levels, **levels},
                enabled=channel.enabled if enabled is None else enabled,
                time_zone=channel.time_zone if time_zone is None else time_zone,
            )
            await rows.save_channel(session, changed)
        return changed

    async def remove(self, tenant: str, name: str) -> NotifyChannel | Refused:
        """Forget a channel, its secret, and what waits in it."""
        async with self._store.session(tenant, writes=True) as session:
            channel = await _find(session, name)
            if not isinstance(channel, Refused):
                await rows.remove_channel(session, channel.channel_id)
        return channel

    async def list_outbox(self, tenant: str, status: str) -> Sequence[OutboxRow]:
        """Messages of a tenant that wait or died, oldest first, a limited number of them."""
        async with self._store.session(tenant) as session:
            return await rows.list_outbox(session, status, OUTBOX_ROWS_MAX)

    async def count_outbox(self, tenant: str) -> Mapping[str, OutboxCount]:
        """How many messages wait and died, by channel id."""
        async with self._store.session(tenant) as session:
            return await rows.count_outbox(session)

    async def retry_dead(self, tenant: str) -> int:
        """Let dead messages be tried again; returns how many."""
        now_ms = self._clock.now_ms()
        async with self._store.session(tenant, writes=True) as session:
            revived = await rows.revive(session, now_ms)
            # A server that sleeps until the next message is told by what counts as a change of configuration.
            for channel in await rows.list_channels(session) if revived else ():
                await rows.save_channel(session, channel)
        return revived


def secret_place(tenant: str, channel_id: str) -> SealedPlace:
    """Where a channel's secret belongs."""
    return SealedPlace(tenant=tenant, table="notify_channels", row_id=channel_id, field="secret")


def _check_target(wish: ChannelWish) -> Refused | None:
    if len(wish.secret) > SECRET_LENGTH_MAX or not wish.secret.isprintable():
        return Refused(message=f"a secret must be one line of at most {SECRET_LENGTH_MAX} characters")
    match wish.target:
        case TelegramTarget(chat=chat):
            return _check_telegram(chat, wish.secret)
        case WebhookTarget(url=url):
            return _check_webhook(url, wish.secret)
        case EmailTarget() as target:
            return _check_mail(target, wish.secret)


def _check_telegram(chat: str, token: str) -> Refused | None:
    if not _BOT_TOKEN.fullmatch(token):
        return Refused(
            message="this is no bot token: @BotFather gives one such as 123456789:AAH... (digits, colon, text)"
        )
    if not _CHAT.fullmatch(chat):
        return Refused(message=f"chat {chat!r} must be a number (negative for a group) or @name of a channel")
    return None


def _check_webhook(url: str, secret: str) -> Refused | None:
    if len(secret) < SIGNING_SECRET_LENGTH_MIN:
        return Refused(
            message=f"a signing secret needs at least {SIGNING_SECRET_LENGTH_MIN} characters; --generate makes one"
        )
    if not url.startswith(("https://", "http://")) or len(url) > URL_LENGTH_MAX or not url.isprintable() or " " in url:
        return Refused(message="the address must be a URL that begins with https://")
    return None


def _check_mail(target: EmailTarget, password: str) -> Refused | None:
    for what, text in (("sender", target.sender), ("recipient", target.recipient)):
        if not _MAIL.fullmatch(text):
            return Refused(message=f"{what} {text!r} must be one plain mail address such as me@example.org")
    if not _HOST.fullmatch(target.host) or not 0 < target.port <= PORT_MAX:
        return Refused(message=f"server {target.host}:{target.port} must be a host name and a port of 1 to {PORT_MAX}")
    if bool(password) is not bool(target.username):
        return Refused(message="a mail server wants both a user name and a password, or neither")
    if password and target.security is MailSecurity.PLAIN:
        return Refused(
            message="a password is not sent through an unencrypted connection: use --security starttls or tls"
        )
    return None


async def _find_owner(session: Session, username: str) -> User | Refused:
    people = await user_rows.list_users(session)
    if username:
        found = next((user for user in people if user.username == username), None)
        return found or unknown("user", username, [user.username for user in people])
    return min(people, key=lambda user: (user.role is not user_rows.Role.OWNER, user.created_ms))


async def _find(session: Session, name: str) -> NotifyChannel | Refused:
    channels = await rows.list_channels(session)
    found = next((channel for channel in channels if name in {channel.name, channel.channel_id}), None)
    return found or unknown("channel", name, [channel.name for channel in channels])
