"""Where a deal is closed: take-profit, break-even and stop prices from its ledger.

With C the cost, F the fees of the entries in the settle currency, Q the holding after fees in base currency, f the fee
rate of the exit and c the contract value: total, P = (C (1 + tp) + F) / (Q c (1 - f)); from the base order B,
P = (C + tp B + F) / (Q c (1 - f)). Shorts mirror it: P = (C (1 - tp) - F) / (Q c (1 + f)). Inverse contracts are
valued as Q c / P, so the same is solved for the price.
"""

from __future__ import annotations

from decimal import Decimal

from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.martingale import StopFrom, TakeProfitFrom
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.rules.bots.ledger import average_price


class Targets:
    """Prices that follow from what is held."""

    __slots__ = ("_after_fees", "_fee_rate", "_instrument", "_is_long", "_reference")

    def __init__(
        self,
        instrument: Instrument,
        direction: Direction,
        *,
        reference: TakeProfitFrom,
        fee_rate: Decimal,
        after_fees: bool,
    ) -> None:
        """Take what does not change in a cycle; ``fee_rate`` is that of the closing order."""
        self._instrument = instrument
        self._is_long = direction is Direction.LONG
        self._reference = reference
        self._fee_rate = fee_rate if after_fees else ZERO
        self._after_fees = after_fees

    def take_profit(self, deal: Deal, profit: Decimal) -> Decimal:
        """Price at which closing all gains ``profit`` (a fraction); before rounding."""
        fees = deal.fees if self._after_fees else ZERO
        if self._instrument.is_inverse:
            return self._inverse(deal, profit, fees)
        part = deal.base_cost if self._reference is TakeProfitFrom.BASE else deal.cost
        size = deal.quantity * self._instrument.contract_value
        if self._is_long:
            return (deal.cost + profit * part + fees) / (size * (ONE - self._fee_rate))
        return (deal.cost - profit * part - fees) / (size * (ONE + self._fee_rate))

    def break_even(self, deal: Deal) -> Decimal:
        """Price at which closing all gains nothing."""
        return self.take_profit(deal, ZERO)

    def _inverse(self, deal: Deal, profit: Decimal, fees: Decimal) -> Decimal:
        size = deal.quantity * self._instrument.contract_value
        if self._reference is TakeProfitFrom.BASE and deal.cost:
            profit = profit * deal.base_cost / deal.cost
        # The value at the aimed price, in the coin; fees move it further.
        if self._is_long:
            return size * (ONE + self._fee_rate) / (deal.cost / (ONE + profit) - fees)
        return size * (ONE - self._fee_rate) / (deal.cost / (ONE - profit) + fees)


def stop_reference(
    kind: StopFrom, deal: Deal, instrument: Instrument, *, anchor: Decimal, last_level: Decimal
) -> Decimal:
    """The price that a stop-loss is measured from."""
    match kind:
        case StopFrom.BASE:
            return anchor
        case StopFrom.FIRST_FILL:
            return deal.first_price
        case StopFrom.AVERAGE:
            return average_price(deal, instrument)
        case StopFrom.LAST_LEVEL:
            return last_level
