"""A price-time-priority order book: who trades with whom, at which price, and nothing else."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side

if TYPE_CHECKING:
    from collections.abc import Iterator

FILLS_PER_MATCH_MAX: Final = 1000
# A level keeps canceled orders until they come to its front; beyond this many it is swept.
DEAD_ORDERS_PER_LEVEL_MAX: Final = 32


class SelfTradePrevention(StrEnum):
    """What happens when a taker meets an order of its own owner."""

    CANCEL_MAKER = "cancel_maker"
    CANCEL_TAKER = "cancel_taker"
    CANCEL_BOTH = "cancel_both"


class MatchEnd(StrEnum):
    """Why a match went no further."""

    FILLED = "filled"
    BOOK_ENDED = "book_ended"
    SELF_TRADE = "self_trade"
    FILLS_MAX = "fills_max"
    SOLO = "solo"


class Resting(msgspec.Struct, kw_only=True):
    """An order that waits in the book; ``quantity`` is what is left of it.

    A ``solo`` order is matched in a match of its own: the caller settles what came before, and may withdraw it, first.
    """

    order_id: str
    owner: str
    side: Side
    price: Decimal
    quantity: Decimal
    solo: bool = False


class Taker(msgspec.Struct, frozen=True, kw_only=True):
    """An order that comes to trade now; no limit price means any price."""

    owner: str
    side: Side
    quantity: Decimal
    limit_price: Decimal | None = None
    prevention: SelfTradePrevention = SelfTradePrevention.CANCEL_MAKER


class BookFill(NamedTuple):
    """A trade with one resting order, at that order's price."""

    order_id: str
    owner: str
    price: Decimal
    quantity: Decimal
    maker_leaves: Decimal


class Match(NamedTuple):
    """What one taker did to the book."""

    fills: list[BookFill]
    canceled: list[str]
    leaves: Decimal
    end: MatchEnd


class _Level:
    __slots__ = ("live", "orders", "price")

    def __init__(self, price: Decimal) -> None:
        self.price = price
        self.orders: deque[Resting] = deque()
        self.live = 0


class _Ladder:
    """One side of the book. Keys ascend toward the best price: bids by price, asks by minus price; the best is last."""

    __slots__ = ("keys", "levels", "sign_is_minus")

    def __init__(self, *, sign_is_minus: bool) -> None:
        self.sign_is_minus = sign_is_minus
        self.keys: list[Decimal] = []
        self.levels: list[_Level] = []

    def key(self, price: Decimal) -> Decimal:
        return price.copy_negate() if self.sign_is_minus else price

    def level_for(self, price: Decimal) -> _Level:
        key = self.key(price)
        at = bisect_left(self.keys, key)
        if at < len(self.keys) and self.keys[at] == key:
            return self.levels[at]
        level = _Level(price)
        self.keys.insert(at, key)
        self.levels.insert(at, level)
        return level

    def forget(self, order: Resting) -> None:
        at = bisect_left(self.keys, self.key(order.price))
        level = self.levels[at]
        level.live -= 1
        if level.live == 0:
            del self.keys[at]
            del self.levels[at]
        elif len(level.orders) - level.live > DEAD_ORDERS_PER_LEVEL_MAX:
            level.orders = deque(resting for resting in level.orders if resting.quantity)


