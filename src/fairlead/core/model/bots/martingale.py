"""Settings of a martingale (DCA) bot, and what its rule remembers from one wake to the next."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.decision import Direction, Want
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit

SAFETY_ORDERS_MAX: Final = 200
CONDITIONS_MAX: Final = 20
TAKE_PROFIT_STEPS_MAX: Final = 10
COOLDOWN_S_MAX: Final = 2_592_000
CLOSE_TIMEOUT_S_MIN: Final = 60


class DeviationFrom(StrEnum):
    """What a level's deviation is measured from: services differ, and users are surprised."""

    BASE = "base"
    PREVIOUS_LEVEL = "previous_level"
    PREVIOUS_FILL = "previous_fill"


class EntryMode(StrEnum):
    """Whether levels rest on the book beforehand, or are placed when the price reaches them."""

    REST = "rest"
    TRIGGER = "trigger"


class TakeProfitFrom(StrEnum):
    """What the take-profit percentage is of: everything bought, or the base order only."""

    TOTAL = "total"
    BASE = "base"


class StopFrom(StrEnum):
    """What the stop-loss percentage is measured from."""

    BASE = "base"
    FIRST_FILL = "first_fill"
    AVERAGE = "average"
    LAST_LEVEL = "last_level"


class AfterStop(StrEnum):
    """What follows a stop-loss."""

    STOP = "stop"
    NEXT_CYCLE = "next_cycle"


class PriceRounding(StrEnum):
    """How a computed price becomes a tick: to the side that is better for its owner, or to the nearest, half up."""

    PASSIVE = "passive"
    NEAREST = "nearest"


class Reserve(StrEnum):
    """What of its account a bot sets aside: its worst case, or only what it has resting."""

    WORST_CASE = "worst_case"
    RESTING = "resting"


class StartNow(msgspec.Struct, frozen=True, tag="now"):
    """A cycle begins as soon as the one before is over."""


class StartAtPrice(msgspec.Struct, frozen=True, tag="price"):
    """A cycle begins when the last price crosses ``price`` from the other side (``falls``: from above)."""

    price: Decimal
    falls: bool = True


class StartAtTime(msgspec.Struct, frozen=True, tag="time"):
    """The first cycle begins at this moment, later ones as soon as the one before is over."""

    at_ms: int


class StartOnSignal(msgspec.Struct, frozen=True, tag="signal"):
    """A cycle begins when a signal of this name comes: a webhook's, or the name of a condition."""

    signal: str


StartCondition = StartNow | StartAtPrice | StartAtTime | StartOnSignal


class LadderStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One level of a custom ladder: percent away from the base price, and its size in the unit of safety orders."""

    deviation: Decimal
    size: Decimal


class TakeProfitStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One part of the exit: percent of profit, and percent of the holding; all shares together are 100."""

    percent: Decimal
    share: Decimal = HUNDRED


