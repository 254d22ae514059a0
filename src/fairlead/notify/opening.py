"""Opens the courier of a channel; a library is imported when the first channel that needs it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from fairlead.notify.courier import Courier, Style
from fairlead.ports import Clock
from fairlead.store.queries.notifications import EmailTarget, NotifyChannel, TelegramTarget, WebhookTarget


@dataclass(frozen=True, kw_only=True)
class CourierTools:
    """What couriers need of the installation: where Telegram and our own pages are, and whom webhooks may reach."""

    clock: Clock
    telegram_url: str
    allow_private: bool


def open_courier(channel: NotifyChannel, secret: str, style: Style, tools: CourierTools) -> Courier:
    """Prepare the courier of a channel; nothing is connected yet."""
    match channel.target:
        case TelegramTarget() as target:
            from fairlead.notify.telegram import TelegramCourier

            return TelegramCourier(target=target, token=secret, base_url=tools.telegram_url, style=style)
        case WebhookTarget() as target:
            from fairlead.notify.webhook import WebhookCourier

            return WebhookCourier(
                target=target, secret=secret, style=style, clock=tools.clock, allow_private=tools.allow_private
            )
        case EmailTarget() as target:
            from fairlead.notify.mail import MailCourier

            return MailCourier(target=target, password=secret, style=style)
        case _:
            assert_never(channel.target)
