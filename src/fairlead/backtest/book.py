"""What rests of one replayed bot: its orders by slot, as the rule wished them, and which of them a candle touches."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.backtest.search import NEVER_HIGH, NEVER_LOW
from fairlead.core.model.bots.decision import Want
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side

ORDERS_MAX: Final = 1_000
"""Orders of one bot that rest at a time; a grid of 200 lines has 400."""


class RestingOrder(msgspec.Struct, gc=False):
    """One order: ``ticks`` is its price as the series counts, rounded to where a candle touches it.

    It can fill in candle ``first`` and later ones. ``takes``: it met the price when it was placed, so that it pays as a
    taker. A market order has no ``price``.
    """

    want: Want
    quantity: Decimal
    price: Decimal | None
    ticks: int
    first: int
    placed_ms: int
    takes: bool


class OrderBook:
    """The orders of one bot."""

    __slots__ = ("_buys", "_markets", "_sells", "_tick", "orders")

    def __init__(self, tick: Decimal) -> None:
        """Begin empty; ``tick`` is the series'."""
        self._tick = tick
        self.orders: dict[str, RestingOrder] = {}
        self._buys: list[RestingOrder] = []
        self._sells: list[RestingOrder] = []
        self._markets: list[RestingOrder] = []

    @property
    def best_buy(self) -> int:
        """The highest price that a low must reach, in ticks."""
        return self._buys[0].ticks if self._buys else NEVER_LOW

    @property
    def best_sell(self) -> int:
        """The lowest price that a high must reach, in ticks."""
        return self._sells[0].ticks if self._sells else NEVER_HIGH

    @property
    def first_market(self) -> int | None:
        """From which candle on the next market order can fill; None where there is none."""
        return min(one.first for one in self._markets) if self._markets else None

    def told(self) -> tuple[tuple[str, Decimal], ...]:
        """What a rule is told of its orders: they fill whole, so nothing of those that rest is filled."""
        return tuple([(slot, ZERO) for slot in self.orders])

    def unwanted(self, wants: Sequence[Want]) -> list[RestingOrder]:
        """Orders that are not among the wishes any more."""
        wanted = {want.slot: want for want in wants}
        # Most rules name the very wish again.
        return [
            one for slot, one in self.orders.items() if (want := wanted.get(slot)) is not one.want and want != one.want
        ]

    def add(self, one: RestingOrder) -> None:
        """Let an order rest."""
        assert len(self.orders) < ORDERS_MAX, one
        self.orders[one.want.slot] = one
        if one.price is None:
            self._markets.append(one)
        elif one.want.side is Side.BUY:
            insort(self._buys, one, key=_highest_first)
        else:
            insort(self._sells, one, key=_lowest_first)

    def remove(self, one: RestingOrder) -> None:
        """Take an order away, filled or canceled."""
        del self.orders[one.want.slot]
        self._side_of(one).remove(one)

    def holds(self, one: RestingOrder) -> bool:
        """Whether this very order still rests."""
        return self.orders.get(one.want.slot) is one

    def markets(self, candle: int) -> list[RestingOrder]:
        """Market orders that can fill in a candle, as they were placed."""
        return [one for one in self._markets if one.first <= candle]

    def is_touched(self, low: int, high: int) -> bool:
        """Whether any order with a price is reached, if it can fill by then."""
        return self.best_buy >= low or self.best_sell <= high

    def touched(self, candle: int, low: int, high: int) -> list[RestingOrder]:
        """Orders with a price that fill when it was at ``low`` and at ``high``; on each side the nearest first."""
        return [*_reached_by_fall(self._buys, low, candle), *_reached_by_rise(self._sells, high, candle)]

    def marketable(self, ticks: int) -> list[RestingOrder]:
        """Orders with a price that would fill at once at this price."""
        return self.touched(NEVER_HIGH, ticks, ticks)

    def ticks_of(self, price: Decimal, *, falls: bool) -> int:
        """The tick at which a price counts as reached by a falling or by a rising price."""
        whole, rest = divmod(price, self._tick)
        return int(whole) + (1 if rest and not falls else 0)

    def _side_of(self, one: RestingOrder) -> list[RestingOrder]:
        if one.price is None:
            return self._markets
        return self._buys if one.want.side is Side.BUY else self._sells


def _reached_by_fall(buys: Iterable[RestingOrder], low: int, candle: int) -> Iterator[RestingOrder]:
    return (one for one in buys if low <= one.ticks and one.first <= candle)


def _reached_by_rise(sells: Iterable[RestingOrder], high: int, candle: int) -> Iterator[RestingOrder]:
    return (one for one in sells if high >= one.ticks and one.first <= candle)


def _highest_first(one: RestingOrder) -> int:
    return -one.ticks


def _lowest_first(one: RestingOrder) -> int:
    return one.ticks
