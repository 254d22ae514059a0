"""The one writer of a journal: a thread that commits all waiting units in one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final

import msgspec

from fairlead.clock import SystemClock
from fairlead.ports import AppendOutcome, NotStored, Unit
from fairlead.store.batch_store import BatchStore
from fairlead.store.databases.contract import JournalDatabase
from fairlead.store.deliveries import Deliveries, Delivery

UNITS_WAITING_MAX: Final = 65_536
BATCH_UNITS_MAX: Final = 1_000
BUSY_UNITS_MIN: Final = 16
"""A batch of this many says that more are on their way, so the next one waits a moment for them."""
BUSY_WAIT_S: Final = 0.002

OnDone = Callable[[AppendOutcome], None]


class WaitingUnit(msgspec.Struct, frozen=True, gc=False):
    """A unit and who wants to know."""

    unit: Unit
    on_done: OnDone


class Reopening(msgspec.Struct, frozen=True):
    """Its place in the queue tells which units of the chain were queued before its owner was rebuilt."""

    chain: str


class Stop(msgspec.Struct, frozen=True):
    """Nothing comes after it."""


class JournalWriter:
    """Takes units on the event loop, stores them in its thread, tells their outcomes on the event loop."""

    def __init__(
        self,
        database: JournalDatabase,
        deliveries: Deliveries,
        on_death: Callable[[BaseException], None],
    ) -> None:
        """Take over a connection.

        Raises:
            DamagedJournalError: the streams do not add up to the rows.
            Exception: one of the database's passing faults.
        """
        self._database = database
        self._store = BatchStore(database, SystemClock())
        self._deliveries = deliveries
        self._on_death = on_death
        self._current: Sequence[WaitingUnit] = ()
        self._is_busy = False
        self._ending = threading.Event()
        self._waiting: SimpleQueue[WaitingUnit | Reopening | Stop] = SimpleQueue()
        self._door = threading.Lock()
        self._shut_reason = ""
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    @property
    def units_waiting(self) -> int:
        """Units that the thread has not taken yet."""
        return self._waiting.qsize()

    @property
    def commits(self) -> int:
        """Transactions so far."""
        return self._store.commits

    @property
    def rows_stored(self) -> int:
        """Facts stored so far."""
        return self._store.rows_stored

    @property
    def trouble(self) -> str:
        """Why nothing can be stored now; empty while the connection works."""
        return self._shut_reason or self._store.trouble

    def put(self, unit: Unit, on_done: OnDone) -> str:
        """Queue a unit; returns why not, or nothing."""
        with self._door:
            if self._shut_reason:
                return self._shut_reason
            if self._waiting.qsize() >= UNITS_WAITING_MAX:
                return "queue full"
            self._waiting.put(WaitingUnit(unit, on_done))
        return ""

    def reopen(self, chain: str) -> None:
        """Take units of the chain again that are queued from now on."""
        self._waiting.put(Reopening(chain))

    def stop(self) -> None:
        """Store what is queued, then end; returns when the thread has ended (blocks)."""
        with self._door:
            if not self._shut_reason:
                self._shut_reason = "journal closed"
                self._waiting.put(Stop())
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        with ExitStack() as stack:
            stack.callback(self._database.close)
            stack.push(self._die)
            while self._turn():
                pass

    def _turn(self) -> bool:
        try:
            first = self._waiting.get(timeout=self._store.patience_s)
        except Empty:
            self._store.tend()
            return True
        if self._is_busy:
            # Many small commits cost more pages, and more of everybody's time, than a few large ones.
            self._ending.wait(BUSY_WAIT_S)
        batch, marker = self._gather(first)
        self._is_busy = len(batch) >= BUSY_UNITS_MIN
        if batch:
            self._current = batch
            outcomes = self._store.store([waiting.unit for waiting in batch])
            self._current = ()
            self._deliveries.post(
                [(waiting.on_done, outcome) for waiting, outcome in zip(batch, outcomes, strict=True)],
            )
        if isinstance(marker, Reopening):
            self._store.reopen(marker.chain)
        return not isinstance(marker, Stop)

    def _gather(
        self,
        item: WaitingUnit | Reopening | Stop,
    ) -> tuple[Sequence[WaitingUnit], Reopening | Stop | None]:
        # One batch, up to the next marker: a marker speaks about what was queued before it.
        batch: list[WaitingUnit] = []
        while isinstance(item, WaitingUnit):
            batch.append(item)
            if len(batch) == BATCH_UNITS_MAX:
                return batch, None
            try:
                item = self._waiting.get_nowait()
            except Empty:
                return batch, None
        return batch, item

    def _die(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        if error is None:
            return False
        refusal = NotStored(reason=f"journal dead: {error}")
        with self._door:
            self._shut_reason = refusal.reason
        lost: list[Delivery] = [(waiting.on_done, refusal) for waiting in self._current]
        while True:
            try:
                item = self._waiting.get_nowait()
            except Empty:
                break
            if isinstance(item, WaitingUnit):
                lost.append((item.on_done, refusal))
        # In the same turn of the loop as the outcomes, before anybody acts on them.
        lost.append((lambda _: self._on_death(error), refusal))
        self._deliveries.post(lost)
        return True
