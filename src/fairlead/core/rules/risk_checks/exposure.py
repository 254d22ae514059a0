"""What an account holds and may come to hold, in USD: filled plus everything that is still pending."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fairlead.core.model.account import PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import Side
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.holds import only_reduces
from fairlead.core.rules.valuation import is_usd, usd_rate


def reference_price(quote: Quote) -> Decimal | None:
    """Middle of the book, else the last trade (risk-engine.md, ref)."""
    if quote.bid > ZERO and quote.ask > ZERO:
        return quote.mid
    return quote.last if quote.last > ZERO else None


def is_closing(order: Order, instrument: Instrument) -> bool:
    """Whether the venue itself keeps this order from opening or flipping a position."""
    if instrument.is_spot:
        return order.side is Side.SELL
    # What the venue made itself protects or liquidates a position, and can only make it smaller.
    return only_reduces(order) or bool(order.origin)


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
        if self.held > ZERO and self.sells:
            # A reduce-only order may go first, and then the plain ones start from less.
            low = max(self.held - self.closing_sells, ZERO)
        if self.held < ZERO and self.buys:
            high = min(self.held + self.closing_buys, ZERO)
        return low - self.sells, high + self.buys

    @property
    def worst(self) -> Decimal:
        """Greatest absolute value that the holding can reach."""
        low, high = self.bounds
        return max(-low, high)


class Exposure:
    """All holdings of an account with their pending orders; a check adds the order that it is about."""

    __slots__ = ("_instruments", "_legs", "_quotes", "_units", "unpriced")

    def __init__(self, view: AccountView) -> None:
        """Value the filled positions and open orders of a book."""
        self._quotes: Mapping[str, Quote] = view.quotes
        self._instruments: Mapping[str, Instrument] = view.instruments
        self._units: dict[str, Decimal | None] = {}
        self._legs: dict[tuple[str, str], Leg] = {}
        self.unpriced: set[str] = set()
        for position in view.book.positions.values():
            if position.quantity:
                self._hold(position.symbol, position.position_side, position.signed_quantity)
        for currency, balance in view.book.balances.items():
            # An asset without a price is worth nothing here, as it is in equity.
            if balance.total and not is_usd(currency) and (rate := usd_rate(currency, view.quotes)) is not None:
                self._spot_leg(currency).held += balance.total * rate
        for order in view.book.orders.values():
            self.add(order)

    def unit_usd(self, symbol: str) -> Decimal | None:
        """USD of one unit of an instrument's quantity at the reference price; None if that is not known."""
        if symbol not in self._units:
            self._units[symbol] = self._unit_usd(symbol)
        return self._units[symbol]

    def order_usd(self, order: Order, price: Decimal | None) -> Decimal | None:
        """USD of what an order may still fill, at its own price or, without one, at the reference price."""
        instrument = self._instruments.get(order.symbol)
        if instrument is None:
            return None
        if not order.in_quote and price is None:
            unit = self.unit_usd(order.symbol)
            return None if unit is None else unit * order.leaves_quantity
        rate = usd_rate(instrument.quote_currency, self._quotes)
        if rate is None:
            return None
        if order.in_quote or price is None:
            return order.leaves_quantity * rate
        return instrument.notional_in_quote(order.leaves_quantity, price) * rate

    def leg(self, order: Order, instrument: Instrument) -> Leg:
        """Find or make the holding that an order touches."""
        if instrument.is_spot:
            return self._spot_leg(instrument.base_currency)
        return self._perpetual_leg(instrument, order.position_side)

    def add(self, order: Order) -> None:
        """Count an order as pending."""
        instrument = self._instruments.get(order.symbol)
        amount = self.order_usd(order, None)
        if instrument is not None and amount is not None:
            self._count(order, instrument, amount)
        elif instrument is None or not is_closing(order, instrument):
            self.unpriced.add(order.symbol)

    def remove(self, order: Order) -> None:
        """Take back an ``add`` of the same order."""
        instrument = self._instruments.get(order.symbol)
        amount = self.order_usd(order, None)
        if instrument is not None and amount is not None:
            self._count(order, instrument, -amount)

    def of_asset(self, leg: Leg) -> Decimal:
        """Worst case of all holdings of the leg's asset of its kind; opposite ones do not cancel."""
        return sum(
            (one.worst for one in self._legs.values() if one.asset == leg.asset and one.is_spot is leg.is_spot),
            ZERO,
        )

    def gross(self) -> Decimal:
        """Worst case of the sum of all holdings, whatever their direction."""
        return sum((leg.worst for leg in self._legs.values()), ZERO)

    def net(self) -> Decimal:
        """Worst case of the absolute sum of all holdings with their signs."""
        low = high = ZERO
        for leg in self._legs.values():
            leg_low, leg_high = leg.bounds
            low += leg_low
            high += leg_high
        return max(-low, high)

    def open_legs(self, dust: Decimal) -> int:
        """How many holdings there may be, without those worth no more than ``dust``."""
        return sum(1 for leg in self._legs.values() if leg.worst > dust)

    def _hold(self, symbol: str, position_side: PositionSide, quantity: Decimal) -> None:
        instrument = self._instruments.get(symbol)
        unit = self.unit_usd(symbol)
        if instrument is None or unit is None:
            self.unpriced.add(symbol)
            return
        self._perpetual_leg(instrument, position_side).held += quantity * unit

    def _count(self, order: Order, instrument: Instrument, amount: Decimal) -> None:
        leg = self.leg(order, instrument)
        closing = is_closing(order, instrument)
        if order.side is Side.BUY:
            if closing:
                leg.closing_buys += amount
            else:
                leg.buys += amount
        elif closing:
            leg.closing_sells += amount
        else:
            leg.sells += amount

    def _spot_leg(self, currency: str) -> Leg:
        key = ("", currency)
        leg = self._legs.get(key)
        if leg is None:
            leg = self._legs[key] = Leg(currency, is_spot=True)
        return leg

    def _perpetual_leg(self, instrument: Instrument, position_side: PositionSide) -> Leg:
        key = (instrument.symbol, position_side.value)
        leg = self._legs.get(key)
        if leg is None:
            leg = self._legs[key] = Leg(instrument.base_currency, is_spot=False)
        return leg

    def _unit_usd(self, symbol: str) -> Decimal | None:
        instrument = self._instruments.get(symbol)
        quote = self._quotes.get(symbol)
        if instrument is None:
            return None
        rate = usd_rate(instrument.quote_currency, self._quotes)
        if rate is None:
            return None
        if instrument.is_inverse:
            return instrument.contract_value * rate
        price = None if quote is None else reference_price(quote)
        return None if price is None else instrument.contract_value * price * rate
