"""Settings of a bot whose rule somebody wrote in Python, and what such a rule remembers."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fairlead.core.model.account import MarginMode
from fairlead.core.model.money import ZERO


class RuleSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag="rule"
):
    """Which rule, as ``file:Class`` below the folder of rules, and its parameters as texts."""

    rule: str
    parameters: dict[str, str] = {}
    leverage: Decimal | None = None
    margin_mode: MarginMode | None = None


class RuleMemory(msgspec.Struct, frozen=True, gc=False, tag="rule", omit_defaults=True):
    """What the rule remembers: values of its own, and the position that it wants, signed, in the instrument's unit."""

    values: dict[str, str] = {}
    target: Decimal = ZERO
    wanted: int = 0
