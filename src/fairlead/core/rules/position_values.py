"""Every position of an account valued once: all who ask about equity, free cash or margin share the same sums."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from fairlead.core.model.account import MarginMode, Position, PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.rules.margin import initial_margin_of

PositionKey = tuple[str, PositionSide]


class Worth(msgspec.Struct, frozen=True, gc=False):
    """One position in its settle currency; margins of a cross one at the mark, of an isolated one at its entry."""

    currency: str
    margin_mode: MarginMode
    pnl: Decimal
    margin: Decimal
    maintenance: Decimal


class CurrencySums:
    """Sums over the positions that one currency settles; ``pnl`` is of all, the rest of cross or of isolated ones."""

    __slots__ = ("cross_maintenance", "cross_margin", "cross_pnl", "isolated_margin", "pnl")

    def __init__(self) -> None:
        """Start with nothing."""
        self.pnl = ZERO
        self.cross_pnl = ZERO
        self.cross_margin = ZERO
        self.cross_maintenance = ZERO
        self.isolated_margin = ZERO

    def add(self, worth: Worth) -> None:
        """Count a position."""
        self.pnl += worth.pnl
        if worth.margin_mode is MarginMode.ISOLATED:
            self.isolated_margin += worth.margin
            return
        self.cross_pnl += worth.pnl
        self.cross_margin += worth.margin
        self.cross_maintenance += worth.maintenance


class PositionValues:
    """Positions by key and their sums by currency, and which of them lack what.

    ``has_unknown``: of one the instrument is not known. ``unpriced`` are settle currency and margin mode of those
    without any price, ``unmarked`` the keys of those without a mark price of their own.
    """

    __slots__ = ("by_key", "has_unknown", "sums", "unmarked", "unpriced")

    def __init__(
        self,
        positions: Mapping[PositionKey, Position],
        quotes: Mapping[str, Quote],
        instruments: Mapping[str, Instrument],
    ) -> None:
        """Value them all."""
        self.by_key: dict[PositionKey, Worth] = {}
        self.sums: dict[str, CurrencySums] = {}
        self.has_unknown = False
        self.unpriced: set[tuple[str, MarginMode]] = set()
        self.unmarked: set[PositionKey] = set()
        for key, position in positions.items():
            instrument = instruments.get(position.symbol)
            if instrument is None:
                self.has_unknown = True
                self.unmarked.add(key)
                continue
            quote = quotes.get(position.symbol)
            price = mark_price(quote)
            if quote is None or quote.mark <= ZERO:
                self.unmarked.add(key)
            if price is None:
                self.unpriced.add((instrument.settle_currency, position.margin_mode))
                continue
            self.by_key[key] = worth = _value(position, instrument, price)
            sums = self.sums.get(worth.currency)
            if sums is None:
                sums = self.sums[worth.currency] = CurrencySums()
            sums.add(worth)


def mark_price(quote: Quote | None) -> Decimal | None:
    """Price at which a holding is valued: the mark, else the middle of the book, else the last trade."""
    if quote is None:
        return None
    if quote.mark > ZERO:
        return quote.mark
    if quote.bid > ZERO and quote.ask > ZERO:
        return quote.mid
    return quote.last if quote.last > ZERO else None


def _value(position: Position, instrument: Instrument, price: Decimal) -> Worth:
    # The formulas of core/rules/margin, with each product made once.
    entry, leverage, mode = position.entry_price, position.leverage or ONE, position.margin_mode
    size = position.signed_quantity * instrument.contract_value
    pnl = size * (price - entry)
    if instrument.is_inverse:
        pnl = pnl / (entry * price) if size else ZERO
    margin_price = entry if mode is MarginMode.ISOLATED else price
    value = abs(size) / margin_price if instrument.is_inverse else abs(size) * margin_price
    maintenance = value * instrument.maintenance_margin_rate
    return Worth(instrument.settle_currency, mode, pnl, initial_margin_of(value, leverage), maintenance)
