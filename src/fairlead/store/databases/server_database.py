"""The journal in a database server, over a session of its own driver."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Table

from fairlead.core.model.state import State
from fairlead.ports import Record
from fairlead.store.databases.contract import CommitDoubtError, FaultKinds, SecondOwnerError
from fairlead.store.databases.latest import latest_records, latest_states
from fairlead.store.databases.server import PING_EVERY_S, OpenSession, ServerOwner, ServerSession
from fairlead.store.rows import Draft, StoredRow, Tip, make_tip

SELECT_LAST: Final = "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1"
SELECT_HEADS: Final = "SELECT stream, version FROM heads"

T = TypeVar("T")


class ServerDatabase:
    """The session of the one writer (contract.JournalDatabase)."""

    ping_every_s = PING_EVERY_S

    def __init__(self, owner: ServerOwner) -> None:
        """Write in the session that owns the journal."""
        self._owner = owner

    @property
    def faults(self) -> FaultKinds:
        """What the driver raises, and who is to blame."""
        return self._session.faults

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended."""
        return not self._session.is_open

    @property
    def _session(self) -> ServerSession:
        return self._owner.session

    def ping(self) -> None:
        """Try the connection."""
        self._session.run("SELECT 1")

    def reconnect(self) -> None:
        """Connect again and be the owner again."""
        self._owner.reconnect()

    def close(self) -> None:
        """End the connection, and with it the ownership."""
        self._owner.release()

    def read_tip(self) -> Tip:
        """Find where the journal ends."""
        last = [(seq, digest) for seq, digest in self._session.run(SELECT_LAST)]
        heads = [(stream, version) for stream, version in self._session.run(SELECT_HEADS)]
        return make_tip(last[0] if last else None, heads)

    def begin(self) -> None:
        """Begin a transaction."""
        self._session.run("BEGIN")

    def commit(self) -> None:
        """Make the transaction durable."""
        try:
            self._session.run("COMMIT")
        except self.faults.passing as error:
            raise CommitDoubtError(str(error)) from error

    def roll_back(self) -> None:
        """Undo the transaction, if there is one."""
        try:
            self._session.run("ROLLBACK")
        except self.faults.passing:
            # A connection that cannot even do that is of no use; the server undoes what it began.
            self._session.close()

    def set_savepoint(self) -> None:
        """Begin one unit."""
        self._session.run("SAVEPOINT unit")

    def release_savepoint(self) -> None:
        """Keep the unit."""
        self._session.run("RELEASE SAVEPOINT unit")

    def undo_savepoint(self) -> None:
        """Undo the unit."""
        self._session.run("ROLLBACK TO SAVEPOINT unit")
        self._session.run("RELEASE SAVEPOINT unit")

    def insert_rows(self, rows: Sequence[StoredRow]) -> None:
        """Append journal rows."""
        _save(self._session, self._session.statements.insert_rows, rows)

    def move_heads(self, draft: Draft) -> None:
        """Write down the new version of every touched stream."""
        expected = {stream: before for _, stream, before in draft.moved_streams()}
        if not draft.versions:
            return
        found = dict(self._session.run(self._session.statements.lock_heads, (list(draft.versions),)))
        if found != expected:
            moved = [stream for stream in draft.versions if found.get(stream) != expected.get(stream)]
            message = f"{len(moved)} of {len(draft.versions)} streams were moved by another process, {moved[0]} first"
            raise SecondOwnerError(message)
        _save(self._session, self._session.statements.upsert_heads, list(draft.versions.items()))

    def save_states(self, states: Iterable[State]) -> None:
        """Bring the projections up to date."""
        for table, rows in latest_states(states).items():
            _save(self._session, self._session.statements.upsert_states[table], rows)

    def save_records(self, records: Iterable[Record]) -> None:
        """Keep or delete records."""
        kept, dropped = latest_records(records)
        _save(self._session, self._session.statements.upsert_records, kept)
        _save(self._session, self._session.statements.delete_records, dropped)

    def has_key(self, tenant: str, kind: str, key: str) -> bool:
        """Whether a fact with this key is stored."""
        return bool(self._session.run(self._session.statements.find_key, (tenant, kind, key)))

    def is_seq_taken(self, error: Exception) -> bool:
        """Whether a clash is one of the number of a row."""
        return self._session.is_seq_taken(error)


class ServerReader:
    """A session that reads (contract.JournalReader); a lost one is replaced once for each question."""

    def __init__(self, url: str, open_session: OpenSession) -> None:
        """Connect."""
        self._url = url
        self._open = open_session
        self._session = open_session(url)

    @property
    def faults(self) -> FaultKinds:
        """What the driver raises."""
        return self._session.faults

    def read_number(self, sql: str) -> int:
        """The one number that a query gives."""
        ((number,),) = self._ask(lambda session: session.run(sql))
        return int(number)

    def read_page(self, after_seq: int, rows_max: int) -> list[StoredRow]:
        """Journal rows with a greater seq, in order."""
        rows = self._ask(lambda session: session.run(session.statements.select_page, (after_seq, rows_max)))
        return [_as_stored(row) for row in rows]

    def read_records(self, space: str) -> list[tuple[str, str, bytes]]:
        """Owner, key and body of every record of a space."""
        rows = self._ask(lambda session: session.run(session.statements.select_records, (space,)))
        return [(owner, key, body) for owner, key, body in rows]

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def _ask(self, question: Callable[[ServerSession], T]) -> T:
        try:
            return question(self._session)
        except self._session.faults.passing:
            self._session.close()
            self._session = self._open(self._url)
            return question(self._session)


class ServerSnapshot(ServerReader):
    """A session that reads one moment of the database (contract.SnapshotReader)."""

    def __init__(self, url: str, open_session: OpenSession) -> None:
        """Connect, and choose the moment."""
        super().__init__(url, open_session)
        self._session.begin_snapshot()

    def stream(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Every row of a table in the order of its key."""
        return self._session.stream(self._session.statements.select_all[table.name])

    def _ask(self, question: Callable[[ServerSession], T]) -> T:
        # Another session would see another moment.
        return question(self._session)


def _save(session: ServerSession, sql: str, rows: Sequence[Sequence[object]]) -> None:
    if rows:
        session.run_many(sql, rows)


def _as_stored(row: tuple[Any, ...]) -> StoredRow:
    seq, tenant, stream, version, kind, key, cause, at_ms, body, digest = row
    return seq, tenant, stream, version, kind, key, cause, at_ms, body, digest
