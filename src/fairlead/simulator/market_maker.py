"""Seeded market makers: they keep a real book of quotes on a grid of prices around the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairlead.core.model.request import Side
from fairlead.core.rules.matching import Resting

if TYPE_CHECKING:
    from decimal import Decimal

    from fairlead.core.model.instrument import Instrument
    from fairlead.core.rules.matching import OrderBook
    from fairlead.simulator.dice import Dice

MAKER_OWNER: Final = "~maker"
_HALF_PERCENT: Final = 50
_FULL_PERCENT: Final = 150


class MarketMaker:
    """Quotes one instrument. Only grid prices that enter or leave the range are touched, so small moves are cheap."""

    __slots__ = ("_asks", "_bids", "_book", "_dice", "_instrument", "_levels", "_lots", "_quoted", "_spacing", "_worn")

    def __init__(self, instrument: Instrument, book: OrderBook, dice: Dice, *, spacing: int, levels: int) -> None:
        """Quote ``levels`` prices a side, ``spacing`` ticks apart."""
        self._instrument = instrument
        self._book = book
        self._dice = dice
        self._spacing = spacing
        self._levels = levels
        self._lots = 1
        self._bids: set[int] = set()
        self._asks: set[int] = set()
        self._quoted = (0, 0)
        self._worn = True

    def set_size(self, lots: int) -> None:
        """Set the typical size of the best level, in lots."""
        self._lots = max(1, lots)

    def quote_range(self, mid_ticks: int) -> tuple[int, int]:
        """Best bid and best ask, as grid steps, around a middle."""
        return (mid_ticks - 1) // self._spacing, -((-mid_ticks - 1) // self._spacing)

    def best_prices(self, mid_ticks: int) -> tuple[Decimal, Decimal]:
        """Best bid and best ask around a middle."""
        bid, ask = self.quote_range(mid_ticks)
        tick = self._instrument.tick_size
        return bid * self._spacing * tick, ask * self._spacing * tick

    def note_taken(self, order_id: str) -> None:
        """A quote was traded away; it is replaced at the next requote."""
        step = int(order_id[1:])
        (self._bids if order_id[0] == "b" else self._asks).discard(step)
        self._worn = True

    def withdraw_crossing(self, best_bid: int, best_ask: int) -> None:
        """Take back quotes that the new middle has left on the wrong side, before anybody trades with them."""
        for step in [step for step in self._bids if step > best_bid]:
            self._cancel("b", step)
        for step in [step for step in self._asks if step < best_ask]:
            self._cancel("a", step)

    def regrid(self, instrument: Instrument, *, spacing: int) -> None:
        """Take back every quote; the next ones stand on another grid of prices."""
        for letter, steps in (("b", self._bids), ("a", self._asks)):
            for step in tuple(steps):
                self._cancel(letter, step)
        self._instrument = instrument
        self._spacing = spacing
        self._worn = True

    def withdraw_for(self, side: Side, price: Decimal) -> None:
        """Make room for a resting order of somebody else at this price (an order that comes back after a restart)."""
        limit = int(price / (self._instrument.tick_size * self._spacing))
        if side is Side.BUY:
            for step in [step for step in self._asks if step <= limit]:
                self._cancel("a", step)
        else:
            for step in [step for step in self._bids if step >= limit]:
                self._cancel("b", step)
        self._worn = True

    def requote(self, best_bid: int, best_ask: int) -> None:
        """Quote the whole range again when it moved or something is missing."""
        if not self._worn and self._quoted == (best_bid, best_ask):
            return
        self._worn = False
        self._quoted = (best_bid, best_ask)
        bids = range(max(1, best_bid - self._levels + 1), best_bid + 1)
        asks = range(best_ask, best_ask + self._levels)
        for step in [step for step in self._bids if step not in bids]:
            self._cancel("b", step)
        for step in [step for step in self._asks if step not in asks]:
            self._cancel("a", step)
        for step in reversed(bids):
            if step not in self._bids:
                self._add("b", step, best_bid - step)
        for step in asks:
            if step not in self._asks:
                self._add("a", step, step - best_ask)

    def _cancel(self, letter: str, step: int) -> None:
        self._book.cancel(f"{letter}{step}")
        (self._bids if letter == "b" else self._asks).discard(step)

    def _add(self, letter: str, step: int, depth: int) -> None:
        # Deeper levels are larger; chance makes them uneven.
        lots = self._lots * (2 + depth) * self._dice.between(_HALF_PERCENT, _FULL_PERCENT) // 200
        price = step * self._spacing * self._instrument.tick_size
        side = Side.BUY if letter == "b" else Side.SELL
        if self._book.crosses(side, price):
            self._worn = True
            return
        quantity = max(1, lots) * self._instrument.lot_size
        order_id = f"{letter}{step}"
        self._book.add(Resting(order_id=order_id, owner=MAKER_OWNER, side=side, price=price, quantity=quantity))
        (self._bids if letter == "b" else self._asks).add(step)
