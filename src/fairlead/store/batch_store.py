"""How a batch of units gets into the database: together, or unit by unit when one of them is guilty of something."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Final

from fairlead.ports import AppendOutcome, Clock, Committed, DuplicateKey, NotStored, Unit
from fairlead.store.databases.contract import CommitDoubtError, JournalDatabase, SecondOwnerError
from fairlead.store.databases.link import DatabaseLink, first_line
from fairlead.store.rows import Draft, StoredRow, Tip

DOUBT_S_MAX: Final = 60.0
"""How long the fate of a commit may stay unknown before the process gives up and starts anew."""
COMMITS_REPEATED_MAX: Final = 3
REFUSED_S_MAX: Final = 1.0
"""After a refusal the database is tried again so soon, also when nobody wants to store anything."""


class FateUnknownError(RuntimeError):
    """Nobody can tell whether the last units are stored."""


class _NotCommittedError(RuntimeError):
    """The connection was lost in a commit, and the rows are not there."""


class _NothingToFindError(RuntimeError):
    """The connection was lost in a commit without rows, so that nothing tells whether it is stored."""


class BatchStore:
    """One connection and what is known of the journal behind it; used by the writer's thread."""

    def __init__(self, database: JournalDatabase, clock: Clock) -> None:
        """Find the journal's end.

        Raises:
            DamagedJournalError: the streams do not add up to the rows.
        """
        self.commits = 0
        self.rows_stored = 0
        self.link = DatabaseLink(database, clock)
        self._database = database
        self._clock = clock
        tip = database.read_tip()
        self._tip: Tip | None = tip
        # Where we left the journal. It is nowhere else as long as nobody else owns it and nothing is lost.
        self._end = tip.seq, tip.hash
        self._closed_chains: set[str] = set()
        self._refusal = ""

    @property
    def trouble(self) -> str:
        """Why nothing can be stored now; empty while there is no reason to think so."""
        return self.link.trouble or self._refusal

    @property
    def patience_s(self) -> float | None:
        """How long the writer may wait for work before ``tend`` is due, in seconds; None means for ever."""
        return REFUSED_S_MAX if self._refusal and not self.link.trouble else self.link.patience_s

    def reopen(self, chain: str) -> None:
        """Take units of the chain again."""
        self._closed_chains.discard(chain)

    def tend(self) -> bool:
        """Look after the connection; tells whether it works.

        Raises:
            SecondOwnerError: somebody else owns the journal now.
        """
        works = self.link.tend()
        if works:
            self._refusal = ""
        else:
            self._tip = None
        return works

    def store(self, units: Sequence[Unit]) -> Sequence[AppendOutcome]:
        """Store what can be stored, in one transaction, and say what became of each unit.

        Raises:
            SecondOwnerError: somebody else appended, or rows that we stored are gone.
            FateUnknownError: the connection was lost in a commit, and the database did not come back.
        """
        if self.link.trouble and not self.tend():
            return self._refuse(units, self.link.trouble)
        for _ in range(COMMITS_REPEATED_MAX):
            try:
                return self._try_to_store(units)
            except _NothingToFindError:
                # States and records are written whole, so writing them twice is writing them once.
                continue
            except _NotCommittedError as error:
                return self._refuse(units, str(error))
            except self._database.faults.passing as error:
                self._tip = None
                self._database.roll_back()
                self._refusal = first_line(error)
                if self._database.is_lost:
                    self.link.lose(error)
                return self._refuse(units, self.trouble)
        return self._refuse(units, "the connection was lost in every commit")

    def _refuse(self, units: Sequence[Unit], reason: str) -> Sequence[AppendOutcome]:
        self._closed_chains.update(unit.chain for unit in units if unit.chain)
        return [NotStored(reason=reason)] * len(units)

    def _try_to_store(self, units: Sequence[Unit]) -> Sequence[AppendOutcome]:
        tip = self._tip or self._read_tip()
        self._tip = tip
        if self._closed_chains.isdisjoint(unit.chain for unit in units):
            try:
                return self._store_together(units, tip)
            except self._database.faults.unit:
                self._database.roll_back()
        return self._store_singly(units, tip)

    def _read_tip(self) -> Tip:
        tip = self._database.read_tip()
        if (tip.seq, tip.hash) != self._end:
            message = (
                f"the journal ends at row {tip.seq}, and we left it at row {self._end[0]}: "
                "another process appended to it, or an older copy was put in its place"
            )
            raise SecondOwnerError(message)
        return tip

    def _store_together(self, units: Sequence[Unit], tip: Tip) -> Sequence[AppendOutcome]:
        database = self._database
        draft = Draft(tip)
        rows: list[StoredRow] = []
        outcomes: list[AppendOutcome] = []
        for unit in units:
            rows += draft.add(unit.facts)
            outcomes.append(Committed(last_seq=draft.seq))
        database.begin()
        database.insert_rows(rows)
        database.save_states(state for unit in units for state in unit.states)
        database.save_records(record for unit in units for record in unit.records)
        database.move_heads(draft)
        self._commit(draft, tip)
        return outcomes

    def _store_singly(self, units: Sequence[Unit], tip: Tip) -> Sequence[AppendOutcome]:
        draft = Draft(tip)
        closed = set(self._closed_chains)
        self._database.begin()
        outcomes = [self._store_one(unit, draft) for unit in units]
        self._database.move_heads(draft)
        try:
            self._commit(draft, tip)
        except _NothingToFindError:
            # The same units are stored again, and must find the chains as they were.
            self._closed_chains = closed
            raise
        return outcomes

    def _store_one(self, unit: Unit, draft: Draft) -> AppendOutcome:
        database = self._database
        if unit.chain in self._closed_chains:
            return NotStored(reason=f"an earlier unit of {unit.chain} was refused")
        mark = draft.mark()
        database.set_savepoint()
        try:
            database.insert_rows(draft.add(unit.facts))
            database.save_states(unit.states)
            database.save_records(unit.records)
        except database.faults.unit as error:
            database.undo_savepoint()
            draft.reset(mark)
            if unit.chain:
                self._closed_chains.add(unit.chain)
            return self._explain_fault(unit, error)
        database.release_savepoint()
        return Committed(last_seq=draft.seq)

    def _explain_fault(self, unit: Unit, error: Exception) -> AppendOutcome:
        is_clash = isinstance(error, self._database.faults.clash)
        if is_clash and self._database.is_seq_taken(error):
            message = "another process appended to the journal"
            raise SecondOwnerError(message) from error
        seen = set()
        for fact in unit.facts if is_clash else ():
            kind, key = type(fact.event).__name__, fact.key
            if key is None:
                continue
            place = (fact.tenant, kind, key)
            if place in seen or self._database.has_key(*place):
                return DuplicateKey(kind=kind, key=key)
            seen.add(place)
        return NotStored(reason=f"{type(error).__name__}: {first_line(error)}")

    def _commit(self, draft: Draft, tip: Tip) -> None:
        try:
            self._database.commit()
        except CommitDoubtError as doubt:
            self._settle_doubt(draft, tip, doubt)
        if draft.seq != tip.seq:
            # A transaction that writes nothing succeeds on a full disk too.
            self._refusal = ""
        self.commits += 1
        self.rows_stored += draft.seq - tip.seq
        draft.settle()
        self._end = draft.seq, draft.hash

    def _settle_doubt(self, draft: Draft, tip: Tip, doubt: CommitDoubtError) -> None:
        """Return when the draft is stored; it or nothing of it is."""
        self._tip = None
        self.link.lose(doubt)
        found = self._await_tip(doubt)
        if draft.seq == tip.seq:
            raise _NothingToFindError(str(doubt)) from doubt
        if (found.seq, found.hash) == (draft.seq, draft.hash):
            self._tip = tip
        elif (found.seq, found.hash) == self._end:
            raise _NotCommittedError(str(doubt)) from doubt
        else:
            message = f"the journal ends at row {found.seq}, which is neither what we left nor what we wrote"
            raise SecondOwnerError(message) from doubt

    def _await_tip(self, doubt: CommitDoubtError) -> Tip:
        until_s = self._clock.monotonic_s() + DOUBT_S_MAX
        while self._clock.monotonic_s() < until_s:
            try:
                if self.link.tend():
                    return self._database.read_tip()
            except self._database.faults.passing as error:
                self.link.lose(error)
            Event().wait(self.link.patience_s)
        message = f"it cannot be known whether the last units are stored ({self.link.trouble})"
        raise FateUnknownError(message) from doubt
