"""What is traded: spot pairs and linear and inverse perpetual contracts, with the venue's rules for size and price."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from fairlead.core.model.money import ONE, ZERO, Notional, Price, Quantity, ceil_to_step, floor_to_step, is_multiple


class InstrumentKind(StrEnum):
    """How an instrument settles; the value is what users read."""

    SPOT = "spot"
    LINEAR_PERPETUAL = "linear_perpetual"
    INVERSE_PERPETUAL = "inverse_perpetual"


# A member that is looked up in its class takes several times as long to find, and these are asked for all the time.
_SPOT: Final = InstrumentKind.SPOT
_INVERSE: Final = InstrumentKind.INVERSE_PERPETUAL


class InstrumentState(StrEnum):
    """Whether the venue takes orders for it."""

    LIVE = "live"
    SUSPENDED = "suspended"


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable thing with the venue's rules.

    Quantities are base currency for spot and contracts for perpetuals. ``contract_value`` (OKX: ctVal x ctMult) is base
    currency per contract for linear, quote currency (USD) per contract for inverse, and 1 for spot.
    """

    symbol: str
    kind: InstrumentKind
    base_currency: str
    quote_currency: str
    settle_currency: str
    tick_size: Decimal
    lot_size: Decimal
    quantity_min: Decimal
    limit_quantity_max: Decimal
    market_quantity_max: Decimal
    notional_min: Decimal = ZERO
    contract_value: Decimal = ONE
    leverage_max: Decimal = ONE
    maintenance_margin_rate: Decimal = ZERO
    state: InstrumentState = InstrumentState.LIVE

    @property
    def is_spot(self) -> bool:
        """Whether it is bought and sold outright, without margin."""
        return self.kind is _SPOT

    @property
    def is_inverse(self) -> bool:
        """Whether profit is paid in the base currency."""
        return self.kind is _INVERSE

    @property
    def quantity_unit(self) -> str:
        """The unit of this instrument's quantities, for messages: a currency or ``contracts``."""
        return self.base_currency if self.is_spot else "contracts"

    def round_quantity_down(self, quantity: Decimal) -> Quantity:
        """Round toward zero to a whole number of lots; never adds size."""
        size = floor_to_step(abs(quantity), self.lot_size)
        return Quantity(size if quantity >= ZERO else -size)

    def round_price_down(self, price: Decimal) -> Price:
        """Greatest tick at or below the price: for passive buys and protective sells."""
        return Price(floor_to_step(price, self.tick_size))

    def round_price_up(self, price: Decimal) -> Price:
        """Least tick at or above the price: for passive sells and protective buys."""
        return Price(ceil_to_step(price, self.tick_size))

    def is_valid_quantity(self, quantity: Decimal) -> bool:
        """Whether it is a whole number of lots and not below the minimum."""
        return quantity >= self.quantity_min and is_multiple(quantity, self.lot_size)

    def is_valid_price(self, price: Decimal) -> bool:
        """Whether it is positive and on a tick."""
        return price > ZERO and is_multiple(price, self.tick_size)

    def notional(self, quantity: Decimal, price: Decimal) -> Notional:
        """Value of a quantity at a price, in the settle currency (OKX API v5: q m P linear, q m / P inverse)."""
        if self.is_inverse:
            return Notional(quantity * self.contract_value / price)
        return Notional(quantity * self.contract_value * price)

    def notional_in_quote(self, quantity: Decimal, price: Decimal) -> Notional:
        """Value of a quantity at a price, in the quote currency, comparable over all kinds."""
        if self.is_inverse:
            return Notional(quantity * self.contract_value)
        return Notional(quantity * self.contract_value * price)
