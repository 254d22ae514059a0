"""Sends one sample through one channel, for whoever sets it up."""

from __future__ import annotations

import asyncio

from fairlead.clock import SystemClock
from fairlead.notify.courier import Courier, Style
from fairlead.notify.layout import find_zone
from fairlead.notify.message import Message, Parcel
from fairlead.notify.opening import open_courier
from fairlead.notify.outcome import Delivered
from fairlead.notify.sender import SEND_S_MAX
from fairlead.settings import Settings
from fairlead.store.queries.notifications import MessageKind, NotifyChannel
from fairlead.store.queries.users import User
from fairlead.wiring.notifying import courier_tools, open_secret, zone_of
from fairlead.wiring.secret_box import open_secret_box


async def send_sample(settings: Settings, channel: NotifyChannel, owner: User | None) -> str:
    """Send a sample now; returns why it was not taken, or nothing when it was."""
    clock = SystemClock()
    zone = zone_of(channel, {owner.user_id: owner} if owner is not None else {})
    style = Style(zone=find_zone(zone), public_url=settings.base_url)
    try:
        secret = open_secret(channel, open_secret_box(settings))
    except ValueError as error:
        return f"its secret cannot be opened: {error}; remove the channel and add it again"
    courier = open_courier(channel, secret, style, courier_tools(settings, clock))
    now_ms = clock.now_ms()
    message = Message(
        kind=MessageKind.SUCCESS,
        title="Fairlead",
        mode="SAMPLE",
        headline="This is how messages arrive here",
        label="IT WORKS",
        at_ms=now_ms,
        notes=("Nothing was traded.",),
    )
    try:
        return await _send(courier, Parcel(message_id=f"sample-{now_ms}", message=message, is_silent=False))
    finally:
        await courier.close()


async def _send(courier: Courier, parcel: Parcel) -> str:
    try:
        async with asyncio.timeout(SEND_S_MAX):
            outcome = await courier.send([parcel])
    except TimeoutError:
        return f"no answer within {SEND_S_MAX:g} s"
    return "" if isinstance(outcome, Delivered) else outcome.reason
