"""A ladder as proportions: what all of its levels cost and are worth at most, whatever price it hangs on.

With sizes in quote currency a ladder costs the same at every price, so a bound that was computed once holds for each of
its cycles, and no level has to be computed before the price reaches it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import SizeUnit
from fairlead.core.rules.bots.ladder import Ladder

ROUNDED: Final = Decimal("0.001")
"""A shape holds only where a tick is less than this part of the deepest level's price."""


class LadderShape(msgspec.Struct, frozen=True, gc=False):
    """Some levels of a ladder, ``count`` orders; all amounts in quote currency.

    ``cost`` is what they take at their own prices, at most, ``cost_max`` the dearest of them; ``worth`` bounds the
    value of all their quantities at the price that the ladder hangs on. ``first`` is the computed price of the first
    one as a factor of it, ``lowest`` and ``highest`` are bounds of all their prices. Outside of ``price_min`` and
    ``price_max`` some level may be too small or too large an order, or rounding to ticks moves it too far.
    """

    count: int
    cost: Decimal
    cost_max: Decimal
    worth: Decimal
    first: Decimal
    lowest: Decimal
    highest: Decimal
    price_min: Decimal
    price_max: Decimal


def shape_of(
    settings: MartingaleSettings, instrument: Instrument, *, first: int = 1, last: int | None = None
) -> LadderShape | None:
    """The shape of levels ``first`` to ``last`` (all the safety orders); level 0 is the base order.

    None where nothing can be said beforehand: sizes that are not amounts of quote currency, levels that follow fills,
    inverse contracts, a level without a price.
    """
    ladder = Ladder(settings, instrument)
    last = settings.levels if last is None else last
    if ladder.is_dynamic or instrument.is_inverse or not 0 <= first <= last <= settings.levels:
        return None
    if {ladder.units[level > 0] for level in range(first, last + 1)} != {SizeUnit.QUOTE}:
        return None
    sizes = [ladder.size(level).amount for level in range(first, last + 1)]
    factors = ladder.factors[first : last + 1]
    if min(factors) <= ROUNDED or min(sizes) <= ZERO:
        return None
    # A price on a tick lies at most a tick beside the computed one.
    lowest, highest = min(factors) * (ONE - ROUNDED), max(factors) * (ONE + ROUNDED)
    return LadderShape(
        count=len(sizes),
        cost=sum(sizes, ZERO),
        cost_max=max(sizes),
        worth=sum((size / (one * (ONE - ROUNDED)) for size, one in zip(sizes, factors, strict=True)), ZERO),
        first=factors[0],
        lowest=lowest,
        highest=highest,
        price_min=_price_min(instrument, max(sizes), min(factors)),
        price_max=_price_max(instrument, min(sizes), highest),
    )


def _price_min(instrument: Instrument, size: Decimal, factor: Decimal) -> Decimal:
    """Below this the largest level is too many units, or a tick is too much of the deepest price."""
    on_ticks = instrument.tick_size / (ROUNDED * factor)
    most = instrument.limit_quantity_max * instrument.contract_value * factor * (ONE - ROUNDED)
    return max(on_ticks, size / most)


def _price_max(instrument: Instrument, size: Decimal, highest: Decimal) -> Decimal:
    """Above this the smallest level, in whole lots, may be below the least order."""
    lot, least = instrument.lot_size, instrument.quantity_min
    by_quantity = size / ((lot + least) * instrument.contract_value * highest)
    by_value = (size - instrument.notional_min) / (lot * instrument.contract_value * highest)
    return min(by_quantity, by_value)
