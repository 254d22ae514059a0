"""The nouns of the kill switch: a latch, what it covers, and what it does."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class LatchScope(StrEnum):
    """How far a latch reaches, widest first."""

    PLATFORM = "platform"
    TENANT = "tenant"
    USER = "user"
    ACCOUNT = "account"
    INSTRUMENT = "instrument"
    STRATEGY = "strategy"


class LatchLevel(StrEnum):
    """What a latch does; each level does what the one before it does, too."""

    STOP_NEW = "stop_new"
    CANCEL_OPEN = "cancel_open"
    FLATTEN = "flatten"

    @property
    def cancels(self) -> bool:
        """Whether resting entry orders are canceled."""
        return self is not LatchLevel.STOP_NEW

    @property
    def flattens(self) -> bool:
        """Whether what is held is closed at market."""
        return self is LatchLevel.FLATTEN


LEVELS = tuple(LatchLevel)


class LatchReason(StrEnum):
    """Why a latch was set."""

    MANUAL = "manual"
    DRAWDOWN = "drawdown"
    TECHNICAL = "technical"
    REGULATORY = "regulatory"


class Latch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One kill switch that is set, until somebody lifts it.

    ``name`` is what the scope is about: a tenant, a user id, an account id, a symbol, or a source id with a strategy id
    after a slash where only that one is meant; empty for the platform. ``tenant`` limits a latch to one tenant; empty
    is everybody. ``label`` is what people call it. ``clearing`` is the reason of somebody who wants it lifted, while
    the accounts that it covers are being compared with their venues.
    """

    latch_id: str
    scope: LatchScope
    level: LatchLevel
    by: str
    set_ms: int
    name: str = ""
    tenant: str = ""
    label: str = ""
    reason: LatchReason = LatchReason.MANUAL
    text: str = ""
    clearing: str = ""

    @property
    def subject(self) -> str:
        """What it covers, in words: ``platform``, ``account paper-1``."""
        return " ".join(filter(None, (self.scope.value, self.label or self.name)))


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """What a request or an order is about, as far as latches ask. ``user_id`` owns its source, empty if nobody does."""

    tenant: str
    account_id: str
    symbol: str
    source_id: str = ""
    strategy_id: str = ""
    user_id: str = ""
