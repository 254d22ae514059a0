"""The facts that the journal keeps of bots."""

from __future__ import annotations

import msgspec

from fairlead.core.model.bots.bot import BotState, Settings, Stimulus
from fairlead.core.model.bots.decision import Reason


class BotDecided(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """A bot decided: what it heard, why it answered as it did, what it asked for, and how it stands now.

    With the state before and the settings of ``state.settings_version``, ``stimulus`` gives the same decision again.
    """

    bot_id: str
    stimulus: Stimulus
    reasons: tuple[Reason, ...]
    request_ids: tuple[str, ...]
    state: BotState
    at_ms: int


class BotConfigured(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A bot began to run with these settings, or goes on with newer ones."""

    bot_id: str
    account_id: str
    symbol: str
    settings_version: int
    settings: Settings
    at_ms: int


class BotNoted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A bot that cannot decide says why: its step failed, or something that it needs is missing."""

    bot_id: str
    note: str
    state: BotState
    at_ms: int


BotEvent = BotDecided | BotConfigured | BotNoted
