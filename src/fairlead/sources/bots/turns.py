"""Gives bots that were woken their turns: some dozens in one task, because most find that there is nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Final

from fairlead.core.model.bots.decision import Urgency
from fairlead.sources.bots.wake_queue import WakeQueue

DECISIONS_PER_TURN_MAX: Final = 64
"""One turn may not keep the event loop from its sockets."""

Spawn = Callable[[str, Coroutine[None, None, None], Callable[[Exception], None]], object]


class Turns:
    """Lets bots decide one after the other; ``broke`` hears of one whose decision raised, and the others go on."""

    def __init__(self, spawn: Spawn, decide: Callable[[str], None], broke: Callable[[str, Exception], None]) -> None:
        """Begin with nobody waiting."""
        self._spawn = spawn
        self._decide = decide
        self._broke = broke
        self._queue = WakeQueue()
        self._is_scheduled = False
        self._deciding = ""

    @property
    def waiting(self) -> int:
        """How many were woken and have not decided yet."""
        return len(self._queue)

    def push(self, bot_id: str, account_id: str, urgency: Urgency) -> None:
        """Let a bot of an account decide soon."""
        self._queue.push(bot_id, account_id, urgency)
        self._schedule()

    def _schedule(self) -> None:
        if self._queue and not self._is_scheduled:
            self._is_scheduled = True
            self._spawn("bots decide", self._take(), self._turn_broke)

    async def _take(self) -> None:
        for _ in range(DECISIONS_PER_TURN_MAX):
            bot_id = self._queue.pop()
            if bot_id is None:
                break
            self._deciding = bot_id
            self._decide(bot_id)
        self._is_scheduled = False
        self._schedule()

    def _turn_broke(self, error: Exception) -> None:
        self._is_scheduled = False
        self._broke(self._deciding, error)
        self._schedule()
