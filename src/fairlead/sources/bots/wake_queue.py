"""Who was woken and has not had a turn yet: most urgent first, accounts in turn, and everybody once."""

from __future__ import annotations

import heapq

from fairlead.core.model.bots.decision import Urgency


class WakeQueue:
    """First by urgency, then one bot of each account in turn, then in the order of waking.

    Bounded by the number of bots, for each stands in it once. A thousand bots of one account that are woken at once
    keep a bot of another account waiting for one of them, not for all.
    """

    __slots__ = ("_heap", "_last", "_number", "_rounds", "_urgencies")

    def __init__(self) -> None:
        """Begin empty."""
        self._heap: list[tuple[Urgency, int, int, str]] = []
        self._urgencies: dict[str, Urgency] = {}
        self._number = 0
        # By urgency the round that is being served, and by account the last one in which it has somebody.
        self._rounds: dict[Urgency, int] = {}
        self._last: dict[tuple[Urgency, str], int] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._urgencies)

    def push(self, bot_id: str, account_id: str, urgency: Urgency) -> None:
        """Let a bot wait for its turn, or move it forward."""
        queued = self._urgencies.get(bot_id)
        if queued is not None and queued <= urgency:
            return
        self._urgencies[bot_id] = urgency
        self._number += 1
        key = (urgency, account_id)
        number = self._last[key] = max(self._rounds.get(urgency, 0), self._last.get(key, -1) + 1)
        heapq.heappush(self._heap, (urgency, number, self._number, bot_id))

    def pop(self) -> str | None:
        """Whose turn it is; None when nobody waits."""
        while self._heap:
            urgency, number, _, bot_id = heapq.heappop(self._heap)
            # Whoever was moved forward stands in the heap twice.
            if self._urgencies.get(bot_id) == urgency:
                del self._urgencies[bot_id]
                self._rounds[urgency] = number
                return bot_id
        self._rounds.clear()
        self._last.clear()
        return None
