"""Who waits for which request to be settled, and the newest results for those who ask a moment later."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fairlead.core.model.state import RequestState

RECENT_RESULTS_MAX: Final = 20_000
MS_PER_SECOND: Final = 1_000


@dataclass(slots=True, eq=False)
class _Waiter:
    """Somebody who waits for several requests, and which of them are still missing."""

    missing: set[str]
    all_there: asyncio.Future[None]

    def hear(self, request_id: str) -> None:
        self.missing.discard(request_id)
        if not self.missing:
            wake(self.all_there)


class SettledRequests:
    """Remembers settled requests for a while, and wakes those who wait for them."""

    def __init__(self) -> None:
        """Start with nothing settled."""
        self._recent: OrderedDict[str, RequestState] = OrderedDict()
        self._waiters: dict[str, list[_Waiter]] = {}

    @property
    def awaited(self) -> int:
        """Requests that somebody waits for."""
        return len(self._waiters)

    def announce(self, state: RequestState) -> None:
        """A request needs no more waiting (or has changed since it was announced)."""
        request_id = state.request.request_id
        self._recent[request_id] = state
        self._recent.move_to_end(request_id)
        if len(self._recent) > RECENT_RESULTS_MAX:
            self._recent.popitem(last=False)
        for waiter in self._waiters.pop(request_id, ()):
            waiter.hear(request_id)

    def find(self, request_id: str) -> RequestState | None:
        """The newest announced state of a request, if recent."""
        return self._recent.get(request_id)

    async def wait(self, request_ids: Sequence[str], wait_ms: int) -> None:
        """Return when all are announced, or after ``wait_ms`` milliseconds."""
        missing = {request_id for request_id in request_ids if request_id not in self._recent}
        if not missing or wait_ms <= 0:
            return
        waiter = _Waiter(missing, asyncio.get_running_loop().create_future())
        for request_id in missing:
            self._waiters.setdefault(request_id, []).append(waiter)
        try:
            await wait_until(waiter.all_there, wait_ms)
        finally:
            for request_id in waiter.missing:
                self._leave(request_id, waiter)

    def _leave(self, request_id: str, waiter: _Waiter) -> None:
        others = self._waiters[request_id]
        others.remove(waiter)
        if not others:
            del self._waiters[request_id]


async def wait_until(done: asyncio.Future[None], wait_ms: int) -> None:
    """Return when ``done`` has its result, which it has after ``wait_ms`` milliseconds: no task for a time-out."""
    timer = asyncio.get_running_loop().call_later(wait_ms / MS_PER_SECOND, wake, done)
    try:
        await done
    finally:
        timer.cancel()


def wake(waiting: asyncio.Future[None]) -> None:
    """Let go on whoever waits, unless that has happened already."""
    if not waiting.done():
        waiting.set_result(None)
