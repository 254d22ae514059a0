"""Who was woken and has not had a turn yet: most urgent first, and everybody once."""

from __future__ import annotations

import heapq

from fairlead.core.model.bots.decision import Urgency


class WakeQueue:
    """First by urgency, then in the order of waking; bounded by the number of bots, for each stands in it once."""

    __slots__ = ("_heap", "_number", "_urgencies")

    def __init__(self) -> None:
        """Begin empty."""
        self._heap: list[tuple[Urgency, int, str]] = []
        self._urgencies: dict[str, Urgency] = {}
        self._number = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._urgencies)

    def push(self, bot_id: str, urgency: Urgency) -> None:
        """Let a bot wait for its turn, or move it forward."""
        queued = self._urgencies.get(bot_id)
        if queued is not None and queued <= urgency:
            return
        self._urgencies[bot_id] = urgency
        self._number += 1
        heapq.heappush(self._heap, (urgency, self._number, bot_id))

    def pop(self) -> str | None:
        """Whose turn it is; None when nobody waits."""
        while self._heap:
            urgency, _, bot_id = heapq.heappop(self._heap)
            # Whoever was moved forward stands in the heap twice.
            if self._urgencies.get(bot_id) == urgency:
                del self._urgencies[bot_id]
                return bot_id
        return None
