"""The account that replayed bots share: cash, fills in their order, funding, and what is free for a new order."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from fairlead.backtest.book import OrderBook
from fairlead.backtest.result import Denial, Fill, OrderSpan
from fairlead.backtest.spec import FeeCurrency, ReplayTerms
from fairlead.core.model.bots.deal import Deal, DealFill
from fairlead.core.model.bots.decision import BASE_SLOT
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.bots.ledger import book_fill
from fairlead.market.candles.series import CandleSeries


class Holder(Protocol):
    """A bot of the account, as far as its neighbours' money depends on it."""

    deal: Deal
    book: OrderBook
    price: Decimal

    @property
    def instrument(self) -> Instrument:
        """What it trades."""
        ...

    @property
    def series(self) -> CandleSeries:
        """Its candles."""
        ...

    @property
    def worth(self) -> Decimal:
        """What it holds, at the newest price that it has seen: what closing would add to cash."""
        ...

    @property
    def bound(self) -> Decimal:
        """What its holding and its resting entries bind, in the settle currency: margin, or cash of resting buys."""
        ...


class ReplayAccount:
    """Money of one run."""

    def __init__(self, cash: Decimal, terms: ReplayTerms, *, keep_orders: bool = False) -> None:
        """Begin with cash."""
        self.cash = cash
        self.terms = terms
        self.holders: list[Holder] = []
        self.fills: list[Fill] = []
        self.denials: list[Denial] = []
        self.orders: list[OrderSpan] = []
        self.keeps_orders = keep_orders
        self.funding = ZERO
        self.decisions = 0
        self.is_liquidated = False

    @property
    def equity(self) -> Decimal:
        """Cash and what every bot holds."""
        return self.cash + sum((one.worth for one in self.holders), ZERO)

    @property
    def free(self) -> Decimal:
        """What a new order may use: of spot the cash that no buy has reserved, of perpetuals equity without margins."""
        return self.cash + sum((min(ZERO, one.worth) - one.bound for one in self.holders), ZERO)

    def fee_rate(self, instrument: Instrument, *, is_maker: bool) -> Decimal:
        """Fraction of the value that a fill pays."""
        fees = self.terms.fees
        if instrument.is_spot:
            return fees.spot_maker if is_maker else fees.spot_taker
        return fees.perpetual_maker if is_maker else fees.perpetual_taker

    def takes_coin(self, instrument: Instrument, side: Side) -> bool:
        """Whether a fill pays its fee in the coin that it receives."""
        received = self.terms.fee_currency is FeeCurrency.RECEIVED
        return received and instrument.is_spot and side is Side.BUY

    def execute(self, deal: Deal, fill: Fill, instrument: Instrument) -> Deal:
        """Take a fill: the deal after it; cash follows.

        A spot buy moves its value, a perpetual only fees and what closing gained or lost.
        """
        self.fills.append(fill)
        in_coin = instrument.is_spot and self.terms.fee_currency is FeeCurrency.RECEIVED
        booked = book_fill(deal, deal_fill(fill, in_coin=in_coin), instrument)
        fee_settle = ZERO if in_coin and fill.is_buy else fill.fee
        if instrument.is_spot:
            self.cash += (-fill.value if fill.is_buy else fill.value) - fee_settle
        else:
            # Profits come with fees already taken, those of entries too: they were paid before.
            self.cash += (booked.realized - deal.realized) - (booked.fees - deal.fees)
        return booked


def deal_fill(fill: Fill, *, in_coin: bool) -> DealFill:
    """A fill as a deal's ledger takes it; ``in_coin``: a buy pays its fee in what it receives (spot)."""
    is_base = fill.slot == BASE_SLOT
    if in_coin and fill.is_buy:
        return DealFill(True, is_base, fill.price, fill.quantity, fill.value, fill.fee_base)  # noqa: FBT003 (a struct)
    return DealFill(fill.is_buy, is_base, fill.price, fill.quantity, fill.value, ZERO, fill.fee)


def slipped(price: Decimal, slippage: Decimal, instrument: Instrument, *, is_buy: bool) -> Decimal:
    """What a market order gets at a price, on a tick and never better."""
    if not slippage:
        return price
    if is_buy:
        return instrument.round_price_up(price * (ONE + slippage))
    return instrument.round_price_down(price * (ONE - slippage))


def worth_of(deal: Deal, instrument: Instrument, price: Decimal) -> Decimal:
    """What closing a deal at a price would add to cash, before fees: its value (spot), its open profit (perpetuals)."""
    if not deal.quantity:
        return ZERO
    value = instrument.notional(deal.quantity, price)
    if instrument.is_spot:
        return value
    return value - deal.cost if deal.is_long is not instrument.is_inverse else deal.cost - value


def bound_by(
    deal: Deal, instrument: Instrument, entries: Sequence[tuple[Decimal, Decimal]], leverage: Decimal
) -> Decimal:
    """What a holding and resting entries, as (quantity, price), bind: cash of spot buys, margin of perpetuals."""
    resting = sum((instrument.notional(quantity, price) for quantity, price in entries), ZERO)
    if instrument.is_spot:
        return resting
    return (deal.cost + resting) / (leverage or ONE)
