"""Remembers a bounded number of closed trades and order values of one account, folded from its facts."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from fairlead.core.model.account import Position
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import USD_CURRENCIES, ZERO
from fairlead.core.model.order import OUTSIDE, Fill, Order
from fairlead.core.model.trades import ClosedTrade, TradeMemory

CLOSES_KEPT_MAX: Final = 256
NOTIONALS_KEPT_MAX: Final = 50
# Values join in groups, so that not every order writes the account's header again; a crash forgets less than one group.
NOTIONALS_AT_ONCE: Final = 10


class TradeLog:
    """The memory of one account; ``take_change`` tells whether it must be written down."""

    __slots__ = ("_fresh", "_is_changed", "closes", "notionals")

    def __init__(self) -> None:
        """Remember nothing."""
        self.closes: deque[ClosedTrade] = deque(maxlen=CLOSES_KEPT_MAX)
        self.notionals: deque[Decimal] = deque(maxlen=NOTIONALS_KEPT_MAX)
        self._fresh: deque[Decimal] = deque(maxlen=NOTIONALS_AT_ONCE)
        self._is_changed = False

    def take_change(self) -> bool:
        """Whether the memory changed since this was asked before."""
        changed, self._is_changed = self._is_changed, False
        return changed

    def note_order(self, order: Order, instrument: Instrument) -> None:
        """Remember what an approved entry is worth; values in other currencies than dollars are not comparable."""
        price = order.limit_price or order.reference_price
        if order.reduce_only or instrument.quote_currency not in USD_CURRENCIES or not price:
            return
        value = order.quantity if order.in_quote else instrument.notional_in_quote(order.quantity, price)
        self._fresh.append(value)
        if len(self._fresh) == NOTIONALS_AT_ONCE:
            self.notionals.extend(self._fresh)
            self._fresh.clear()
            self._is_changed = True

    def note_fill(
        self,
        order: Order,
        fill: Fill,
        before: Position | None,
        after: Sequence[Position],
        instrument: Instrument,
    ) -> None:
        """Remember a position that this fill has closed; spot keeps no entry price, so nothing is known of it."""
        if not after:
            return
        (changed,) = after
        fee = fill.fee if fill.fee_currency == instrument.settle_currency else ZERO
        is_loss = closes_with_loss(before, changed, fee)
        if is_loss is None:
            return
        self.closes.append(
            ClosedTrade(
                at_ms=fill.at_ms,
                asset=instrument.base_currency,
                request_id=order.request_id,
                is_loss=is_loss,
                by_stop=order.origin not in {"", OUTSIDE},
            ),
        )
        self._is_changed = True

    def dump(self) -> TradeMemory:
        """What outlives a restart."""
        return TradeMemory(closes=tuple(self.closes), notionals=tuple(self.notionals))

    def restore(self, memory: TradeMemory) -> None:
        """Take back what was written down."""
        self.closes.extend(memory.closes)
        self.notionals.extend(memory.notionals)


def closes_with_loss(before: Position | None, after: Position, fee: Decimal) -> bool | None:
    """Whether a fill closed a position with a loss; None: it closed none.

    ``fee`` is what it paid in the settle currency. Whatever is flat then, or was turned round, was closed.
    """
    if before is None or not before.quantity:
        return None
    if after.quantity and (after.signed_quantity > ZERO) is (before.signed_quantity > ZERO):
        return None
    return after.realized_pnl - before.realized_pnl < fee
