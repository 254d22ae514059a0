"""The facts that the journal keeps of bots."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import BotState, Settings, Stimulus
from fairlead.core.model.bots.decision import Reason
from fairlead.core.model.instrument import Instrument


class BotTerms(msgspec.Struct, frozen=True, gc=False):
    """What a bot's rule reads of the world beside prices: its instrument as the venue lists it, and what fees cost."""

    instrument: Instrument
    fee_rates: FeeRates


class Peaks(msgspec.Struct, frozen=True, gc=False):
    """The prices that a trailing exit and a trailing stop had followed so far; zero: none."""

    peak: Decimal
    stop_peak: Decimal


class BotDecided(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """A bot decided: what it heard, why it answered as it did, what it asked for, and how it stands now.

    With the state before, the settings of ``state.settings_version`` and the terms, ``stimulus`` gives the same
    decision again. ``terms`` are said where the journal does not know them yet, so the last ones said are those that
    count (none at all in old journals); ``peaks`` where those of the state before had moved on in memory alone.
    """

    bot_id: str
    stimulus: Stimulus
    reasons: tuple[Reason, ...]
    request_ids: tuple[str, ...]
    state: BotState
    at_ms: int
    terms: BotTerms | None = None
    peaks: Peaks | None = None


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
