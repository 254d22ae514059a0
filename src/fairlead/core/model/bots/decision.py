"""What a rule is told when it is woken, and what it answers: what should rest now, and what may wake it again."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Final

import msgspec

from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side, Size

BASE_SLOT: Final = "b"
"""The slot of the order that begins a deal; its cost is kept apart, because profits may be measured on it."""


class Direction(StrEnum):
    """Which way a bot profits."""

    LONG = "long"
    SHORT = "short"

    @property
    def entry(self) -> Side:
        """The side that opens."""
        return Side.BUY if self is Direction.LONG else Side.SELL


class Want(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One order that a rule wants to rest (or, without a price, to be done at once).

    ``slot`` names its place in the rule, such as ``s3`` for the third safety order: there is one order in a slot at a
    time. ``size`` counts from nothing: what an earlier order of the same wish filled is not ordered again; None closes
    all that the bot holds. ``opens`` tells an entry from an exit. ``alone``: only once nothing else of the bot rests.
    """

    slot: str
    side: Side
    opens: bool
    size: Size | None
    price: Decimal | None = None
    alone: bool = False
    post_only: bool = False


def want_entry(slot: str, side: Side, size: Size | None, price: Decimal | None = None) -> Want:
    """An order that opens or adds."""
    return Want(slot, side, opens=True, size=size, price=price)


def want_exit(slot: str, side: Side, size: Size | None, price: Decimal | None = None, *, alone: bool = False) -> Want:
    """An order that takes from what is held."""
    return Want(slot, side, opens=False, size=size, price=price, alone=alone)


class Urgency(IntEnum):
    """Who is woken first when one price touches many."""

    STOP = 0
    EXIT = 1
    ENTRY = 2


class WireKind(StrEnum):
    """What a tripwire waits for."""

    AT_OR_BELOW = "at_or_below"
    AT_OR_ABOVE = "at_or_above"
    AT_TIME = "at_time"
    SIGNAL = "signal"


class Tripwire(msgspec.Struct, frozen=True, gc=False):
    """What may wake a rule: the last price reaches ``price``, the time reaches ``at_ms``, a signal of that name.

    A rule that is woken for nothing answers the same as before, so a wire may be touched too often, but never too late.
    """

    kind: WireKind
    price: Decimal = ZERO
    at_ms: int = 0
    signal: str = ""
    urgency: Urgency = Urgency.ENTRY


class SlotEnded(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The order of a slot is over: ``complete`` when it did all that was wanted, else ``reason`` says why not.

    ``quantity`` is what all orders of the wish filled, ``fee_base`` what of it a spot buy paid in the coin.
    """

    slot: str
    complete: bool
    reason: str = ""
    price: Decimal = ZERO
    quantity: Decimal = ZERO
    fee_base: Decimal = ZERO


class Instruction(StrEnum):
    """What a person may tell a bot while it runs; ``replan``: newer settings count now, for the running cycle too."""

    ADD_FUNDS = "add_funds"
    CLOSE_STEP = "close_step"
    CLOSE = "close"
    START = "start"
    REPLAN = "replan"
    SIGNAL = "signal"


class BotCommand(msgspec.Struct, frozen=True):
    """One such word; ``size`` is what to add or to close, ``number`` tells it from others of the bot.

    ``signal`` is the name of a condition that somebody said holds at ``at_ms``; ``key`` is what the sender calls this
    word, so that saying it again changes nothing.
    """

    number: int
    instruction: Instruction
    size: Size | None = None
    signal: str = ""
    key: str = ""
    at_ms: int = 0


class Wake(msgspec.Struct, frozen=True, gc=False):
    """What a rule may look at: this and its own memory, so it sees neither the future nor the clock nor the network.

    ``price`` is the last price (in a replay the close of the bar). ``may_enter`` is False while the bot is paused or a
    kill switch holds: exits stay. ``live`` counts the orders of the bot that are not over; ``resting`` are their
    slots, and what each has filled so far. ``ended`` are slots whose order ended since the rule was asked last;
    ``signals`` are conditions that hold at this moment, by their names.
    """

    at_ms: int
    price: Decimal
    may_enter: bool = True
    live: int = 0
    ended: tuple[SlotEnded, ...] = ()
    signals: tuple[str, ...] = ()
    command: BotCommand | None = None
    resting: tuple[tuple[str, Decimal], ...] = ()


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why a rule answered as it did, with the numbers that decided."""

    code: str
    numbers: tuple[tuple[str, Decimal], ...] = ()


class Outcome(StrEnum):
    """What a decision means for the life of the bot."""

    GOES_ON = "goes_on"
    CYCLE_ENDED = "cycle_ended"
    FINISHED = "finished"


NO_REASON: Final = Reason("")
