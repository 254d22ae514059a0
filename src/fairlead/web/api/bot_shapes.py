"""What is asked and answered about bots over HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from fairlead.core.model.bots.decision import Instruction
from fairlead.core.model.request import Size
from fairlead.web.replies import ErrorReply


class BotView(msgspec.Struct, frozen=True, kw_only=True):
    """One bot: how it is configured and how it stands; amounts as text, ``held`` in the instrument's unit.

    ``settings`` are the newest, of version ``settingsVersion``; an edit names the version that it was made from.
    """

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
    settings_version: int = msgspec.field(name="settingsVersion")


class BotAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One bot; ``preview`` is what it was played through as, when it was created or got new settings."""

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


class PreviewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot would do and could cost; ``findings`` in it that refuse are what creating or editing it would meet."""

    request_id: str = msgspec.field(name="requestId")
    preview: dict[str, Any]


class PresetView(msgspec.Struct, frozen=True, kw_only=True):
    """One preset: whom it is for, and its settings; a grid takes its range from the price."""

    name: str
    about: str
    settings: dict[str, Any]


class PresetsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every preset that a bot can begin with."""

    request_id: str = msgspec.field(name="requestId")
    presets: tuple[PresetView, ...]


class LeftOutView(msgspec.Struct, frozen=True, kw_only=True):
    """A field of another product that has no counterpart here, and why or what stands for it."""

    field: str
    value: str
    why: str


class ImportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A bot of another product, as it would be here: ``settings`` are what a new bot takes; nothing was stored."""

    request_id: str = msgspec.field(name="requestId")
    source: str
    name: str
    symbol: str
    settings: dict[str, Any]
    left_out: tuple[LeftOutView, ...]
    assumed: tuple[str, ...]


class StaleReply(ErrorReply, frozen=True, kw_only=True):
    """An edit was made from older settings; ``settingsVersion`` is that of the newest."""

    settings_version: int = msgspec.field(name="settingsVersion")


class GivenSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings as somebody gives them: a preset, fields over it, and a budget that every size is scaled to.

    ``price`` is where the bot is looked at, for exchanges of which no price is known.
    """

    preset: str = ""
    settings: dict[str, Any] = {}
    budget: Decimal | None = None
    price: Decimal | None = None


class Preview(GivenSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bot that might be."""

    account: str
    symbol: str


class NewBot(Preview, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bot that somebody wants; ``overReserve`` lets it run though its account could not carry the worst case."""

    name: str
    over_reserve: bool = msgspec.field(default=False, name="overReserve")


class Edit(GivenSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Newer settings, made from those of ``settingsVersion``; ``now``: for the running deal, too."""

    settings_version: int = msgspec.field(name="settingsVersion")
    now: bool = False
    over_reserve: bool = msgspec.field(default=False, name="overReserve")


class Copy(GivenSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bot like another; by default on the same account and instrument."""

    name: str
    account: str = ""
    symbol: str = ""
    over_reserve: bool = msgspec.field(default=False, name="overReserve")


class Import(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bot as the API of 3Commas or OKX tells it, or as Pionex shows it; without ``source`` its fields tell whose."""

    bot: dict[str, Any] | list[Any]
    source: str = ""


class Remove(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of what it holds: ``keep`` leaves that in the account, where nothing watches it."""

    keep: bool = False


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
