"""Telegram: one chat of one bot, through python-telegram-bot."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Final

from telegram import Bot, LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from fairlead.notify.courier import Style
from fairlead.notify.message import Parcel
from fairlead.notify.outcome import Delivered, Failed, Outcome, Postponed, Refused, redact
from fairlead.notify.telegram_text import count_digest, write_digest, write_html
from fairlead.store.queries.notifications import TelegramTarget

DEFAULT_URL: Final = "https://api.telegram.org"
# What Telegram allows a bot: about one message a second in a chat, 20 a minute in a group, 30 a second in all.
CHAT_DISTANCE_MS: Final = 1_000
GROUP_DISTANCE_MS: Final = 3_000
BOT_DISTANCE_MS: Final = 34
CONNECT_S_MAX: Final = 10.0
ANSWER_S_MAX: Final = 20.0
_MS_PER_SECOND: Final = 1_000
# They write every address they call, and with it the token, at levels below this.
_TALKATIVE: Final = ("httpx", "httpcore", "telegram")


class TelegramCourier:
    """Sends to one chat. The token is part of every address, so no text of a fault is passed on as it is."""

    def __init__(self, *, target: TelegramTarget, token: str, base_url: str, style: Style) -> None:
        """Prepare; nothing is asked yet."""
        # The library wants to know how long a wait is told: as a duration, which it will be for everybody one day.
        os.environ.setdefault("PTB_TIMEDELTA", "true")
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._chat: int | str = int(target.chat) if target.chat.lstrip("-").isdecimal() else target.chat
        self._token = token
        self._style = style
        request = HTTPXRequest(
            connect_timeout=CONNECT_S_MAX,
            read_timeout=ANSWER_S_MAX,
            write_timeout=ANSWER_S_MAX,
            pool_timeout=CONNECT_S_MAX,
            # Nobody's environment decides who hears the token.
            httpx_kwargs={"trust_env": False},
        )
        self._request = request
        # The second is for listening, which nobody does here; a client of its own would only cost time.
        self._bot = Bot(token, f"{base_url.rstrip('/')}/bot", request=request, get_updates_request=request)
        is_group = target.chat.startswith(("-", "@"))
        bot = sha256(token.encode()).hexdigest()[:16]
        self._distances_ms = {
            f"telegram:{bot}": BOT_DISTANCE_MS,
            f"telegram:{bot}:{target.chat}": GROUP_DISTANCE_MS if is_group else CHAT_DISTANCE_MS,
        }

    @property
    def distances_ms(self) -> Mapping[str, int]:
        """The bot's lane and the chat's."""
        return self._distances_ms

    def count_fitting(self, parcels: Sequence[Parcel]) -> int:
        """As many as fit into one text."""
        return count_digest(parcels, self._style)

    async def send(self, parcels: Sequence[Parcel]) -> Outcome:
        """Send one text."""
        is_digest = len(parcels) > 1
        text = write_digest(parcels, self._style) if is_digest else write_html(parcels[0].message, self._style)
        try:
            await self._bot.send_message(
                chat_id=self._chat,
                text=text,
                parse_mode=ParseMode.HTML,
                disable_notification=all(parcel.is_silent for parcel in parcels),
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
        except TelegramError as error:
            return self._judge(error)
        return Delivered()

    async def close(self) -> None:
        """Close the connections."""
        await self._request.shutdown()

    def __repr__(self) -> str:
        """Name it without its token."""
        return f"TelegramCourier(chat={self._chat!r})"

    # Which error it was says enough in most cases; where Telegram's own words are needed, the token is blanked.
    def _judge(self, error: TelegramError) -> Outcome:
        match error:
            case RetryAfter(retry_after=wait):
                seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
                return Postponed(wait_ms=round(seconds * _MS_PER_SECOND), reason=f"Telegram asks to wait {seconds:g} s")
            case InvalidToken():
                return Refused(reason="Telegram does not know this bot's token: set a new one")
            case Forbidden():
                return Refused(reason=f"the chat does not take the bot's messages ({self._words(error)})")
            case ChatMigrated(new_chat_id=chat):
                return Refused(reason=f"the group became a supergroup: use chat {chat}")
            case BadRequest():
                return Refused(reason=f"Telegram refused the message ({self._words(error)})")
            case TimedOut():
                return Failed(reason="Telegram did not answer in time")
            case NetworkError():
                return Failed(reason=f"Telegram cannot be reached or is out of order ({self._words(error)})")
            case _:
                return Failed(reason=self._words(error))

    def _words(self, error: TelegramError) -> str:
        # What the library adds is about its own reading of the answer.
        return redact(error.message.partition(". Parsing")[0], self._token)
