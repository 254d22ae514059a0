"""The one writer of a SQLite journal: a thread that commits all waiting units in one transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final

import msgspec

from fairlead.ports import AppendOutcome, Committed, DuplicateKey, NotStored, Unit
from fairlead.store.deliveries import Deliveries, Delivery
from fairlead.store.rows import Draft, Tip
from fairlead.store.sqlite_statements import (
    FIND_KEY,
    SecondOwnerError,
    insert_rows,
    move_heads,
    read_tip,
    save_records,
    save_states,
)

UNITS_WAITING_MAX: Final = 65_536
BATCH_UNITS_MAX: Final = 1_000
# What one unit can be guilty of; anything else concerns the whole batch, or the writer itself.
UNIT_FAULTS: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    TypeError,
    ValueError,
    OverflowError,
)

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


class SqliteWriter:
    """Takes units on the event loop, stores them in its thread, tells their outcomes on the event loop."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        deliveries: Deliveries,
        on_death: Callable[[BaseException], None],
    ) -> None:
        """Take over a connection.

        Raises:
            DamagedJournalError: the streams do not add up to the rows.
            sqlite3.Error: the disk refused.
        """
        self.commits = 0
        self.rows_stored = 0
        self._connection = connection
        self._deliveries = deliveries
        self._on_death = on_death
        self._tip: Tip | None = read_tip(connection)
        self._closed_chains: set[str] = set()
        self._current: Sequence[WaitingUnit] = ()
        self._waiting: SimpleQueue[WaitingUnit | Reopening | Stop] = SimpleQueue()
        self._door = threading.Lock()
        self._shut_reason = ""
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    @property
    def units_waiting(self) -> int:
        """Units that the thread has not taken yet."""
        return self._waiting.qsize()

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
        self._thread.join()

    def _run(self) -> None:
        with ExitStack() as stack:
            stack.callback(self._connection.close)
            stack.push(self._die)
            while self._turn():
                pass

    def _turn(self) -> bool:
        # One batch, up to the next marker: a marker speaks about what was queued before it.
        batch: list[WaitingUnit] = []
        marker: Reopening | Stop | None = None
        item = self._waiting.get()
        while True:
            if not isinstance(item, WaitingUnit):
                marker = item
                break
            batch.append(item)
            if len(batch) == BATCH_UNITS_MAX:
                break
            try:
                item = self._waiting.get_nowait()
            except Empty:
                break
        if batch:
            self._current = batch
            outcomes = self._store([waiting.unit for waiting in batch])
            self._current = ()
            self._deliveries.post(
                [(waiting.on_done, outcome) for waiting, outcome in zip(batch, outcomes, strict=True)],
            )
        if isinstance(marker, Reopening):
            self._closed_chains.discard(marker.chain)
        return not isinstance(marker, Stop)

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

    def _store(self, units: Sequence[Unit]) -> Sequence[AppendOutcome]:
        try:
            tip = self._tip or read_tip(self._connection)
            self._tip = tip
            if self._closed_chains.isdisjoint(unit.chain for unit in units):
                try:
                    return self._store_together(units, tip)
                except UNIT_FAULTS:
                    self._roll_back()
            return self._store_singly(units, tip)
        except sqlite3.OperationalError as error:
            # Disk full, locked, read-only, I/O: true for all of them, and perhaps not for ever.
            self._tip = None
            self._roll_back()
            self._closed_chains.update(unit.chain for unit in units if unit.chain)
            return [NotStored(reason=str(error))] * len(units)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _store_together(self, units: Sequence[Unit], tip: Tip) -> Sequence[AppendOutcome]:
        draft = Draft(tip)
        rows = []
        outcomes: list[AppendOutcome] = []
        for unit in units:
            rows += draft.add(unit.facts)
            outcomes.append(Committed(last_seq=draft.seq))
        self._connection.execute("BEGIN IMMEDIATE")
        insert_rows(self._connection, rows)
        save_states(self._connection, (state for unit in units for state in unit.states))
        save_records(self._connection, (record for unit in units for record in unit.records))
        move_heads(self._connection, draft)
        self._commit(draft, tip)
        return outcomes

    def _store_singly(self, units: Sequence[Unit], tip: Tip) -> Sequence[AppendOutcome]:
        draft = Draft(tip)
        self._connection.execute("BEGIN IMMEDIATE")
        outcomes = [self._store_one(unit, draft) for unit in units]
        move_heads(self._connection, draft)
        self._commit(draft, tip)
        return outcomes

    def _commit(self, draft: Draft, tip: Tip) -> None:
        self._connection.execute("COMMIT")
        self.commits += 1
        self.rows_stored += draft.seq - tip.seq
        draft.settle()

    def _store_one(self, unit: Unit, draft: Draft) -> AppendOutcome:
        if unit.chain in self._closed_chains:
            return NotStored(reason=f"an earlier unit of {unit.chain} was refused")
        mark = draft.mark()
        self._connection.execute("SAVEPOINT unit")
        try:
            insert_rows(self._connection, draft.add(unit.facts))
            save_states(self._connection, unit.states)
            save_records(self._connection, unit.records)
        except UNIT_FAULTS as error:
            self._connection.execute("ROLLBACK TO unit")
            self._connection.execute("RELEASE unit")
            draft.reset(mark)
            if unit.chain:
                self._closed_chains.add(unit.chain)
            return self._explain_fault(unit, error)
        self._connection.execute("RELEASE unit")
        return Committed(last_seq=draft.seq)

    def _explain_fault(self, unit: Unit, error: BaseException) -> AppendOutcome:
        if isinstance(error, sqlite3.IntegrityError):
            if "journal.seq" in str(error):
                message = "another process appended to the journal"
                raise SecondOwnerError(message) from error
            seen = set()
            for fact in unit.facts:
                kind, key = type(fact.event).__name__, fact.key
                if key is None:
                    continue
                place = (fact.tenant, kind, key)
                if place in seen or self._connection.execute(FIND_KEY, place).fetchone():
                    return DuplicateKey(kind=kind, key=key)
                seen.add(place)
        return NotStored(reason=f"{type(error).__name__}: {error}")
