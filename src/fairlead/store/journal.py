"""The list of facts, kept in a database: the port that the order path appends to and everybody else reads from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final, Self

from fairlead.ports import AppendOutcome, JournalRow, NotStored, Record, Unit
from fairlead.store.databases.contract import JournalReader, OwnerLock
from fairlead.store.databases.opening import open_database, open_reader, take_ownership
from fairlead.store.deliveries import Deliveries
from fairlead.store.rows import decode_row
from fairlead.store.writer import JournalWriter

PAGE_ROWS_MAX: Final = 500


class StoredJournal:
    """Owns the database while it is open. Build it with ``open``, on the event loop that will use it."""

    def __init__(self, lock: OwnerLock, writer: JournalWriter, reader: JournalReader) -> None:
        """Join the parts that ``open`` made."""
        self._lock = lock
        self._writer = writer
        self._reader = reader
        # One thread, so that the read connection is never used twice at once.
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-reader")
        self._loop = asyncio.get_running_loop()
        self._closed_chains: set[str] = set()

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        on_death: Callable[[BaseException], None],
        lock: OwnerLock | None = None,
    ) -> Self:
        """Become the owner of the database and find the journal's end; blocks for a moment.

        ``on_death`` is called on the event loop, once, when the writer cannot go on; the process should end then.
        ``lock`` is the ownership when the caller has it already; from now on the journal's end releases it.

        Raises:
            FolderInUseError, DatabaseInUseError: another process has it.
            UnfitServerError: the server would not keep what it confirms.
            DamagedJournalError: the journal contradicts itself.
            Exception: what the driver says when the database cannot be used, or was not migrated.
        """
        with ExitStack() as undo:
            held = lock or take_ownership(url)
            undo.callback(held.release)
            database = open_database(url, held)
            undo.callback(database.close)
            reader = open_reader(url)
            undo.callback(reader.close)
            writer = JournalWriter(database, Deliveries(asyncio.get_running_loop()), on_death)
            undo.pop_all()
        return cls(held, writer, reader)

    @property
    def units_waiting(self) -> int:
        """Units that the writer has not taken yet."""
        return self._writer.units_waiting

    @property
    def commits(self) -> int:
        """Transactions since it was opened."""
        return self._writer.commits

    @property
    def rows_stored(self) -> int:
        """Facts stored since it was opened."""
        return self._writer.rows_stored

    @property
    def trouble(self) -> str:
        """Why nothing can be stored now; empty while the database can be reached."""
        return self._writer.trouble

    async def close(self) -> None:
        """Store what is queued, tell its outcomes, and let others own the database."""
        await asyncio.to_thread(self._writer.stop)
        await asyncio.to_thread(self._reading.shutdown)
        self._reader.close()
        self._lock.release()

    def append(self, unit: Unit, on_done: Callable[[AppendOutcome], None]) -> None:
        """Queue a unit; ``on_done`` is called once on the event loop, in queue order, after commit or refusal."""
        if unit.chain in self._closed_chains:
            refusal = f"an earlier unit of {unit.chain} was refused"
        else:
            refusal = self._writer.put(unit, on_done)
        if refusal:
            if unit.chain:
                self._closed_chains.add(unit.chain)
            self._loop.call_soon(on_done, NotStored(reason=refusal))

    def commit(self, unit: Unit) -> Awaitable[AppendOutcome]:
        """Queue a unit and wait for its outcome."""
        future: asyncio.Future[AppendOutcome] = self._loop.create_future()

        def tell(outcome: AppendOutcome) -> None:
            if not future.done():
                future.set_result(outcome)

        self.append(unit, tell)
        return future

    def reopen(self, chain: str) -> None:
        """Take units of a chain again, after its owner was rebuilt from what is stored."""
        self._closed_chains.discard(chain)
        self._writer.reopen(chain)

    async def read_after(self, seq: int) -> AsyncIterator[JournalRow]:
        """Read all rows with a greater seq, in order; short reads, no transaction kept open between pages."""
        while page := await self._loop.run_in_executor(self._reading, self._read_page, seq):
            for row in page:
                yield row
            if len(page) < PAGE_ROWS_MAX:
                return
            seq = page[-1].seq

    async def read_records(self, space: str) -> Sequence[Record]:
        """Read all records of a space, by owner and key."""
        return await self._loop.run_in_executor(self._reading, self._read_records, space)

    def _read_page(self, seq: int) -> list[JournalRow]:
        return [decode_row(row) for row in self._reader.read_page(seq, PAGE_ROWS_MAX)]

    def _read_records(self, space: str) -> list[Record]:
        found = self._reader.read_records(space)
        return [Record(space=space, owner=owner, key=key, body=body) for owner, key, body in found]
