"""What two runs of the same stretch earned, and the difference split into parts that add up to it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from fairlead.backtest.parity.stretches import Trade
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO


class Parts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A difference in profit, live minus replayed, in the settle currency.

    ``fees``: other rates for the same value. ``slippage``: other prices of fills in the same candle. ``latency``: other
    prices of fills in another candle. ``missed``: fills that only one of them has, and what of an order was not filled.
    ``bug``: what the same rule would not have done.
    """

    fees: Decimal = ZERO
    slippage: Decimal = ZERO
    latency: Decimal = ZERO
    missed: Decimal = ZERO
    bug: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.fees + self.slippage + self.latency + self.missed + self.bug

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            fees=self.fees + other.fees,
            slippage=self.slippage + other.slippage,
            latency=self.latency + other.latency,
            missed=self.missed + other.missed,
            bug=self.bug + other.bug,
        )


def add_up(parts: Iterable[Parts]) -> Parts:
    """Parts of everything together."""
    return sum(parts, Parts())


def gain_of(trade: Trade, mark: Decimal, instrument: Instrument) -> Decimal:
    """What a trade adds to profit when what it left is worth ``mark``, after its fee; settle currency.

    Linear: q m (mark - p), inverse: q m (1/p - 1/mark), with the other sign for a sell. Gains of the trades of a
    position add up to its profit, realized or not.
    """
    worth = instrument.notional(trade.quantity, mark)
    gain = trade.value - worth if instrument.is_inverse else worth - trade.value
    return (gain if trade.is_buy else -gain) - fee_of(trade, mark)


def fee_of(trade: Trade, mark: Decimal) -> Decimal:
    """Its fee in the settle currency; one in the coin is worth what the coin is."""
    return trade.fee_settle + trade.fee_base * mark


def profit_of(trades: Iterable[Trade], mark: Decimal, instrument: Instrument) -> Decimal:
    """What trades earned, with what is open at ``mark``."""
    return sum((gain_of(one, mark, instrument) for one in trades), ZERO)


def split_pair(live: Trade, replayed: Trade, mark: Decimal, instrument: Instrument, *, is_late: bool) -> Parts:
    """Split the difference of one order's fills; ``is_late``: they are not of the same candle."""
    gain = gain_of(replayed, mark, instrument)
    total = gain_of(live, mark, instrument) - gain
    usual = fee_of(replayed, mark) * live.value / replayed.value
    fees = usual - fee_of(live, mark)
    missed = gain * (live.quantity - replayed.quantity) / replayed.quantity if live.is_partial else ZERO
    rest = total - fees - missed
    return Parts(fees=fees, missed=missed, latency=rest if is_late else ZERO, slippage=ZERO if is_late else rest)
