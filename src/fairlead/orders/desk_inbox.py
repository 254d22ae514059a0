"""The requests waiting at one desk: closes before entries, and in order wherever order matters."""

from __future__ import annotations

from collections import deque

from fairlead.core.model.request import CancelOrders, Close, Enter, OrderRequest


def reads_position(request: OrderRequest) -> bool:
    """Whether its size depends on what is held, so that it must not overtake or be overtaken on its instrument."""
    return not isinstance(request.intent, Enter) or request.reduce_only


class DeskInbox:
    """Two lanes an instrument: what closes or cancels, and what enters."""

    def __init__(self) -> None:
        """Start empty."""
        self._closing: dict[str, deque[OrderRequest]] = {}
        self._entering: dict[str, deque[OrderRequest]] = {}
        self._unsettled: dict[str, dict[str, bool]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Requests waiting."""
        return self._count

    def push(self, request: OrderRequest, *, first: bool = False) -> None:
        """Add a request; ``first`` puts one back that is not done."""
        urgent = isinstance(request.intent, Close | CancelOrders) or request.reduce_only
        lanes = self._closing if urgent else self._entering
        lane = lanes.setdefault(request.symbol, deque())
        if first:
            lane.appendleft(request)
        else:
            lane.append(request)
        self._count += 1

    def begin(self, request: OrderRequest) -> None:
        """Note that orders of this request are at the venue and their outcome is open."""
        self._unsettled.setdefault(request.symbol, {})[request.request_id] = reads_position(request)

    def settle(self, symbol: str, request_id: str) -> None:
        """Note that the outcome of a request is known."""
        requests = self._unsettled.get(symbol, {})
        requests.pop(request_id, None)
        if not requests:
            self._unsettled.pop(symbol, None)

    def pop_ready(self) -> OrderRequest | None:
        """Next request that may be decided now, or None.

        A request that reads the position waits until the instrument is quiet; an entry waits only for such requests, so
        that entries flow without waiting for each other's fills (each sees the reservations of those before it).
        """
        for symbol, lane in self._closing.items():
            if symbol not in self._unsettled:
                return self._pop(self._closing, symbol, lane)
        for symbol, lane in self._entering.items():
            if symbol in self._closing:
                continue
            unsettled = self._unsettled.get(symbol)
            blocked = unsettled is not None and (reads_position(lane[0]) or any(unsettled.values()))
            if not blocked:
                return self._pop(self._entering, symbol, lane)
        return None

    def _pop(self, lanes: dict[str, deque[OrderRequest]], symbol: str, lane: deque[OrderRequest]) -> OrderRequest:
        request = lane.popleft()
        if not lane:
            del lanes[symbol]
        self._count -= 1
        return request
