"""Settings of a bot whose rule somebody wrote in Python, what such a rule answers, and what is remembered of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.decision import Direction, Want
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Size


class RuleSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag="rule"
):
    """Which rule, as ``file:Class`` below the folder of rules, and its parameters as texts."""

    rule: str
    parameters: dict[str, str] = {}
    leverage: Decimal | None = None
    margin_mode: MarginMode | None = None


class Target(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The position that a rule wants: a direction and a size, or nothing at all.

    Once the last price reaches ``stop`` or ``take_profit`` it is closed. ``ask_at`` are prices at which the rule wants
    to be asked again. The size is turned into a quantity once, when the target is named.
    """

    direction: Direction | None = None
    size: Size | None = None
    stop: Decimal | None = None
    take_profit: Decimal | None = None
    ask_at: tuple[Decimal, ...] = ()


class Orders(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Everything that a rule wants to rest, instead of a target; what is filled under a name is not ordered again."""

    wants: tuple[Want, ...] = ()
    ask_at: tuple[Decimal, ...] = ()


class BarFacts(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What of a rule's conditions holds at the close of a bar, and its values there."""

    closed_ms: int
    holds: tuple[str, ...] = ()
    values: tuple[tuple[str, float], ...] = ()


class RuleMemory(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="rule"):
    """What is remembered of a rule.

    ``facts`` are those of the newest bar at which a condition changed. ``number`` counts targets; ``quantity`` is what
    the target means in the instrument's unit, signed, and ``is_reached`` once no order for it is wanted any more.
    ``working`` is the order that leads there. ``done`` are names of ``orders`` that are filled. ``ask_at`` are prices
    to be asked at, named when the price was ``named_at``.
    """

    facts: BarFacts | None = None
    target: Target | None = None
    orders: Orders | None = None
    number: int = 0
    quantity: Decimal = ZERO
    is_reached: bool = True
    working: Want | None = None
    done: tuple[str, ...] = ()
    ask_at: tuple[Decimal, ...] = ()
    named_at: Decimal = ZERO
