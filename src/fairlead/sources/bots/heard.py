"""What a bot has heard of its orders: the newest word of each request and order that is not over, and what is new."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.core.model.bots.bot import BotOrder, BotState, OrderNews
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.order import Order
from fairlead.core.model.state import RequestState
from fairlead.core.rules.bots.news import news_of


class HeardOrders:
    """Kept small, because thousands of bots have one each: one dictionary, and the desk's own objects in it.

    A request is new until a state is stored that was made with it.
    """

    __slots__ = ("_known", "_looked_at", "_new")

    def __init__(self) -> None:
        """Begin having heard nothing."""
        # Requests and orders by their ids, which never meet.
        self._known: dict[str, RequestState | Order] = {}
        self._new: tuple[str, ...] = ()
        self._looked_at: tuple[str, ...] = ()

    def hear(self, state: RequestState | Order) -> None:
        """Take the newest word of a request or an order."""
        if isinstance(state, Order):
            name, request_id = state.order_id, state.request_id
        else:
            name = request_id = state.request.request_id
        self._known[name] = state
        if request_id not in self._new:
            self._new = (*self._new, request_id)

    def restore(self, requests: Iterable[RequestState], orders: Iterable[Order]) -> None:
        """Take what is stored; what was heard meanwhile is newer."""
        for request in requests:
            self._known.setdefault(request.request.request_id, request)
        for order in orders:
            self._known.setdefault(order.order_id, order)
        heard = (one.request.request_id for one in self._known.values() if isinstance(one, RequestState))
        self._new = tuple(dict.fromkeys((*self._new, *heard)))

    def news(self, orders: Iterable[BotOrder], instrument: Instrument) -> tuple[OrderNews, ...]:
        """What is new of these orders, and is looked at now."""
        if self._new:
            self._looked_at, self._new = tuple(dict.fromkeys((*self._looked_at, *self._new))), ()
        if not self._looked_at:
            return ()
        wanted = set(self._looked_at)
        told = (self._known.get(order.request_id) for order in orders if order.request_id in wanted)
        return tuple(news_of(one, self._legs(one), instrument) for one in told if isinstance(one, RequestState))

    def note_stored(self, state: BotState) -> None:
        """Everything that was looked at is in a state that is stored now; what is over for it is forgotten."""
        self._looked_at = ()
        live = {order.request_id for order in state.orders}
        self._known = {name: one for name, one in self._known.items() if _request_of(one) in live}

    def _legs(self, request: RequestState) -> list[Order]:
        known = (self._known.get(order_id) for order_id in request.order_ids)
        return [one for one in known if isinstance(one, Order)]


def _request_of(one: RequestState | Order) -> str:
    return one.request_id if isinstance(one, Order) else one.request.request_id
