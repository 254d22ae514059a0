"""Who waits for which request to be settled, and the newest results for those who ask a moment later."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from fairlead.core.model.state import RequestState
from fairlead.ports import Bus

RECENT_RESULTS_MAX: Final = 20_000
MS_PER_SECOND: Final = 1_000


class SettledRequests:
    """Remembers settled requests for a while, and rings for those who wait for them."""

    def __init__(self, bus: Bus) -> None:
        """Start with nothing settled."""
        self._bus = bus
        self._recent: OrderedDict[str, RequestState] = OrderedDict()

    def announce(self, state: RequestState) -> None:
        """A request needs no more waiting (or has changed since it was announced)."""
        request_id = state.request.request_id
        self._recent[request_id] = state
        self._recent.move_to_end(request_id)
        if len(self._recent) > RECENT_RESULTS_MAX:
            self._recent.popitem(last=False)
        self._bus.ring(_topic(request_id))

    def find(self, request_id: str) -> RequestState | None:
        """The newest announced state of a request, if recent."""
        return self._recent.get(request_id)

    async def wait(self, request_ids: Sequence[str], wait_ms: int) -> None:
        """Return when all are announced, or after ``wait_ms`` milliseconds."""
        missing = {request_id for request_id in request_ids if request_id not in self._recent}
        if not missing or wait_ms <= 0:
            return
        all_there = asyncio.Event()

        def check() -> None:
            missing.difference_update([request_id for request_id in missing if request_id in self._recent])
            if not missing:
                all_there.set()

        leave = [self._bus.listen(_topic(request_id), check) for request_id in missing]
        try:
            await asyncio.wait_for(all_there.wait(), wait_ms / MS_PER_SECOND)
        except TimeoutError:
            return
        finally:
            for leave_one in leave:
                leave_one()


def _topic(request_id: str) -> str:
    return f"request:{request_id}"
