"""Prices as seen at one moment."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fairlead.core.model.money import ZERO


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """Best bid and ask with last, mark and index price; quantities in the instrument's unit; UTC milliseconds.

    Where the venue tells them: ``volume_24h_usd`` that was traded, and ``funding_rate`` of the next settlement (a
    fraction of the value; positive is paid by longs).
    """

    symbol: str
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal
    last: Decimal
    mark: Decimal
    index: Decimal
    at_ms: int
    volume_24h_usd: Decimal | None = None
    funding_rate: Decimal | None = None

    @property
    def mid(self) -> Decimal:
        """Middle of bid and ask: the reference price of the risk checks."""
        return (self.bid + self.ask) / 2


def flat_quote(symbol: str, price: Decimal, at_ms: int) -> Quote:
    """A quote of which only one price is known: nothing stands at it."""
    return Quote(
        symbol=symbol,
        bid=price,
        bid_quantity=ZERO,
        ask=price,
        ask_quantity=ZERO,
        last=price,
        mark=price,
        index=price,
        at_ms=at_ms,
    )


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    """One closed bar; ``open_ms`` is its first millisecond, UTC."""

    symbol: str
    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
