"""Who waits for which request to be settled, and the newest results for those who ask a moment later."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from fairlead.core.model.state import RequestState

RECENT_RESULTS_MAX: Final = 20_000


class SettledRequests:
    """Remembers settled requests for a while and wakes their senders."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._recent: OrderedDict[str, RequestState] = OrderedDict()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    def announce(self, state: RequestState) -> None:
        """A request needs no more waiting (or has changed since it was announced)."""
        request_id = state.request.request_id
        self._recent[request_id] = state
        self._recent.move_to_end(request_id)
        if len(self._recent) > RECENT_RESULTS_MAX:
            self._recent.popitem(last=False)
        for future in self._waiting.pop(request_id, ()):
            if not future.done():
                future.set_result(None)

    def find(self, request_id: str) -> RequestState | None:
        """The newest announced state of a request, if recent."""
        return self._recent.get(request_id)

    async def wait(self, request_ids: Sequence[str], wait_ms: int) -> None:
        """Return when all are announced, or after ``wait_ms`` milliseconds."""
        loop = asyncio.get_running_loop()
        futures: list[tuple[str, asyncio.Future[None]]] = []
        for request_id in request_ids:
            if request_id not in self._recent:
                future: asyncio.Future[None] = loop.create_future()
                self._waiting.setdefault(request_id, []).append(future)
                futures.append((request_id, future))
        if not futures:
            return
        _, late = await asyncio.wait([future for _, future in futures], timeout=wait_ms / 1000)
        for request_id, future in futures:
            if future in late:
                self._forget(request_id, future)

    def _forget(self, request_id: str, future: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(request_id, [])
        if future in waiting:
            waiting.remove(future)
        if not waiting:
            self._waiting.pop(request_id, None)
