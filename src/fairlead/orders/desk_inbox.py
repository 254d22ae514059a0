"""The requests waiting at one desk: in order on their instrument, closes first among instruments."""

from __future__ import annotations

from collections import deque

from fairlead.core.model.request import CancelOrders, Close, Enter, OrderRequest, SourceKind


def reads_position(request: OrderRequest) -> bool:
    """Whether its size depends on what is held, so that it must not overtake or be overtaken on its instrument."""
    return not isinstance(request.intent, Enter) or request.reduce_only


def is_urgent(request: OrderRequest) -> bool:
    """Whether it only takes risk away."""
    return isinstance(request.intent, Close | CancelOrders) or request.reduce_only


class DeskInbox:
    """One queue an instrument. A close never overtakes the entry that it may be meant to close."""

    def __init__(self) -> None:
        """Start empty."""
        self._waiting: dict[str, deque[OrderRequest]] = {}
        self._unsettled: dict[str, dict[str, bool]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Requests waiting."""
        return self._count

    def push(self, request: OrderRequest, *, first: bool = False) -> None:
        """Add a request; ``first`` puts one back that is not done."""
        queue = self._waiting.setdefault(request.symbol, deque())
        if first:
            queue.appendleft(request)
        else:
            queue.append(request)
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
        ready = [queue for queue in self._waiting.values() if self._is_ready(queue[0])]
        if not ready:
            return None
        queue = next((queue for queue in ready if is_urgent(queue[0])), ready[0])
        request = queue.popleft()
        if not queue:
            del self._waiting[request.symbol]
        self._count -= 1
        return request

    def _is_ready(self, request: OrderRequest) -> bool:
        # A kill switch takes back what rests without asking how anything else ends.
        if isinstance(request.intent, CancelOrders) and request.source_kind is SourceKind.SYSTEM:
            return True
        unsettled = self._unsettled.get(request.symbol)
        return unsettled is None or not (reads_position(request) or any(unsettled.values()))
