"""The orders of an account: the open ones, and those that ended lately."""

from __future__ import annotations

from typing import Final

from fairlead.core.model.order import Order

# A venue may repeat or delay what it says about an order that is done; older news than this many orders is ignored.
ENDED_ORDERS_KEPT_MAX: Final = 256


class OrderShelf:
    """Open orders in the order of their creation, and a bounded memory of ended ones."""

    __slots__ = ("ended", "open")

    def __init__(self) -> None:
        """Start without orders."""
        self.open: dict[str, Order] = {}
        self.ended: dict[str, Order] = {}

    def __contains__(self, order_id: str) -> bool:
        """Whether the order is open or was so lately."""
        return order_id in self.open or order_id in self.ended

    def find(self, order_id: str) -> Order | None:
        """The newest state of an order, if it is remembered."""
        return self.open.get(order_id) or self.ended.get(order_id)

    def put(self, order: Order) -> None:
        """Keep the newest state of an order."""
        order_id = order.order_id
        if not order.is_terminal:
            self.ended.pop(order_id, None)
            self.open[order_id] = order
            return
        self.open.pop(order_id, None)
        self.ended[order_id] = order
        if len(self.ended) > ENDED_ORDERS_KEPT_MAX:
            del self.ended[next(iter(self.ended))]
