"""Builds the notifier and one sender for each channel, and keeps them in step with what people configure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from fairlead.accounts.directory import LiveDirectory
from fairlead.accounts.registry.channels import secret_place
from fairlead.notify.courier import Courier, Style
from fairlead.notify.lanes import Lanes
from fairlead.notify.layout import find_zone
from fairlead.notify.notifier import Notifier
from fairlead.notify.opening import CourierTools, open_courier
from fairlead.notify.sender import ChannelSender
from fairlead.ports import Clock, Journal, MarketView, SecretBox
from fairlead.settings import Settings
from fairlead.store.config_watcher import ConfigWatcher
from fairlead.store.queries.notifications import NotifyChannel, list_channels
from fairlead.store.queries.users import User, list_all_users
from fairlead.store.session import Store
from fairlead.worker import TaskSupervisor

CONFIG_CHECKED_EVERY_MS: Final = 250
RESTART_MS: Final = 10_000
DRAIN_S_MAX: Final = 3.0

_log = structlog.get_logger("fairlead.notify")


@dataclass(frozen=True)
class NotifyTools:
    """What notifications are made of, beside the settings."""

    journal: Journal
    store: Store
    clock: Clock
    market: MarketView
    directory: LiveDirectory
    box: SecretBox


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One channel that is served: as it is configured, its reader's zone, who sends, and when that has ended."""

    channel: NotifyChannel
    zone: str
    sender: ChannelSender
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Notifying:
    """Notifications of one process: one notifier, and a sender for each channel that is switched on."""

    def __init__(self, *, settings: Settings, public_url: str, tools: NotifyTools) -> None:
        """Build it; ``start`` reads the database."""
        self._public_url = public_url
        self._tools = tools
        self._tasks = TaskSupervisor()
        self._watcher = ConfigWatcher(settings.store_url)
        self._lanes = Lanes()
        self._lines: dict[str, _Line] = {}
        self._courier_tools = courier_tools(settings, tools.clock)
        self._notifier = Notifier(
            journal=tools.journal,
            store=tools.store,
            clock=tools.clock,
            market=tools.market,
            directory=tools.directory,
            wake=self._wake,
        )

    async def start(self) -> None:
        """Take the channels as they are configured, send what waits, and read on from the cursor."""
        await self._configure()
        self._run_notifier()
        self._tasks.start("channels", self._follow())

    async def stop(self) -> None:
        """Let each sender end what it sends now, for a short while; the rest is sent after the next start."""
        lines = list(self._lines.values())
        for line in lines:
            line.sender.end()
        waits = [asyncio.ensure_future(line.ended.wait()) for line in lines]
        if waits:
            _, late = await asyncio.wait(waits, timeout=DRAIN_S_MAX)
            for wait in late:
                wait.cancel()
        await self._tasks.close()
        self._watcher.close()

    async def _follow(self) -> None:
        while True:
            await self._tools.clock.sleep_ms(CONFIG_CHECKED_EVERY_MS)
            if self._watcher.changed():
                await self._configure()

    async def _configure(self) -> None:
        async with self._tools.store.system_session() as session:
            channels = await list_channels(session)
            users = {user.user_id: user for user in await list_all_users(session)}
        served = {channel.channel_id: channel for channel in channels if _is_served(channel, users)}
        self._notifier.configure(list(served.values()))
        for channel_id, line in list(self._lines.items()):
            channel = served.get(channel_id)
            if channel is None or (channel, zone_of(channel, users)) != (line.channel, line.zone):
                del self._lines[channel_id]
                line.sender.end()
                if channel is not None:
                    await self._open(channel, zone_of(channel, users), line.ended)
            else:
                line.sender.wake()
        for channel in served.values():
            if channel.channel_id not in self._lines:
                await self._open(channel, zone_of(channel, users), None)

    async def _open(self, channel: NotifyChannel, zone: str, before: asyncio.Event | None) -> None:
        try:
            secret = open_secret(channel, self._tools.box)
        except ValueError as error:
            _log.warning("channel_secret_unreadable", channel=channel.name, reason=str(error))
            return
        style = Style(zone=find_zone(zone), public_url=self._public_url)
        # Importing a library takes a moment that no order shall wait for.
        courier = await asyncio.to_thread(open_courier, channel, secret, style, self._courier_tools)
        self._serve(channel, zone, courier, before)

    def _serve(self, channel: NotifyChannel, zone: str, courier: Courier, before: asyncio.Event | None) -> None:
        sender = ChannelSender(
            channel=channel,
            courier=courier,
            store=self._tools.store,
            clock=self._tools.clock,
            lanes=self._lanes,
        )
        line = _Line(channel=channel, zone=zone, sender=sender)
        self._lines[channel.channel_id] = line
        self._tasks.start(f"channel {channel.name}", _run_after(before, line), partial(self._reopen, line))

    def _reopen(self, line: _Line, _error: Exception) -> None:
        # What broke is in the log; the channel's messages are still there.
        self._tasks.start(f"restart {line.channel.name}", self._open_later(line))

    async def _open_later(self, line: _Line) -> None:
        await self._tools.clock.sleep_ms(RESTART_MS)
        if self._lines.get(line.channel.channel_id) is line:
            del self._lines[line.channel.channel_id]
            await self._configure()

    def _run_notifier(self) -> None:
        self._tasks.start("notifier", self._notifier.run(), lambda _: self._tasks.start("notifier", self._run_later()))

    async def _run_later(self) -> None:
        await self._tools.clock.sleep_ms(RESTART_MS)
        self._notifier.forget()
        self._run_notifier()

    def _wake(self, channel_id: str) -> None:
        line = self._lines.get(channel_id)
        if line is not None:
            line.sender.wake()


@asynccontextmanager
async def notifying(settings: Settings, public_url: str, tools: NotifyTools) -> AsyncIterator[None]:
    """Notify for as long as the context lasts; at its end, what is being sent may still be sent."""
    running = Notifying(settings=settings, public_url=public_url, tools=tools)
    await running.start()
    try:
        yield
    finally:
        await running.stop()


def courier_tools(settings: Settings, clock: Clock) -> CourierTools:
    """What couriers need of the settings."""
    return CourierTools(
        clock=clock,
        telegram_url=settings.telegram_url,
        allow_private=settings.notify_private_targets,
    )


def open_secret(channel: NotifyChannel, box: SecretBox) -> str:
    """Take a channel's secret out.

    Raises:
        ValueError: it was sealed with another key, or for another channel.
    """
    return box.open(channel.secret, secret_place(channel.tenant, channel.channel_id)).reveal()


def zone_of(channel: NotifyChannel, users: dict[str, User]) -> str:
    """The time zone of a channel's reader: its own, or its owner's."""
    owner = users.get(channel.owner)
    return channel.time_zone or (owner.time_zone if owner is not None else "")


def _is_served(channel: NotifyChannel, users: dict[str, User]) -> bool:
    owner = users.get(channel.owner)
    return channel.enabled and owner is not None and owner.enabled and owner.tenant == channel.tenant


async def _run_after(before: asyncio.Event | None, line: _Line) -> None:
    try:
        if before is not None:
            await before.wait()
        await line.sender.run()
    finally:
        line.ended.set()
