"""What this process knows of orders by OKX's numbers: whose they are, how far they have filled, what they protect."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar

from fairlead.core.model.ids import PROTECTION, child_order_id
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order

ORDERS_KEPT_MAX: Final = 20_000
"""The oldest that are over make room."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class Tracked:
    """One order at OKX: our id of it, and how much of it has been told."""

    order_id: str
    symbol: str
    told: Decimal = ZERO
    is_over: bool = False


class OrderTracker:
    """One account's. It is a memory, not the truth: whatever it has lost is asked for."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._orders: dict[str, Tracked] = {}
        self._parents: dict[str, str] = {}
        self._waiting: dict[str, None] = {}
        self._trades: dict[tuple[str, str], None] = {}

    def follow(self, venue_order_id: str, order_id: str, symbol: str) -> Tracked:
        """Keep an order, or return what is known of it."""
        known = self._orders.get(venue_order_id)
        if known is None:
            known = self._orders[venue_order_id] = Tracked(order_id, symbol)
            _forget_over(self._orders)
        return known

    def find(self, venue_order_id: str) -> Tracked | None:
        """What is known of an order."""
        return self._orders.get(venue_order_id)

    def open_orders(self) -> dict[str, Tracked]:
        """Orders that are not over as far as this process was told, by OKX's number."""
        return {number: tracked for number, tracked in self._orders.items() if not tracked.is_over}

    def note_protection(self, order: Order) -> None:
        """Remember that the stop and take-profit with the derived id belong to this order."""
        if order.stop_loss_price is not None or order.take_profit_price is not None:
            self.note_parent(child_order_id(order.order_id, PROTECTION), order.order_id)

    def note_parent(self, order_id: str, parent_id: str) -> None:
        """Remember which order a stop or take-profit belongs to."""
        self._parents[order_id] = parent_id
        _forget_oldest(self._parents)

    def parent_of(self, order_id: str) -> str:
        """The order that a stop or take-profit belongs to, or nothing when it is an order of its own."""
        return self._parents.get(order_id, "")

    def note_waiting(self, order_id: str) -> None:
        """Remember that an algo order waits at the exchange."""
        self._waiting[order_id] = None
        _forget_oldest(self._waiting)

    def end_waiting(self, order_id: str) -> None:
        """It waits no longer."""
        self._waiting.pop(order_id, None)

    def waiting(self) -> list[str]:
        """Algo orders that wait as far as this process was told, by our ids."""
        return list(self._waiting)

    def has_trade(self, symbol: str, trade_id: str) -> bool:
        """Whether an execution was told; OKX numbers them within an instrument."""
        return (symbol, trade_id) in self._trades

    def note_trade(self, symbol: str, trade_id: str) -> None:
        """Remember that an execution was told."""
        self._trades[symbol, trade_id] = None
        _forget_oldest(self._trades)


def _forget_over(orders: dict[str, Tracked]) -> None:
    if len(orders) > ORDERS_KEPT_MAX:
        over = (number for number, tracked in orders.items() if tracked.is_over)
        del orders[next(over, next(iter(orders)))]


def _forget_oldest(kept: dict[K, V]) -> None:
    if len(kept) > ORDERS_KEPT_MAX:
        del kept[next(iter(kept))]
