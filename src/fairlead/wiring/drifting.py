"""Hands the order path what people decided about drifts, and what they want adopted unasked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.drift import DriftCause, DriftDecision
from fairlead.ports import Clock
from fairlead.settings import Settings
from fairlead.store.config_watcher import ConfigWatcher
from fairlead.store.queries.drifts import list_all_policies, list_open_decisions, save_outcome
from fairlead.store.session import Store
from fairlead.wiring.trading import Trading

LOOKED_EVERY_MS: Final = 250
RETRY_MS: Final = 1_000
DONE: Final = "done"

_log = structlog.get_logger("fairlead")


class Drifting:
    """Decisions and policies of drifts, as they are configured now."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        """Follow the configuration of one database; nothing is read before ``start``."""
        self._store = store
        self._clock = clock
        self._watcher = ConfigWatcher(settings.store_url)
        self._policies: Mapping[str, frozenset[DriftCause]] = {}

    def adopts(self, account: VenueAccount) -> Collection[DriftCause]:
        """What drifts of an account are adopted unasked."""
        return self._policies.get(account.account_id, frozenset())

    def start(self, trading: Trading) -> None:
        """Compare accounts with their venues from now on, and carry out what is decided about them."""
        trading.tasks.start("drift watch", trading.drift_watch.run())
        trading.tasks.start("drift decisions", self._follow(trading))

    def close(self) -> None:
        """Let go of the database."""
        self._watcher.close()

    async def _follow(self, trading: Trading) -> None:
        is_due = True
        while True:
            try:
                if self._watcher.changed() or is_due:
                    is_due = await self._work(trading)
            except SQLAlchemyError as error:
                _log.warning("drift_decisions_not_read", error=type(error).__name__)
                is_due = True
            await self._clock.sleep_ms(RETRY_MS if is_due else LOOKED_EVERY_MS)

    async def _work(self, trading: Trading) -> bool:
        """Carry out what is decided; returns whether something waits for its account to open."""
        async with self._store.system_session() as system:
            self._policies = await list_all_policies(system)
            decisions: Sequence[DriftDecision] = await list_open_decisions(system)
        waits = False
        for decision in decisions:
            desk = trading.floor.find(decision.account_id)
            if desk is None:
                waits = True
                continue
            refused = await trading.settler.settle(desk, decision)
            async with self._store.system_session(writes=True) as system:
                await save_outcome(system, decision, refused or DONE)
        return waits
