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
SHIFTS_MAX: Final = 500
"""A grid that trails moves so many lines away from where it began, and no further."""


class Spacing(StrEnum):
    """How far lines are apart: by the same amount, or by the same factor."""

    ARITHMETIC = "arithmetic"
    GEOMETRIC = "geometric"


class GridDirection(StrEnum):
    """Which holdings a grid may have; neutral is short above the price it began at, and long below it."""

    LONG = "long"
    SHORT = "short"
    NEUTRAL = "neutral"


class GridSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag="grid"
):
    """``lines`` cells between ``lines`` + 1 prices from ``lower`` to ``upper``, in the quote currency.

    A long cell buys at its lower price and sells at its upper one; a short cell sells at its upper price and buys back
    at its lower one; then it begins again. ``per_line`` is the size of one order. ``initial`` opens at the start, at
    market, what the cells beyond the price will close; else a cell waits until the price has been on its other side.

    ``trail_up`` / ``trail_down`` move the whole grid by a line when the price leaves it by a line, as far as the price
    named; ``expand_up`` / ``expand_down`` are how many lines may be added at that side instead. ``stop_below`` and
    ``stop_above`` are prices, ``take_profit`` and ``stop_loss`` percent of what all lines cost together; each closes
    everything and ends the bot. ``active_lines`` is how many entries and how many exits rest at once, 0: all.
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
    stop_loss: Decimal | None = None
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


class GridCell(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is between line ``line`` and the next one.

    ``turn`` counts how often it was opened, so that each turn has slots of its own. ``quantity`` is what it holds after
    fees, in the instrument's unit; ``slot`` that of its exit, which goes along when trailing moves the holding.
    ``part`` is what entries of this turn filled that ended early.
    """

    line: int
    turn: int = 0
    quantity: Decimal = ZERO
    slot: str = ""
    part: Decimal = ZERO


class GridMemory(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="grid"):
    """What the rule remembers.

    ``ladder`` names the settings that the cells belong to, ``pivot`` is the line nearest to the price at the start.
    Long cells below line ``long_armed`` and short cells from ``short_armed`` on may enter: the price has been beyond
    them. ``cells`` are those that were ever opened, by line. ``dust`` is held but too small to sell. ``shift`` counts
    lines that the grid has moved up (negative: down), ``added_up`` and ``added_down`` those that it has grown by.
    ``rounds`` counts finished pairs; ``first_price`` is the price when it began to wait for its start.
    """

    phase: GridPhase = GridPhase.WAITING
    ladder: str = ""
    pivot: int = 0
    long_armed: int = 0
    short_armed: int = 0
    cells: tuple[GridCell, ...] = ()
    dust: Decimal = ZERO
    shift: int = 0
    added_up: int = 0
    added_down: int = 0
    rounds: int = 0
    first_price: Decimal = ZERO
    why: str = ""