class OrderBook:
    """All resting orders of one instrument, best price first, oldest first within a price."""

    __slots__ = ("_asks", "_bids", "_resting")

    def __init__(self) -> None:
        """Start empty."""
        self._bids = _Ladder(sign_is_minus=False)
        self._asks = _Ladder(sign_is_minus=True)
        self._resting: dict[str, Resting] = {}

    def __contains__(self, order_id: str) -> bool:
        """Whether the order waits here."""
        return order_id in self._resting

    def __len__(self) -> int:
        """How many orders wait here."""
        return len(self._resting)

    @property
    def best_bid(self) -> Decimal | None:
        """Highest price somebody pays."""
        levels = self._bids.levels
        return levels[-1].price if levels else None

    @property
    def best_ask(self) -> Decimal | None:
        """Lowest price somebody sells at."""
        levels = self._asks.levels
        return levels[-1].price if levels else None

    def crosses(self, side: Side, price: Decimal) -> bool:
        """Whether an order at this price would trade at once."""
        other = self.best_ask if side is Side.BUY else self.best_bid
        if other is None:
            return False
        return other <= price if side is Side.BUY else other >= price

    def add(self, order: Resting) -> None:
        """Let an order wait behind all others of its price; it must not cross the book."""
        assert order.quantity > ZERO, order
        assert order.order_id not in self._resting, order
        assert not self.crosses(order.side, order.price), order
        level = self._own_side(order.side).level_for(order.price)
        level.orders.append(order)
        level.live += 1
        self._resting[order.order_id] = order

    def cancel(self, order_id: str) -> Resting | None:
        """Take an order out; None if it is not here."""
        order = self._resting.pop(order_id, None)
        if order is None:
            return None
        self._own_side(order.side).forget(order)
        taken = msgspec.structs.replace(order)
        order.quantity = ZERO
        return taken

    def reduce(self, order_id: str, quantity: Decimal) -> None:
        """Shrink what is left of an order to a smaller positive quantity; it keeps its place."""
        order = self._resting[order_id]
        assert ZERO < quantity <= order.quantity, (order, quantity)
        order.quantity = quantity

    def find(self, order_id: str) -> Resting | None:
        """Return the waiting order, or None."""
        return self._resting.get(order_id)

    def depth(self, side: Side, levels: int) -> list[tuple[Decimal, Decimal]]:
        """Best levels of a side as (price, total quantity)."""
        best_first = reversed(self._own_side(side).levels[-levels:] if levels > 0 else [])
        return [(level.price, sum((order.quantity for order in level.orders), ZERO)) for level in best_first]

    def walk(self, taker: Taker) -> Iterator[tuple[Decimal, Decimal]]:
        """Show (price, quantity) of each order the taker could meet, in turn; its own are left out, nothing changes."""
        ladder = self._other_side(taker.side)
        limit = None if taker.limit_price is None else ladder.key(taker.limit_price)
        for key, level in zip(reversed(ladder.keys), reversed(ladder.levels), strict=True):
            if limit is not None and key < limit:
                return
            for order in level.orders:
                if order.quantity and order.owner != taker.owner:
                    yield level.price, order.quantity

    def fillable(self, taker: Taker) -> Decimal:
        """How much of the taker's quantity would trade now."""
        found = ZERO
        for _, quantity in self.walk(taker):
            found += quantity
            if found >= taker.quantity:
                return taker.quantity
        return found

    def match(self, taker: Taker) -> Match:
        """Trade with the best resting orders until the taker, its limit or the book ends."""
        ladder = self._other_side(taker.side)
        limit = None if taker.limit_price is None else ladder.key(taker.limit_price)
        fills: list[BookFill] = []
        canceled: list[str] = []
        leaves = taker.quantity
        while leaves:
            if not ladder.keys or (limit is not None and ladder.keys[-1] < limit):
                return Match(fills, canceled, leaves, MatchEnd.BOOK_ENDED)
            level = ladder.levels[-1]
            maker = level.orders[0]
            if not maker.quantity:
                level.orders.popleft()
                continue
            if maker.owner == taker.owner:
                if taker.prevention is not SelfTradePrevention.CANCEL_TAKER:
                    self.cancel(maker.order_id)
                    canceled.append(maker.order_id)
                if taker.prevention is not SelfTradePrevention.CANCEL_MAKER:
                    return Match(fills, canceled, leaves, MatchEnd.SELF_TRADE)
                continue
            if fills and (maker.solo or len(fills) >= FILLS_PER_MATCH_MAX):
                end = MatchEnd.SOLO if maker.solo else MatchEnd.FILLS_MAX
                return Match(fills, canceled, leaves, end)
            quantity = min(maker.quantity, leaves)
            leaves -= quantity
            fills.append(self._fill(ladder, level, maker, quantity))
        return Match(fills, canceled, leaves, MatchEnd.FILLED)

    def _fill(self, ladder: _Ladder, level: _Level, maker: Resting, quantity: Decimal) -> BookFill:
        maker.quantity -= quantity
        if not maker.quantity:
            del self._resting[maker.order_id]
            level.orders.popleft()
            level.live -= 1
            if level.live == 0:
                del ladder.keys[-1]
                del ladder.levels[-1]
        return BookFill(maker.order_id, maker.owner, level.price, quantity, maker.quantity)

    def _own_side(self, side: Side) -> _Ladder:
        return self._bids if side is Side.BUY else self._asks

    def _other_side(self, side: Side) -> _Ladder:
        return self._asks if side is Side.BUY else self._bids
