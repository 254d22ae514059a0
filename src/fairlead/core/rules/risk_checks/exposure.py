"""What an account holds and may come to hold, in USD: filled plus everything that is still pending."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.account import PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import OUTSIDE, Order
from fairlead.core.model.request import Side
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.valuation import is_traded, is_usd, usd_rate


def reference_price(quote: Quote) -> Decimal | None:
    """Middle of the book, else the last trade (docs/decisions/0003)."""
    if quote.bid > ZERO and quote.ask > ZERO:
        return quote.mid
    return quote.last if quote.last > ZERO else None


class Leg:
    """One holding and its pending orders, in USD; ``held`` is signed, the rest is not."""

    __slots__ = ("asset", "buys", "closing_buys", "closing_sells", "held", "is_spot", "sells")

    def __init__(self, asset: str, *, is_spot: bool) -> None:
        self.asset = asset
        self.is_spot = is_spot
        self.held = ZERO
        self.buys = ZERO
        self.sells = ZERO
        self.closing_buys = ZERO
        self.closing_sells = ZERO

    @property
    def bounds(self) -> tuple[Decimal, Decimal]:
        """Least and greatest that the holding can become, whichever of the pending orders fill."""
        low = high = self.held
        if self.closing_sells and self.sells and low > ZERO:
            # A reduce-only order may go first, and then the plain ones start from less.
            low = max(low - self.closing_sells, ZERO)
        elif self.closing_buys and self.buys and high < ZERO:
            high = min(high + self.closing_buys, ZERO)
        return low - self.sells, high + self.buys

    @property
    def worst(self) -> Decimal:
        """Greatest absolute value that the holding can reach."""
        low, high = self.bounds
        return max(-low, high)


_CLOSING_SIDES: Final = {PositionSide.LONG: Side.SELL, PositionSide.SHORT: Side.BUY}


class Totals(msgspec.Struct, frozen=True, gc=False):
    """The account as a whole at its worst: sums over all holdings, and how many there may be."""

    gross: Decimal
    net: Decimal
    holdings: int


class _Lane(msgspec.Struct, frozen=True, gc=False):
    """Where orders of one instrument and position side count, and what one unit of them is worth.

    An order of ``closing_side`` cannot open or flip: a spot sale, the other side of a long or short. In a net position
    only the order's own reduce-only mark can say so, or that the venue made it (a stop, a liquidation).
    """

    instrument: Instrument
    leg: Leg
    unit_usd: Decimal | None
    quote_usd: Decimal | None
    closing_side: Side | None

    def is_closing(self, order: Order) -> bool:
        if self.closing_side is not None:
            return order.side is self.closing_side
        return order.reduce_only or order.origin not in {"", OUTSIDE}


class Exposure:
    """All holdings of an account with their pending orders; a check adds the order that it is about."""

    __slots__ = ("_instruments", "_lanes", "_legs", "_quotes", "_totals", "unpriced")

    def __init__(self, view: AccountView) -> None:
        """Value the filled positions and open orders of a book."""
        self._quotes: Mapping[str, Quote] = view.quotes
        self._instruments: Mapping[str, Instrument] = view.instruments
        self._lanes: dict[tuple[str, PositionSide], _Lane | None] = {}
        self._legs: dict[tuple[str, str], Leg] = {}
        self._totals: Totals | None = None
        self.unpriced: set[str] = set()
        for position in view.book.positions.values():
            lane = self._lane(position.symbol, position.position_side)
            if lane is None or lane.unit_usd is None:
                self.unpriced.add(position.symbol)
            else:
                lane.leg.held += position.signed_quantity * lane.unit_usd
        for currency, balance in view.book.balances.items():
            if is_usd(currency) or not balance.total:
                continue
            rate = usd_rate(currency, view.quotes)
            if rate is not None:
                self._spot_leg(currency).held += balance.total * rate
            elif is_traded(currency, view.instruments):
                # It has a price that we do not know now. What has none anywhere is worth nothing, as it is in equity.
                self.unpriced.add(currency)
        for order in view.book.orders.values():
            self.add(order)

    def unit_usd(self, order: Order) -> Decimal | None:
        """USD of one unit of the order's instrument at the reference price; None if that is not known."""
        lane = self._lane(order.symbol, order.position_side)
        return None if lane is None else lane.unit_usd

    def leg(self, order: Order) -> Leg | None:
        """Find or make the holding that an order touches; None if its instrument is unknown."""
        lane = self._lane(order.symbol, order.position_side)
        return None if lane is None else lane.leg

    def order_usd(self, order: Order, price: Decimal | None) -> Decimal | None:
        """USD of what an order may still fill, at its own price or, without one, at the reference price."""
        lane = self._lane(order.symbol, order.position_side)
        if lane is None or price is None or order.in_quote:
            return None if lane is None else _worth(order, lane)
        if lane.quote_usd is None:
            return None
        return lane.instrument.notional_in_quote(order.leaves_quantity, price) * lane.quote_usd

    def add(self, order: Order, sign: int = 1) -> None:
        """Count an order as pending; with ``sign`` -1, take that back."""
        self._totals = None
        lane = self._lane(order.symbol, order.position_side)
        amount = None if lane is None else _worth(order, lane)
        if lane is None or amount is None:
            if lane is None or not lane.is_closing(order):
                self.unpriced.add(order.symbol)
            return
        leg = lane.leg
        if sign < 0:
            amount = -amount
        if order.side is Side.BUY:
            if lane.is_closing(order):
                leg.closing_buys += amount
            else:
                leg.buys += amount
        elif lane.is_closing(order):
            leg.closing_sells += amount
        else:
            leg.sells += amount

    def of_asset(self, leg: Leg) -> Decimal:
        """Worst case of all holdings of the leg's asset of its kind; opposite ones do not cancel."""
        same = (one.worst for one in self._legs.values() if one.asset == leg.asset and one.is_spot is leg.is_spot)
        return sum(same, ZERO)

    def of_assets(self, assets: Collection[str]) -> Decimal:
        """Worst case of all holdings of several assets, spot and perpetuals together."""
        return sum((one.worst for one in self._legs.values() if one.asset in assets), ZERO)

    def totals(self, dust: Decimal) -> Totals:
        """Sum up; holdings worth no more than ``dust`` are not counted."""
        if self._totals is None:
            gross = net_low = net_high = ZERO
            holdings = 0
            for leg in self._legs.values():
                low, high = leg.bounds
                worst = max(-low, high)
                gross += worst
                net_low += low
                net_high += high
                holdings += worst > dust
            self._totals = Totals(gross, max(-net_low, net_high), holdings)
        return self._totals

    def _lane(self, symbol: str, position_side: PositionSide) -> _Lane | None:
        key = (symbol, position_side)
        lane = self._lanes.get(key)
        if lane is None and key not in self._lanes:
            lane = self._lanes[key] = self._make_lane(symbol, position_side)
        return lane

    def _make_lane(self, symbol: str, position_side: PositionSide) -> _Lane | None:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return None
        quote = self._quotes.get(symbol)
        quote_usd = usd_rate(instrument.quote_currency, self._quotes)
        price = None if quote is None else reference_price(quote)
        unit_usd = None
        if quote_usd is not None and instrument.is_inverse:
            unit_usd = instrument.contract_value * quote_usd
        elif quote_usd is not None and price is not None:
            unit_usd = instrument.contract_value * price * quote_usd
        if instrument.is_spot:
            return _Lane(instrument, self._spot_leg(instrument.base_currency), unit_usd, quote_usd, Side.SELL)
        leg = self._legs[symbol, position_side] = Leg(instrument.base_currency, is_spot=False)
        return _Lane(instrument, leg, unit_usd, quote_usd, _CLOSING_SIDES.get(position_side))

    def _spot_leg(self, currency: str) -> Leg:
        leg = self._legs.get(("", currency))
        if leg is None:
            leg = self._legs["", currency] = Leg(currency, is_spot=True)
        return leg


def _worth(order: Order, lane: _Lane) -> Decimal | None:
    # What leaves_quantity says, without asking whether the order is over: neither open nor new orders are.
    if order.in_quote:
        return None if lane.quote_usd is None else (order.quantity - order.filled_notional) * lane.quote_usd
    return None if lane.unit_usd is None else (order.quantity - order.filled_quantity) * lane.unit_usd
