"""The lines of a grid: where each is, how much is ordered at it, and what a pair of orders earns.

Arithmetic: P_k = L + k (U - L) / n. Geometric: P_k = L (U / L)^(k / n). A pair of orders at P_k and P_k+1 with the fee
rate f earns (P_k+1 - P_k) - f (P_k + P_k+1), which is P_k (g (1 - f) / P_k - 2 f) for a gap of g.
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import ROUND_HALF_UP, Decimal

from fairlead.core.model.bots.grid import LINES_MAX, GridDirection, GridSettings, Spacing
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import SizeUnit
from fairlead.core.rules.bots.ladder import whole_lots


class GridLines:
    """Prices and sizes by line; line 0 is the lower end as configured, and lines go on beyond both ends."""

    __slots__ = ("_prices", "_ratio", "_settings", "instrument")

    def __init__(self, settings: GridSettings, instrument: Instrument) -> None:
        """Compute what does not change."""
        self._settings = settings
        self.instrument = instrument
        self._prices: dict[int, Decimal] = {}
        self._ratio = ONE
        if settings.spacing is Spacing.GEOMETRIC:
            self._ratio = ((settings.upper / settings.lower).ln() / settings.lines).exp()

    def price(self, line: int) -> Decimal:
        """Price of a line, on the nearest tick: both orders of a pair are of the same lines, so neither side wins."""
        known = self._prices.get(line)
        if known is None:
            tick = self.instrument.tick_size
            known = self._prices[line] = (self._exact(line) / tick).quantize(ONE, ROUND_HALF_UP) * tick
        return known

    def _exact(self, line: int) -> Decimal:
        settings = self._settings
        if settings.spacing is Spacing.GEOMETRIC:
            return settings.lower * self._ratio**line
        return settings.lower + (settings.upper - settings.lower) * line / settings.lines

    def first_at_or_above(self, price: Decimal, *, bottom: int, top: int) -> int:
        """The first of the lines ``bottom`` to ``top`` at this price or above; the one after ``top`` if none is."""
        return bottom + bisect_left(range(bottom, top + 1), price, key=self.price)

    def nearest(self, price: Decimal) -> int:
        """The line nearest to a price, among those configured."""
        top = self._settings.lines
        above = min(self.first_at_or_above(price, bottom=0, top=top), top)
        if above and price - self.price(above - 1) < self.price(above) - price:
            return above - 1
        return above

    def quantity(self, cell: int, *, is_long: bool) -> Decimal:
        """What a cell opens with, in whole lots."""
        return whole_lots(self.instrument, self._settings.per_line, self.price(cell if is_long else cell + 1))

    def profit(self, cell: int, fee_rate: Decimal) -> Decimal:
        """What one pair of orders earns after fees, as a fraction of the value at the lower line."""
        low = self.instrument.notional(ONE, self.price(cell))
        high = self.instrument.notional(ONE, self.price(cell + 1))
        return (abs(high - low) - fee_rate * (low + high)) / low

    def worst_case(self) -> Decimal:
        """What all lines cost together, each at its lower price, in the settle currency."""
        total = ZERO
        is_long = self._settings.direction is not GridDirection.SHORT
        for cell in range(self._settings.lines):
            total += self.instrument.notional(self.quantity(cell, is_long=is_long), self.price(cell))
        return total


def grid_problems(settings: GridSettings, instrument: Instrument) -> tuple[str, ...]:
    """Say why these settings make no grid on this instrument, with numbers; nothing when they do."""
    found = [*_shape_problems(settings), *_kind_problems(settings, instrument)]
    if found:
        return tuple(found)
    lines = GridLines(settings, instrument)
    if any(lines.price(line) >= lines.price(line + 1) for line in range(settings.lines)):
        found.append(f"{settings.lines} lines are closer together than one tick ({instrument.tick_size})")
    is_long = settings.direction is not GridDirection.SHORT
    for cell in range(settings.lines):
        quantity, price = lines.quantity(cell, is_long=is_long), lines.price(cell)
        if (
            quantity < instrument.quantity_min
            or instrument.notional_in_quote(quantity, price) < instrument.notional_min
        ):
            found.append(f"an order at {price} would be {quantity}, below the least order of {instrument.symbol}")
            break
    return tuple(found)


def _shape_problems(settings: GridSettings) -> list[str]:
    found = []
    if not ZERO < settings.lower < settings.upper:
        found.append(f"lower {settings.lower} must be above zero and below upper {settings.upper}")
    if not 1 <= settings.lines <= LINES_MAX:
        found.append(f"lines {settings.lines} must be 1 to {LINES_MAX}")
    if not (0 <= settings.expand_up <= LINES_MAX and 0 <= settings.expand_down <= LINES_MAX):
        found.append(f"expand_up and expand_down must be 0 to {LINES_MAX}")
    if settings.per_line.unit is SizeUnit.PERCENT or settings.per_line.amount <= ZERO:
        found.append("per_line must be above zero, in quote or base currency or in contracts")
    if settings.active_lines < 0:
        found.append(f"active_lines {settings.active_lines} must not be negative")
    if settings.stop_below is not None and settings.stop_below >= settings.lower:
        found.append(f"stop_below {settings.stop_below} must be below lower {settings.lower}")
    if settings.stop_above is not None and settings.stop_above <= settings.upper:
        found.append(f"stop_above {settings.stop_above} must be above upper {settings.upper}")
    for name, percent in (("take_profit", settings.take_profit), ("stop_loss", settings.stop_loss)):
        if percent is not None and percent <= ZERO:
            found.append(f"{name} {percent} must be above zero")
    return found


def _kind_problems(settings: GridSettings, instrument: Instrument) -> list[str]:
    found = []
    if instrument.is_spot and settings.direction is not GridDirection.LONG:
        found.append(f"{instrument.symbol} is spot, which cannot be sold short: use direction long")
    trails = settings.trail_up is not None or settings.trail_down is not None
    if settings.direction is GridDirection.NEUTRAL and trails:
        found.append("a neutral grid cannot trail: it would turn what it is long of into what it is short of")
    if settings.trail_up is not None and settings.expand_up:
        found.append("trail_up and expand_up cannot be used together")
    if settings.trail_down is not None and settings.expand_down:
        found.append("trail_down and expand_down cannot be used together")
    return found
