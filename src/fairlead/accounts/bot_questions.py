"""What somebody would like to know or have of a bot: settings, and where and how they should count."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from fairlead.accounts.bot_presets import assign, preset_values, to_settings
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.instrument import Instrument


class SettingsWish(msgspec.Struct, frozen=True, kw_only=True):
    """Settings as a person names them; what stands further down goes over what stands above it.

    ``base`` are settings that another product had, ``values`` fields, ``changes`` assignments such as ``step=1.5``.
    ``budget`` scales every size so that the worst case takes at most that much, in the settle currency.
    """

    base: Mapping[str, Any] = {}
    preset: str = ""
    values: Mapping[str, Any] = {}
    changes: tuple[str, ...] = ()
    budget: Decimal | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing: defaults alone are nobody's wish."""
        return not (self.base or self.preset or self.values or self.changes)

    def settings(self, before: Mapping[str, Any], price: Decimal, instrument: Instrument) -> Settings:
        """Make settings of it, on top of those before.

        Raises:
            SettingsError: it makes none.
        """
        values = {**before, **self.base, **preset_values(self.preset, price, instrument), **self.values}
        for change in self.changes:
            values = assign(values, change)
        return to_settings(values)


class Way(StrEnum):
    """How a bot is looked at: a new one, one as it goes on, one with newer settings, or one like another."""

    NEW = "new"
    GOES_ON = "goes_on"
    EDITED = "edited"
    EDITED_NOW = "edited_now"
    COPIED = "copied"


class BotQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be played through.

    ``bot`` is the name or id of one that exists; ``account`` (label or id) and ``symbol`` are for a new one, and for a
    copy that shall be elsewhere. ``price`` goes before what is known of the market.
    """

    way: Way
    wish: SettingsWish
    bot: str = ""
    account: str = ""
    symbol: str = ""
    price: Decimal | None = None