class StopLoss(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a deal is given up.

    ``timeout_s``: the price must still be past the level so long after it got there. ``trailing``: the level follows
    the best price since the first fill. ``break_even_after``: once so many take-profit steps are done the level is
    the average after fees (one step) or the take-profit before (two and more); 0: never.
    """

    percent: Decimal
    reference: StopFrom = StopFrom.AVERAGE
    timeout_s: int = 0
    trailing: bool = False
    break_even_after: int = 0


class MartingaleSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag="martingale"
):
    """The whole parameter set; percentages are numbers such as 1.5, docs/bots.md draws every one of them.

    ``base_price`` None: the ladder hangs on what the base order filled at; else no cycle begins while the price is more
    than ``base_price_tolerance`` percent beyond it. ``active_safety_orders`` is how many rest at once.
    ``conditions`` are texts by name, such as ``rsi(close, 14, 5m) crosses below 30``; ``start`` and ``close_signal``
    may name one of them. ``custom_ladder`` replaces step, scales and count. ``total_max`` bounds what one deal may
    cost, in the quote currency: levels that would exceed it as planned are left out.
    """

    direction: Direction = Direction.LONG
    base_order: Size = Size(amount=Decimal(100), unit=SizeUnit.QUOTE)
    base_price: Decimal | None = None
    base_price_tolerance: Decimal = ONE
    base_as_limit: bool = False
    start: StartCondition = StartNow()
    start_delay_s: int = 0
    safety_order: Size = Size(amount=Decimal(100), unit=SizeUnit.QUOTE)
    max_safety_orders: int = 5
    active_safety_orders: int = 5
    step: Decimal = ONE
    step_scale: Decimal = ONE
    volume_scale: Decimal = ONE
    deviation_from: DeviationFrom = DeviationFrom.BASE
    custom_ladder: tuple[LadderStep, ...] = ()
    entry_mode: EntryMode = EntryMode.REST
    levels_per_wake_max: int = SAFETY_ORDERS_MAX
    safety_signal: str = ""
    guard_signal: str = ""
    guard_s: int = 0
    take_profit: tuple[TakeProfitStep, ...] = (TakeProfitStep(percent=ONE),)
    take_profit_from: TakeProfitFrom = TakeProfitFrom.TOTAL
    take_profit_after_fees: bool = True
    trailing: Decimal | None = None
    trailing_after_level: int = 0
    close_signal: str = ""
    minimum_profit: Decimal | None = None
    stop_loss: StopLoss | None = None
    after_stop: AfterStop = AfterStop.STOP
    restart: bool = True
    cooldown_s: int = 0
    close_timeout_s: int = 0
    max_cycles: int = 0
    total_max: Decimal | None = None
    reinvest: Decimal = ZERO
    risk_reduction: Decimal = ZERO
    leverage: Decimal | None = None
    margin_mode: MarginMode | None = None
    reserve: Reserve = Reserve.WORST_CASE
    price_rounding: PriceRounding = PriceRounding.PASSIVE
    conditions: dict[str, str] = {}

    @property
    def levels(self) -> int:
        """How many safety orders a deal may have."""
        return len(self.custom_ladder) or self.max_safety_orders


class Phase(StrEnum):
    """Where a cycle is."""

    WAITING = "waiting"
    ENTERING = "entering"
    IN_POSITION = "in_position"
    EXITING = "exiting"
    COOLING = "cooling"
    FINISHED = "finished"


class Exit(msgspec.Struct, frozen=True, gc=False):
    """One resting part of the exit, as planned at the last entry fill."""

    slot: str
    quantity: Decimal
    price: Decimal


class MartingaleMemory(msgspec.Struct, frozen=True, gc=False, tag="martingale", omit_defaults=True):
    """What the rule remembers.

    ``anchor`` is the price that the ladder hangs on, 0 before it is known; ``last_fill`` that of the deepest level that
    was filled whole. ``done`` and ``triggered`` have one bit a level (bit 1 is the first safety order; bit 0 the base
    order); ``steps_done`` one bit a take-profit step (bit 1 is the first), ``steps_taken`` those that a person closed.
    ``plan`` is the exit, made for ``plan_opened`` opened and lost in all. ``peak`` is the best price since the
    take-profit was reached (trailing), ``stop_peak`` since the first fill. ``factor`` multiplies every size of the
    cycle: reinvested profit, or caution after losses. ``added`` is what a person added, in the quote currency.
    ``why`` is why it exits.
    """

    phase: Phase = Phase.WAITING
    anchor: Decimal = ZERO
    last_fill: Decimal = ZERO
    factor: Decimal = ONE
    done: int = 0
    triggered: int = 0
    steps_done: int = 0
    steps_taken: int = 0
    plan: tuple[Exit, ...] = ()
    plan_opened: Decimal = ZERO
    peak: Decimal = ZERO
    stop_peak: Decimal = ZERO
    stop_since_ms: int = 0
    began_ms: int = 0
    until_ms: int = 0
    guarded_until_ms: int = 0
    cycles: int = 0
    was_outside: bool = False
    why: str = ""
    added: Decimal = ZERO
    manual: tuple[Want, ...] = ()
