"""A disk that outlives every crash of what writes on it: our own store on SQLite in memory, driven on the loop.

The journal's rows, its units and refusals, the tables and their queries are those of the product; only the thread and
the file are left out. A seed says how long a commit takes, and a disk may be told to refuse for a while.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine, Executable, create_engine
from sqlalchemy.engine import CursorResult
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import StaticPool

from fairlead.ports import AppendOutcome, Clock, JournalRow, NotStored, Record, Unit
from fairlead.store import engines
from fairlead.store.batch_store import BatchStore
from fairlead.store.databases.sqlite import SqliteDatabase
from fairlead.store.databases.sqlite_statements import SELECT_LAST, SELECT_PAGE, SELECT_RECORDS
from fairlead.store.rows import decode_row
from fairlead.store.session import Rows, Session, Store, guard_tenants
from tests.servers.clean import migrated_bytes

PAGE_ROWS: Final = 500
READ_MS_MAX: Final = 20
COMMIT_MS_MAX: Final = 4
_COMPILED: Final[dict[Any, Any]] = {}
# These bytes of a SQLite file say 2 for a write-ahead log, which memory has no place for, and 1 for none.
_LOG_BYTES: Final = slice(18, 20)

OnDone = Callable[[AppendOutcome], None]


@cache
def _blank() -> bytes:
    image = bytearray(migrated_bytes())
    image[_LOG_BYTES] = b"\x01\x01"
    return bytes(image)


def _connect_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.deserialize(_blank())
    return connection


def _connect_file(path: Path) -> sqlite3.Connection:
    path.write_bytes(_blank())
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # What survives here is decided by who is killed, which is not this process.
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA journal_mode=MEMORY")
    return connection


@cache
def _template() -> Engine:
    """Its dialect is that of every disk, so that a statement is compiled once for all worlds."""
    engine = create_engine("sqlite://")
    with engine.connect():
        pass
    return engine


class Disk:
    """One database; ``is_refusing`` is a full disk, ``commit_ms_max`` a slow one."""

    def __init__(self, seed: int | str, path: Path | None = None) -> None:
        """Begin with the newest tables and nothing in them, in memory or, for long runs, in a file that must be new."""
        self.is_refusing = False
        self.commit_ms_max = COMMIT_MS_MAX
        self.dice = Random(f"disk {seed}")
        self.connection = _connect_memory() if path is None else _connect_file(path)
        template = _template()
        pool = StaticPool(lambda: cast("DBAPIConnection", self.connection), reset_on_return=None)
        self.engine = Engine(pool, template.dialect, template.url).execution_options(compiled_cache=_COMPILED)
        guard_tenants(self.engine)

    def write_file(self, path: Path) -> str:
        """Write everything into a file, for whoever checks files; returns its URL."""
        path.write_bytes(self.connection.serialize())
        return f"sqlite:///{path}"

    def digest(self) -> str:
        """The hash of the newest journal row, which covers all those before it."""
        found = self.connection.execute(SELECT_LAST).fetchone()
        return "" if found is None else found[1].hex()

    def close(self) -> None:
        self.engine.dispose()
        self.connection.close()

    def delay_s(self, ms_max: int) -> float:
        """How long something takes."""
        return self.dice.uniform(0, ms_max) / 1_000


class DiskDatabase(SqliteDatabase):
    """The journal's own connection, to memory instead of a file."""

    def __init__(self, disk: Disk) -> None:
        """Write on this disk."""
        self._connection = disk.connection
        self._disk = disk

    def begin(self) -> None:
        if self._disk.is_refusing:
            raise sqlite3.OperationalError("database or disk is full")
        self._connection.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Leave the disk as it is."""


class DiskJournal:
    """ports.Journal over a disk: what is queued is committed together a moment later, and told another moment later.

    Once ``is_dead`` it is the journal of a process that was killed: what was not committed never is, and nobody is told
    of what was.
    """

    def __init__(self, disk: Disk, clock: Clock) -> None:
        """Go on where the last one stopped. Make it on the loop that will use it."""
        self.is_dead = False
        self._disk = disk
        self._store = BatchStore(DiskDatabase(disk), clock)
        self._loop = asyncio.get_running_loop()
        # Units, and the names of chains that are taken again from there on.
        self._waiting: deque[tuple[Unit, OnDone] | str] = deque()
        self._untold: deque[tuple[OnDone, AppendOutcome]] = deque()
        self._is_busy = False
        self._is_closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def append(self, unit: Unit, on_done: OnDone) -> None:
        if self.is_dead:
            return
        if self._is_closed:
            self._loop.call_soon(on_done, NotStored(reason="journal closed"))
            return
        self._waiting.append((unit, on_done))
        self._begin()

    def commit(self, unit: Unit) -> Awaitable[AppendOutcome]:
        told: asyncio.Future[AppendOutcome] = self._loop.create_future()
        self.append(unit, lambda outcome: None if told.done() else told.set_result(outcome))
        return told

    def reopen(self, chain: str) -> None:
        self._waiting.append(chain)
        self._begin()

    async def read_after(self, seq: int) -> AsyncIterator[JournalRow]:
        while page := self._disk.connection.execute(SELECT_PAGE, (seq, PAGE_ROWS)).fetchall():
            for row in page:
                yield decode_row(row)
            seq = page[-1][0]
            await asyncio.sleep(0)

    async def read_records(self, space: str) -> Sequence[Record]:
        await asyncio.sleep(self._disk.delay_s(READ_MS_MAX))
        found = self._disk.connection.execute(SELECT_RECORDS, (space,)).fetchall()
        return [Record(space=space, owner=owner, key=key, body=body) for owner, key, body in found]

    async def close(self) -> None:
        """Store what is queued and tell its outcomes."""
        self._is_closed = True
        if not self.is_dead:
            await self._idle.wait()

    def _begin(self) -> None:
        if not self._is_busy:
            self._is_busy = True
            self._idle.clear()
            self._loop.call_later(self._disk.delay_s(self._disk.commit_ms_max), self._write)

    def _write(self) -> None:
        if self.is_dead:
            return
        batch: list[tuple[Unit, OnDone]] = []
        while self._waiting and not isinstance(self._waiting[0], str):
            batch.append(self._waiting.popleft())  # type: ignore[arg-type]
        if batch:
            outcomes = self._store.store([unit for unit, _ in batch])
            self._untold.extend((on_done, outcome) for (_, on_done), outcome in zip(batch, outcomes, strict=True))
        while self._waiting and isinstance(self._waiting[0], str):
            self._store.reopen(str(self._waiting.popleft()))
        self._loop.call_later(self._disk.delay_s(self._disk.commit_ms_max), self._tell)

    def _tell(self) -> None:
        try:
            while self._untold and not self.is_dead:
                on_done, outcome = self._untold.popleft()
                on_done(outcome)
        finally:
            # A callback that raises is the loop's news; those behind it are still told, and still in order.
            if self.is_dead:
                self._untold.clear()
            elif self._untold:
                self._loop.call_soon(self._tell)
            else:
                self._is_busy = False
                if self._waiting:
                    self._begin()
                else:
                    self._idle.set()


class DiskSession(Session):
    """A session of the product that asks the disk on the loop."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        """Join a connection."""
        self._sync = connection
        self.tenant = tenant

    async def execute(self, statement: Executable, rows: Rows | None = None) -> CursorResult[Any]:
        return self._sync.execute(statement, rows)


class DiskStore(Store):
    """The product's sessions, tenant guard and all, without a driver's thread."""

    def __init__(self, disk: Disk) -> None:
        """Read this disk."""
        self._disk = disk

    async def close(self) -> None:
        """Leave the disk as it is."""

    @asynccontextmanager
    async def _open(self, tenant: str, *, writes: bool) -> AsyncIterator[Session]:
        await asyncio.sleep(self._disk.delay_s(READ_MS_MAX))
        with self._disk.engine.connect() as connection:
            connection.execution_options(**{engines.TENANT: tenant, engines.WRITES: writes})
            yield DiskSession(connection, tenant)
        # What was read may be old before anybody acts on it.
        await asyncio.sleep(self._disk.delay_s(READ_MS_MAX))
