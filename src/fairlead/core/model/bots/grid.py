"""Settings of a grid bot, and what its rule remembers from one wake to the next."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from fairlead.core.model.account import MarginMode
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Size, SizeUnit

LINES_MAX: Final = 500


class Spacing(StrEnum):
    """How far lines are apart: by the same amount, or by the same factor."""

    ARITHMETIC = "arithmetic"
    GEOMETRIC = "geometric"


class GridDirection(StrEnum):
    """Which holdings a grid may have; neutral is short above the middle and long below it."""

    LONG = "long"
    SHORT = "short"
    NEUTRAL = "neutral"


class GridSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag="grid"
):
    """Orders on ``lines`` + 1 prices from ``lower`` to ``upper``: each fill puts the opposite order one line further.

    ``per_line`` is the size of one order. ``initial`` opens at the start what the lines beyond the price will close.
    ``trail_up`` / ``trail_down`` move the whole grid by a line when the price leaves it, up to the price named;
    ``expand_up`` / ``expand_down`` are how many lines may be added at that side instead. Prices in quote currency;
    stops close everything and end the bot. ``active_lines`` is how many orders rest on each side at once, 0: all.
    """

    lower: Decimal
    upper: Decimal
    lines: int
    spacing: Spacing = Spacing.ARITHMETIC
    direction: GridDirection = GridDirection.LONG
    per_line: Size = Size(amount=Decimal(100), unit=SizeUnit.QUOTE)
    initial: bool = True
    start_price: Decimal | None = None
    trail_up: Decimal | None = None
    trail_down: Decimal | None = None
    expand_up: int = 0
    expand_down: int = 0
    stop_below: Decimal | None = None
    stop_above: Decimal | None = None
    take_profit: Decimal | None = None
    active_lines: int = 0
    leverage: Decimal | None = None
    margin_mode: MarginMode | None = None


class GridPhase(StrEnum):
    """Where a grid is."""

    WAITING = "waiting"
    OPENING = "opening"
    RUNNING = "running"
    CLOSING = "closing"
    FINISHED = "finished"


class GridMemory(msgspec.Struct, frozen=True, gc=False, tag="grid"):
    """What the rule remembers.

    ``held`` has one bit a cell (cell k lies between prices k and k + 1): set while what was bought at its lower price
    is not sold at its upper one yet (for shorts the other way round). ``shift`` counts lines that the grid has moved
    up (negative: down), ``added_up`` and ``added_down`` those that it has grown by. ``rounds`` counts finished pairs.
    """

    phase: GridPhase = GridPhase.WAITING
    held: int = 0
    shift: int = 0
    added_up: int = 0
    added_down: int = 0
    rounds: int = 0
    start_price: Decimal = ZERO
    why: str = ""
