"""What is asked and answered about bots over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead.core.model.bots.decision import Instruction
from fairlead.core.model.request import Size


class BotView(msgspec.Struct, frozen=True, kw_only=True):
    """One bot: how it is configured and how it stands; amounts as text, ``held`` in the instrument's unit."""

    name: str
    account: str
    symbol: str
    wanted: str
    status: str
    cycle: int
    held: str
    realized: str
    orders: int
    note: str
    settings: dict[str, Any]


class BotAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One bot; ``preview`` is what it was played through as, when it was created."""

    request_id: str = msgspec.field(name="requestId")
    bot: BotView
    preview: dict[str, Any] = {}


class BotsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every bot of the tenant, by name."""

    request_id: str = msgspec.field(name="requestId")
    bots: tuple[BotView, ...]


class WordAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A bot was told something: the number of the word, the same for a repeat."""

    request_id: str = msgspec.field(name="requestId")
    bot: str
    number: int


class NewBot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bot that somebody wants; ``overReserve`` lets it run though its account could not carry the worst case."""

    name: str
    account: str
    symbol: str
    settings: dict[str, Any] = {}
    over_reserve: bool = msgspec.field(default=False, name="overReserve")


class Stop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to stop: by default what it holds is kept."""

    sell: bool = False


class Word(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to tell a bot; ``size`` is what to add or to close."""

    instruction: Instruction
    size: Size | None = None


class SignalCall(msgspec.Struct, frozen=True, kw_only=True):
    """A signal; ``id`` is what its sender calls it, so that a repeat tells nothing."""

    id: str = ""
    auth_token: str = msgspec.field(default="", name="authToken")


class Empty(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing more to say."""
