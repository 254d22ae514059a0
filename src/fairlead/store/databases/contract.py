"""What the journal's writer and readers need of a database: one connection, used by one thread at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from sqlalchemy import Table

from fairlead.core.model.state import State
from fairlead.ports import Record
from fairlead.store.rows import Draft, StoredRow, Tip

Faults = tuple[type[Exception], ...]


class FaultKinds(NamedTuple):
    """``unit`` is what one unit can be guilty of, and ``clash`` those of it that say that something is there already.

    ``passing`` is true for all units, and perhaps not for ever: a full disk, a lock, a lost connection.
    """

    unit: Faults
    clash: Faults
    passing: Faults


class SecondOwnerError(RuntimeError):
    """Somebody else wrote to streams of ours: what we believe about them is wrong."""


class CommitDoubtError(RuntimeError):
    """The connection was lost while a transaction was being committed: it may be stored, and it may not."""


class OwnerLock(Protocol):
    """Whoever holds it is the only process that appends to this journal or changes its layout."""

    def __enter__(self) -> Self:
        """Go on holding it."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Release it."""
        ...

    def release(self) -> None:
        """Let others have it; once is enough, and twice does no harm."""
        ...


class JournalDatabase(Protocol):
    """A connection that writes. A transaction is begun and ended by hand; a fault leaves it to be rolled back."""

    @property
    def faults(self) -> FaultKinds:
        """What its driver raises, and who is to blame."""
        ...

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended, so that only ``reconnect`` helps."""
        ...

    @property
    def ping_every_s(self) -> float | None:
        """How often a connection that rests is tried, in seconds; None when it cannot be lost."""
        ...

    def ping(self) -> None:
        """Try the connection; raises a passing fault when it is lost."""
        ...

    def reconnect(self) -> None:
        """Connect again and be the owner again; nothing of the connection before is under way any more then.

        Raises:
            SecondOwnerError: somebody else became the owner meanwhile.
            Exception: one of the passing faults.
        """
        ...

    def close(self) -> None:
        """End the connection."""
        ...

    def read_tip(self) -> Tip:
        """Find where the journal ends.

        Raises:
            DamagedJournalError: the streams do not add up to the rows.
        """
        ...

    def begin(self) -> None:
        """Begin a transaction."""
        ...

    def commit(self) -> None:
        """Make the transaction durable.

        Raises:
            CommitDoubtError: nobody can tell whether it is.
        """
        ...

    def roll_back(self) -> None:
        """Undo the transaction, if there is one; never raises a passing fault."""
        ...

    def set_savepoint(self) -> None:
        """Begin one unit inside the transaction."""
        ...

    def release_savepoint(self) -> None:
        """Keep the unit."""
        ...

    def undo_savepoint(self) -> None:
        """Undo the unit."""
        ...

    def insert_rows(self, rows: Sequence[StoredRow]) -> None:
        """Append journal rows."""
        ...

    def move_heads(self, draft: Draft) -> None:
        """Write down the new version of every touched stream.

        Raises:
            SecondOwnerError: a stream on disk is not where we left it.
        """
        ...

    def save_states(self, states: Iterable[State]) -> None:
        """Bring the projections up to date; of several states of one thing only the last is written."""
        ...

    def save_records(self, records: Iterable[Record]) -> None:
        """Keep or delete records, the last word on each key winning."""
        ...

    def has_key(self, tenant: str, kind: str, key: str) -> bool:
        """Whether a fact with this key is stored."""
        ...

    def is_seq_taken(self, error: Exception) -> bool:
        """Whether a clash is one of the number of a row."""
        ...


class JournalReader(Protocol):
    """A connection that reads; each statement sees a moment of its own."""

    def read_page(self, after_seq: int, rows_max: int) -> list[StoredRow]:
        """Journal rows with a greater seq, in order."""
        ...

    def read_records(self, space: str) -> list[tuple[str, str, bytes]]:
        """Owner, key and body of every record of a space, by owner and key."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class SnapshotReader(JournalReader, Protocol):
    """A connection that reads one moment of the database, however long it takes."""

    def read_number(self, sql: str) -> int:
        """The one number that a query gives."""
        ...

    def stream(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Every row of a table in the order of its key, a few rows in memory at a time; one table at once."""
        ...
