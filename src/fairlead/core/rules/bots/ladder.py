"""The ladder of a martingale: how far away each level is, and how large.

Compounding: P_k = P_0 (1 - d_1) ... (1 - d_k). Additive: P_k = P_0 (1 - D_k) with D_k = d (1 + s + ... + s^(k-1)).
Sizes: SO v^(k-1). Shorts mirror the prices: 1 + D_k.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Final

import msgspec

from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.martingale import DeviationFrom, MartingaleSettings, PriceRounding
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import AMOUNT_INTEGER_DIGITS_MAX, HUNDRED, ONE, ZERO, floor_to_decimals
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.rules.sizing import to_native

SIZE_STEP: Final = Decimal("1E-12")
"""Finer than any lot; a size that grows from level to level would have as many decimals as there is memory for."""


class Rung(msgspec.Struct, frozen=True):
    """One level as it would be ordered: price on a tick, quantity in whole lots, and what it costs in quote currency.

    ``deviation`` is percent of the base price, before rounding.
    """

    level: int
    deviation: Decimal
    price: Decimal
    quantity: Decimal
    cost: Decimal


class Ladder:
    """The factors of every level, computed once; a level's price and size are one multiplication each.

    Level 0 is the base order.
    """

    __slots__ = ("factors", "gaps", "instrument", "is_dynamic", "rounding", "side", "sizes", "units")

    def __init__(self, settings: MartingaleSettings, instrument: Instrument) -> None:
        """Compute the factors."""
        sign = ONE if settings.direction is Direction.SHORT else -ONE
        self.instrument = instrument
        self.side = settings.direction.entry
        self.rounding = settings.price_rounding
        self.units = (settings.base_order.unit, settings.safety_order.unit)
        self.is_dynamic = settings.deviation_from is DeviationFrom.PREVIOUS_FILL and not settings.custom_ladder
        self.gaps = _gaps(settings)
        self.factors = _factors(settings, self.gaps, sign)
        self.sizes = _sizes(settings)

    def price(self, level: int, anchor: Decimal, last_fill: Decimal = ZERO) -> Decimal:
        """Price of a level on a tick; ``last_fill`` is what a ladder that follows its fills hangs on."""
        if self.is_dynamic and last_fill:
            sign = ONE if self.side is Side.SELL else -ONE
            return round_entry(self.instrument, self.side, last_fill * (ONE + sign * self.gaps[level]), self.rounding)
        return round_entry(self.instrument, self.side, anchor * self.factors[level], self.rounding)

    def deepest(self, anchor: Decimal, last_fill: Decimal, done: int) -> Decimal:
        """Price of the last level; where levels follow fills, as far as the fills so far (one bit a level) tell."""
        last = len(self.factors) - 1
        if self.is_dynamic and last_fill:
            below = self.factors[last] / self.factors[max(0, done.bit_length() - 1)]
            return round_entry(self.instrument, self.side, last_fill * below, self.rounding)
        return self.price(last, anchor)

    def size(self, level: int, factor: Decimal = ONE) -> Size:
        """Size of a level in its unit."""
        amount = self.sizes[level]
        if factor != ONE:
            amount = _cut(amount * factor)
        return Size(amount=amount, unit=self.units[level > 0])

    def rung(self, level: int, anchor: Decimal, factor: Decimal = ONE) -> Rung:
        """A level as it would be ordered; a size in percent has no quantity before it is known of what."""
        price = self.price(level, anchor)
        quantity = whole_lots(self.instrument, self.size(level, factor), price)
        cost = self.instrument.notional_in_quote(quantity, price) if price > ZERO else ZERO
        away = abs(ONE - self.factors[level]) * HUNDRED
        return Rung(level=level, deviation=away, price=price, quantity=quantity, cost=cost)


def whole_lots(instrument: Instrument, size: Size, price: Decimal) -> Decimal:
    """Quantity that a size makes at a price, in whole lots, rounded down; zero where it makes none."""
    if size.unit is SizeUnit.PERCENT or price <= ZERO:
        return ZERO
    ratio = to_native(instrument, size, price)
    return ZERO if ratio is None else ratio.lots_down(instrument)


def share_of(size: Size, instrument: Instrument, whole: Decimal) -> Decimal:
    """Quantity that a size in percent makes of a whole one, in whole lots, rounded down."""
    return instrument.round_quantity_down(whole * size.amount / HUNDRED)


def round_entry(instrument: Instrument, side: Side, price: Decimal, rounding: PriceRounding) -> Decimal:
    """A price on a tick, never worse for its owner than computed unless the nearest was asked for."""
    if rounding is PriceRounding.NEAREST:
        tick = instrument.tick_size
        return (price / tick).quantize(ONE, ROUND_HALF_UP) * tick
    return instrument.round_price_down(price) if side is Side.BUY else instrument.round_price_up(price)


def _gaps(settings: MartingaleSettings) -> tuple[Decimal, ...]:
    """How far each level is from the one before, as fractions; level 0 has none."""
    if settings.custom_ladder:
        away = [ZERO, *(step.deviation / HUNDRED for step in settings.custom_ladder)]
        return (ZERO, *(after - before for before, after in pairwise(away)))
    gaps, gap = [ZERO], settings.step / HUNDRED
    for _ in range(settings.max_safety_orders):
        gaps.append(gap)
        gap *= settings.step_scale
    return tuple(gaps)


def _factors(settings: MartingaleSettings, gaps: tuple[Decimal, ...], sign: Decimal) -> tuple[Decimal, ...]:
    compounds = settings.deviation_from is not DeviationFrom.BASE and not settings.custom_ladder
    factors, factor, away = [], ONE, ZERO
    for gap in gaps:
        away += gap
        factor *= ONE + sign * gap
        factors.append(factor if compounds else ONE + sign * away)
    return tuple(factors)


def _sizes(settings: MartingaleSettings) -> tuple[Decimal, ...]:
    if settings.custom_ladder:
        return (settings.base_order.amount, *(step.size for step in settings.custom_ladder))
    sizes, size = [settings.base_order.amount], settings.safety_order.amount
    for _ in range(settings.max_safety_orders):
        sizes.append(_cut(size))
        size *= settings.volume_scale
    return tuple(sizes)


def _cut(size: Decimal) -> Decimal:
    # A size beyond all money has no room for decimals; whoever checks the settings refuses it.
    is_whole = size.adjusted() >= AMOUNT_INTEGER_DIGITS_MAX or size == size.to_integral_value()
    return size if is_whole else floor_to_decimals(size, SIZE_STEP)
