"""Where the venue would take a replayed position away, and at which price it then closes (OKX API v5).

It is taken when margin and open profit have fallen to what must stay of its value; it closes at the price that leaves
nothing of the margin, so what an isolated position can lose is its own margin, and a cross one all cash of the account.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fairlead.backtest.account import ReplayAccount
from fairlead.backtest.keeping import Placing
from fairlead.backtest.watching import Wires
from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.money import ZERO
from fairlead.core.rules.bots.ledger import average_price
from fairlead.core.rules.margin import liquidation_price

LIQUIDATED: Final = "liquidation"
"""The slot of a fill that nobody ordered."""


class MarginWatch:
    """The margin of one bot's position."""

    def __init__(self, placing: Placing, account: ReplayAccount) -> None:
        """Watch the position of this bot."""
        self._placing = placing
        self._account = account
        rates = account.terms.fees
        self._keep_rate = placing.instrument.maintenance_margin_rate + rates.perpetual_taker

    def watch(self, wires: Wires, deal: Deal, worth: Decimal) -> None:
        """Wait for the price at which the position would be taken away; ``worth`` is its open profit now."""
        if not self._placing.instrument.is_spot:
            wires.fear(self._solve(deal, worth, self._keep_rate), falls=deal.is_long)

    def closing_price(self, deal: Deal, worth: Decimal) -> Decimal | None:
        """What it is closed at then."""
        return self._solve(deal, worth, ZERO)

    def _solve(self, deal: Deal, worth: Decimal, keep_rate: Decimal) -> Decimal | None:
        instrument = self._placing.instrument
        if instrument.is_spot or not deal.quantity:
            return None
        is_isolated = self._placing.margin_mode is MarginMode.ISOLATED
        margin = deal.cost / self._placing.leverage if is_isolated else self._account.equity - worth
        signed = deal.quantity if deal.is_long else -deal.quantity
        return liquidation_price(instrument, signed, average_price(deal, instrument), margin, keep_rate)
