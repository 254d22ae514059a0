"""Proves once for a whole run that no check denies an order of a plain ladder, but for a few numbers of each cycle.

With sizes in quote currency every cycle asks the same of the account, whatever the price: so the limits become a least
amount of cash, bounds of the price, and how far it may have moved while the base order was filled. A cycle within them
passes every check (``risk_bound.py``); one that is not must be asked. The loss ladder is not in it: whether it matters
is looked for in the run's equity afterwards (``LossReplay.matters``). Nor are losing streaks and pauses after an exit:
they count from closed positions, and spot has none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.backtest.checks.ladder_shape import LadderShape, shape_of
from fairlead.backtest.checks.risk_room import Room
from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Side
from fairlead.market.candles.series import Ticks

DRIFT: Final = Decimal("0.02")
"""How far the price may move from the decision to the base order's fill, and from there to the close of that candle."""

EXITS_MAX: Final = 12
"""Exits that may rest at a time, and orders of one moment beside the levels."""

_DRIFT_UP: Final = 102
_DRIFT_DOWN: Final = 98
_WHOLE: Final = 100


class LadderProof(msgspec.Struct, frozen=True, gc=False):
    """What a cycle must be within; prices in ticks of a series, ``cash_min`` in its money unit, both whole."""

    cash_min: int
    price_min: int
    price_max: int

    def holds(self, cash: int, before: int, anchor: int, after: int) -> bool:
        """Whether a cycle passes every check.

        ``cash`` is left after the base order, which was decided at the price ``before`` and filled at ``anchor``; its
        levels are placed at ``after``.
        """
        return (
            cash >= self.cash_min
            and self.price_min <= anchor <= self.price_max
            and before * _DRIFT_DOWN <= anchor * _WHOLE <= before * _DRIFT_UP
            and anchor * _DRIFT_DOWN <= after * _WHOLE <= anchor * _DRIFT_UP
        )

    def holds_each(self, cash: Ticks, before: Ticks, anchor: Ticks, after: Ticks) -> NDArray[np.bool_]:
        """The same of many cycles."""
        anchors, afters = anchor * _WHOLE, after * _WHOLE
        fits = (cash >= self.cash_min) & (anchor >= self.price_min) & (anchor <= self.price_max)
        base_fits = (before * _DRIFT_DOWN <= anchors) & (anchors <= before * _DRIFT_UP)
        each: NDArray[np.bool_] = fits & base_fits & (anchor * _DRIFT_DOWN <= afters) & (afters <= anchor * _DRIFT_UP)
        return each


class Terms(msgspec.Struct, frozen=True):
    """What a proof is about; ``value_unit`` is the money unit of its numbers, ``tick`` their price unit."""

    settings: MartingaleSettings
    instrument: Instrument
    fees: FeeRates
    tick: Decimal
    value_unit: Decimal


def prove_ladder(room: Room | None, terms: Terms) -> LadderProof | None:
    """The proof for the only bot of an account; None where each cycle must be asked."""
    settings, instrument = terms.settings, terms.instrument
    base = shape_of(settings, instrument, first=0, last=0)
    if room is None or base is None or room.side is not Side.BUY or not instrument.is_spot:
        return None
    levels = shape_of(settings, instrument) if settings.levels else base
    if levels is None or settings.active_safety_orders < settings.levels or not _fits_at_once(room, levels):
        return None
    gain = min(step.percent for step in settings.take_profit) / HUNDRED
    nearest = ONE - levels.first if settings.levels else ONE
    if gain < ZERO or nearest <= ZERO or not _prices_fit(room, levels):
        return None
    spent = base.cost * (ONE + DRIFT)
    whole = spent * (ONE + DRIFT) + levels.worth * (ONE + DRIFT)
    largest = max(base.cost, levels.cost_max)
    if largest > room.order_max:
        return None
    # What the base order may have lost by then: its fee, and the way that the price went.
    lost = spent * (DRIFT + max(terms.fees.spot_maker, terms.fees.spot_taker, ZERO))
    cash = max(whole / room.share, largest / room.order_share, levels.cost, base.cost, ONE) + lost
    on_ticks = 2 * instrument.tick_size / (gain + nearest)
    too_many = whole / (ONE - DRIFT) / min(instrument.limit_quantity_max, instrument.market_quantity_max)
    least = max(base.price_min, levels.price_min, on_ticks, too_many) * (ONE + DRIFT)
    most = min(base.price_max, levels.price_max) * (ONE - DRIFT)
    return LadderProof(
        cash_min=_above(cash / terms.value_unit),
        price_min=_above(least / terms.tick),
        price_max=int(most / terms.tick),
    )


def _fits_at_once(room: Room, levels: LadderShape) -> bool:
    """Whether all orders of a cycle may be placed at one moment, whatever was ordered before and whenever that is."""
    return room.is_calm and levels.count + EXITS_MAX <= room.orders_at_once


def _prices_fit(room: Room, levels: LadderShape) -> bool:
    """Whether every level lies within the collars, wherever the price has gone meanwhile."""
    return levels.highest <= room.ceiling * (ONE - DRIFT) and levels.lowest >= room.floor * (ONE + DRIFT)


def _above(amount: Decimal) -> int:
    whole = int(amount)
    return whole if whole == amount else whole + 1
