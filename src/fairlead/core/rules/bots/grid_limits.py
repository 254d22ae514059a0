"""Where a grid ends: prices that it stops at, and the price at which its profit or loss is what was set."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Tripwire, Urgency, WireKind
from fairlead.core.model.bots.grid import GridSettings
from fairlead.core.model.money import HUNDRED, ZERO
from fairlead.core.rules.bots.grid_lines import GridLines

STOP_BELOW: Final = "stop_below"
STOP_ABOVE: Final = "stop_above"
TAKE_PROFIT: Final = "take_profit"
STOP_LOSS: Final = "stop_loss"


class GridLimits:
    """Judges a grid at a price."""

    def __init__(self, settings: GridSettings, lines: GridLines) -> None:
        """Take what does not change."""
        self._settings = settings
        self._instrument = lines.instrument
        percents = {TAKE_PROFIT: settings.take_profit, STOP_LOSS: settings.stop_loss}
        capital = lines.worst_case() if any(percents.values()) else ZERO
        self._aims = {
            name: capital * percent / HUNDRED * (1 if name == TAKE_PROFIT else -1)
            for name, percent in percents.items()
            if percent is not None
        }

    def due(self, deal: Deal, price: Decimal) -> str:
        """Why the grid ends now; empty when it goes on."""
        settings = self._settings
        if settings.stop_below is not None and price <= settings.stop_below:
            return STOP_BELOW
        if settings.stop_above is not None and price >= settings.stop_above:
            return STOP_ABOVE
        if not self._aims:
            return ""
        profit = self.profit(deal, price)
        if profit >= self._aims.get(TAKE_PROFIT, profit + 1):
            return TAKE_PROFIT
        return STOP_LOSS if profit <= self._aims.get(STOP_LOSS, profit - 1) else ""

    def wires(self, deal: Deal) -> tuple[Tripwire, ...]:
        """The prices at which that may become so, as things are."""
        settings = self._settings
        wires = []
        if settings.stop_below is not None:
            wires.append(Tripwire(WireKind.AT_OR_BELOW, settings.stop_below, urgency=Urgency.STOP))
        if settings.stop_above is not None:
            wires.append(Tripwire(WireKind.AT_OR_ABOVE, settings.stop_above, urgency=Urgency.STOP))
        for name, aim in self._aims.items():
            price = self._price_at(deal, aim)
            if price is not None:
                above = deal.is_long is (name == TAKE_PROFIT)
                kind = WireKind.AT_OR_ABOVE if above else WireKind.AT_OR_BELOW
                wires.append(Tripwire(kind, price, urgency=Urgency.EXIT if name == TAKE_PROFIT else Urgency.STOP))
        return tuple(wires)

    def profit(self, deal: Deal, price: Decimal) -> Decimal:
        """Realized and not yet realized, after the fees paid so far, in the settle currency."""
        value = self._instrument.notional(deal.quantity, price)
        gain = value - deal.cost if self._rises(deal) else deal.cost - value
        return deal.realized + deal.realized_before + gain - deal.fees

    def _price_at(self, deal: Deal, aim: Decimal) -> Decimal | None:
        """The price at which the profit is this; None when no price is, or none changes it."""
        size = deal.quantity * self._instrument.contract_value
        needed = aim - deal.realized - deal.realized_before + deal.fees
        value = deal.cost + needed if self._rises(deal) else deal.cost - needed
        if not size or value <= ZERO:
            return None
        return size / value if self._instrument.is_inverse else value / size

    def _rises(self, deal: Deal) -> bool:
        """Whether it gains when the value of what it holds rises; an inverse contract's falls as the price rises."""
        return deal.is_long is not self._instrument.is_inverse
