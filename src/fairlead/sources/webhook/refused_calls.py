"""Keeps the last refused calls of every hook, so that whoever wonders why nothing happened can see it."""

from __future__ import annotations

from collections import deque
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fairlead.ports import Clock
from fairlead.store.queries.hook_calls import (
    REFUSED_CALLS_MAX,
    STRANGER_CALLS_MAX,
    RefusedCall,
    keep_refused_calls,
)
from fairlead.store.session import Store

FLUSH_EVERY_MS: Final = 1_000
HOOKS_WAITING_MAX: Final = 1_000
# No more than are kept, so that a flush pushes nobody else's calls out of the queue.
WAITING_MAX: Final = REFUSED_CALLS_MAX + STRANGER_CALLS_MAX
STRANGERS_PER_MINUTE_MAX: Final = STRANGER_CALLS_MAX
MINUTE_MS: Final = 60_000

_log = structlog.get_logger("fairlead.webhook")


class RefusedCalls:
    """Gathers refused calls and stores them once a second, so that a flood of them costs one commit."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Write to one database."""
        self._store = store
        self._clock = clock
        self._waiting: dict[tuple[str, str], deque[RefusedCall]] = {}
        self._strangers: dict[str, tuple[int, int]] = {}

    def note(self, call: RefusedCall) -> None:
        """Gather a call; of each hook only the newest few are kept anyway, and of strangers a few a minute."""
        owner = (call.tenant, call.hook_id)
        if owner not in self._waiting and len(self._waiting) >= HOOKS_WAITING_MAX:
            return
        if call.is_strangers and not self._admit_stranger(call):
            return
        self._waiting.setdefault(owner, deque(maxlen=WAITING_MAX)).append(call)

    async def flush(self) -> None:
        """Store what was gathered. Losing it loses no order, so a database that refuses is only logged."""
        waiting, self._waiting = self._waiting, {}
        for (tenant, hook_id), calls in waiting.items():
            try:
                async with self._store.session(tenant, writes=True) as session:
                    await keep_refused_calls(session, calls)
            except SQLAlchemyError as error:
                _log.warning("refused_calls_not_kept", hook=hook_id, calls=len(calls), error=type(error).__name__)

    async def run(self) -> None:
        """Store what was gathered, once a second, for ever."""
        while True:
            await self._clock.sleep_ms(FLUSH_EVERY_MS)
            await self.flush()

    def _admit_stranger(self, call: RefusedCall) -> bool:
        # As many entries as there are hooks: a call that names none is not noted.
        minute = call.received_ms // MINUTE_MS
        counted_minute, count = self._strangers.get(call.hook_id, (minute, 0))
        if counted_minute != minute:
            count = 0
        self._strangers[call.hook_id] = (minute, count + 1)
        return count < STRANGERS_PER_MINUTE_MAX
