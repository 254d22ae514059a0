"""Keeps the last refused calls of every hook, so that whoever wonders why nothing happened can see it."""

from __future__ import annotations

from collections import deque
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fairlead.ports import Clock
from fairlead.store.queries.hook_calls import REFUSED_CALLS_MAX, RefusedCall, keep_refused_calls
from fairlead.store.session import Store

FLUSH_EVERY_MS: Final = 1_000
HOOKS_WAITING_MAX: Final = 1_000

_log = structlog.get_logger("fairlead.webhook")


class RefusedCalls:
    """Gathers refused calls and stores them once a second, so that a flood of them costs one commit."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Write to one database."""
        self._store = store
        self._clock = clock
        self._waiting: dict[tuple[str, str], deque[RefusedCall]] = {}

    def note(self, call: RefusedCall) -> None:
        """Gather a call; of each hook only the newest few are kept anyway."""
        owner = (call.tenant, call.hook_id)
        if owner not in self._waiting and len(self._waiting) >= HOOKS_WAITING_MAX:
            return
        self._waiting.setdefault(owner, deque(maxlen=REFUSED_CALLS_MAX)).append(call)

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
