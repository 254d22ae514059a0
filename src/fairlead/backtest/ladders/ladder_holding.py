"""What a replayed ladder holds in its running deal, and where that is sold: in whole numbers, or by the rule's ledger.

Where fees are paid in money everything is a whole number of lots and ticks. A fee that a buy pays in the coin leaves
dust, whose cost goes along into the next deal as a fraction of a fraction: then the ledger of the rules keeps it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from fairlead.backtest.ladders.ladder_plan import LadderPlan
from fairlead.core.model.bots.deal import Deal, DealFill
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.rules.bots.ledger import book_fill, next_deal, sellable
from fairlead.core.rules.bots.take_profit import TakeProfit


class Holding(Protocol):
    """One deal after the other; ``lots`` can be sold, ``fee`` is what was paid in money, times the plan's scale."""

    lots: int
    fee: int

    def buy(self, lots: int, ticks: int, *, takes: bool, is_base: bool = False) -> None:
        """Book an entry."""
        ...

    def goal(self) -> int:
        """Where the take-profit rests, in ticks of the series."""
        ...

    def sell(self, ticks: int, *, takes: bool) -> None:
        """Book the sale of ``lots``; the next deal begins."""
        ...

    def worth(self, ticks: int) -> Decimal:
        """What is held at a price, in money."""
        ...


class WholeHolding:
    """Fees are paid in money: sums of whole numbers."""

    __slots__ = ("_base_value", "_deal_fee", "_plan", "_value", "fee", "lots")

    def __init__(self, plan: LadderPlan) -> None:
        """Begin with nothing."""
        self._plan = plan
        self.lots = self.fee = 0
        self._value = self._base_value = self._deal_fee = 0

    def buy(self, lots: int, ticks: int, *, takes: bool, is_base: bool = False) -> None:
        value, plan = lots * ticks, self._plan
        fee = value * (plan.taker if takes else plan.maker)
        self.lots += lots
        self._value += value
        self._deal_fee += fee
        self.fee += fee
        if is_base:
            self._base_value = value

    def goal(self) -> int:
        return self._plan.exit_price(self.lots, self._value, self._base_value, self._deal_fee)

    def sell(self, ticks: int, *, takes: bool) -> None:
        plan = self._plan
        self.fee += self.lots * ticks * (plan.taker if takes else plan.maker)
        self.lots = self._value = self._base_value = self._deal_fee = 0

    def worth(self, ticks: int) -> Decimal:
        return self.lots * ticks * self._plan.value_unit


class CoinHolding:
    """Buys pay their fee in the coin: the deal is the rules' own."""

    __slots__ = ("_coarse_tick", "_deal", "_exits", "_instrument", "_plan", "_rates", "_step", "_tick", "fee", "lots")

    def __init__(
        self, plan: LadderPlan, settings: MartingaleSettings, instrument: Instrument, tick: Decimal, rate: Decimal
    ) -> None:
        """Begin with nothing; ``tick`` is the series', ``rate`` the fee that an exit is planned with."""
        self._plan = plan
        self._instrument = instrument
        self._tick = tick
        self._step = settings.take_profit[0]
        self._exits = TakeProfit(settings, instrument, rate)
        self._rates = (Decimal(plan.maker) / plan.fee_scale, Decimal(plan.taker) / plan.fee_scale)
        self._deal = Deal()
        self.lots = self.fee = 0

    def buy(self, lots: int, ticks: int, *, takes: bool, is_base: bool = False) -> None:
        quantity, value = lots * self._instrument.lot_size, lots * ticks * self._plan.value_unit
        fill = DealFill(True, is_base, ticks * self._tick, quantity, value, quantity * self._rates[takes])  # noqa: FBT003 (a position of a struct)
        self._book(fill)

    def goal(self) -> int:
        return int(self._exits.price(self._deal, self._step) / self._tick)

    def sell(self, ticks: int, *, takes: bool) -> None:
        plan = self._plan
        self.fee += self.lots * ticks * (plan.taker if takes else plan.maker)
        quantity, value = self.lots * self._instrument.lot_size, self.lots * ticks * plan.value_unit
        fee = value * self._rates[takes]
        self._book(DealFill(False, False, ticks * self._tick, quantity, value, ZERO, fee))  # noqa: FBT003 (as above)
        self._deal = next_deal(self._deal)

    def worth(self, ticks: int) -> Decimal:
        return self._deal.quantity * (ticks * self._tick)

    def _book(self, fill: DealFill) -> None:
        self._deal = book_fill(self._deal, fill, self._instrument)
        self.lots = int(sellable(self._deal, self._instrument) / self._instrument.lot_size)
