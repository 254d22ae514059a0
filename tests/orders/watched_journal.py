"""A journal that can refuse a unit, fall silent, or die at a chosen fact; everything else is the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from fairlead.ports import AppendOutcome, Committed, Journal, NotStored, Record, Unit
from tests.passing_journal import PassingJournal

Matches = Callable[[Unit], bool]

LOOKED_AGAIN_S: Final = 0.01


def has_fact(*kinds: type) -> Matches:
    """Units with a fact of one of these kinds."""
    return lambda unit: any(isinstance(fact.event, kinds) for fact in unit.facts)


class WatchedJournal(PassingJournal):
    """Obeys ports.Journal: outcomes come in queue order, and a refused unit closes its chain until it is reopened.

    Once dead it is a process that was killed: what comes later is neither stored nor answered.
    """

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self.refuse: Matches | None = None
        self.refuse_all: Matches | None = None
        self.die_before: Matches | None = None
        self.die_after: Matches | None = None
        self.pause_at: Matches | None = None
        self.appended: list[Unit] = []
        self.is_dead = False
        # What the disk was asked and has not answered.
        self.in_flight = 0
        self._landed = asyncio.Event()
        self.refused: list[Unit] = []
        self._closed_chains: set[str] = set()
        self._untold: list[Callable[[], None]] | None = None
        self._held: list[Callable[[], None]] | None = None

    def append(self, unit: Unit, on_done: Callable[[AppendOutcome], None]) -> None:
        if self.die_before is not None and self.die_before(unit):
            self.is_dead = True
        if self.is_dead:
            return
        self.appended.append(unit)
        refusal = self._refusal(unit)
        is_paused = self.pause_at is not None and self.pause_at(unit)
        is_last = self.die_after is not None and self.die_after(unit)

        def tell(outcome: AppendOutcome) -> None:
            self._land()
            if self.is_dead:
                return
            if is_last:
                self.is_dead = True
                return
            told = refusal if refusal is not None and isinstance(outcome, Committed) else outcome
            if is_paused and self._untold is None:
                self._untold = []
            if self._untold is None:
                on_done(told)
            else:
                self._untold.append(lambda: on_done(told))

        self.in_flight += 1
        # An empty unit keeps the place of a refused one, so that its outcome comes in turn.
        stored = unit if refusal is None else Unit()
        if self._held is None:
            self._journal.append(stored, tell)
        else:
            self._held.append(lambda: self._journal.append(stored, tell))

    def hold(self) -> None:
        """Let every unit wait from now on, as before a slow disk."""
        self._held = []

    def release(self) -> None:
        """Let the disk be quick again."""
        held, self._held = self._held or [], None
        for append in held:
            append()

    def resume(self) -> None:
        """Tell the outcomes that were held back since the paused unit was stored."""
        untold, self._untold, self.pause_at = self._untold or [], None, None
        for tell in untold:
            tell()

    def reopen(self, chain: str) -> None:
        self._closed_chains.discard(chain)
        super().reopen(chain)

    async def read_records(self, space: str) -> Sequence[Record]:
        self.in_flight += 1
        try:
            return await super().read_records(space)
        finally:
            self._land()

    async def wait_for_the_disk(self) -> None:
        """Return when the disk has given one more answer, or a moment later: another life has another journal."""
        self._landed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOKED_AGAIN_S):
                await self._landed.wait()

    def _land(self) -> None:
        self.in_flight -= 1
        self._landed.set()

    def _refusal(self, unit: Unit) -> NotStored | None:
        if unit.chain in self._closed_chains:
            self.refused.append(unit)
            return NotStored(reason=f"an earlier unit of {unit.chain} was refused")
        if self.refuse_all is not None and self.refuse_all(unit):
            pass
        elif self.refuse is not None and self.refuse(unit):
            self.refuse = None
        else:
            return None
        self.refused.append(unit)
        if unit.chain:
            self._closed_chains.add(unit.chain)
        return NotStored(reason="the disk is full")
