"""What PostgreSQL and MariaDB have in common for us: how they are reached, who owns one, how long anything may take."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol, Self

from fairlead.ports import Clock
from fairlead.store.databases.contract import FaultKinds, OwnerLock, SecondOwnerError
from fairlead.store.urls import describe_database, sync_url

CONNECT_S_MAX: Final = 10
STATEMENT_S_MAX: Final = 30
"""A statement that takes longer is given up; so is waiting for an answer."""
LOCK_WAIT_S_MAX: Final = 10
PING_EVERY_S: Final = 10.0
SESSION_IDLE_S_MAX: Final = 120
"""A session that is silent for so long has lost its client, and what it held is free again."""
OWNER_WAIT_S_MAX: Final = 3.0
"""How long a new owner waits for the session of one that has just ended."""
OWNER_POLL_S: Final = 0.05
CLIENT_NAME_LENGTH_MAX: Final = 63
# Without the first, MariaDB cuts a text that is too long; without the second, an UPDATE that moves one column into
# another reads what it has just written.
MARIADB_MODE: Final = "STRICT_ALL_TABLES,SIMULTANEOUS_ASSIGNMENT,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"


class UnfitServerError(RuntimeError):
    """The server would not keep what it confirms, or is too old, or is another product."""


class DatabaseInUseError(RuntimeError):
    """Another process owns the journal in this database."""


class ConnectionLostError(Exception):
    """The connection is gone; another try may help."""


class Holder(NamedTuple):
    """Who owns the journal: the number of the session, and what the administrator sees of it."""

    session: int
    name: str


class Statements(NamedTuple):
    """SQL of one kind of server. Those that take many rows are run by ``ServerSession.run_many``."""

    insert_all: dict[str, str]
    insert_rows: str
    upsert_heads: str
    upsert_states: dict[str, str]
    upsert_records: str
    delete_records: str
    lock_heads: str
    find_key: str
    select_page: str
    select_records: str
    select_all: dict[str, str]


class ServerSession(Protocol):
    """One connection to a server, by its own driver; commits by itself unless a transaction was begun."""

    @property
    def statements(self) -> Statements:
        """Its SQL."""
        ...

    @property
    def faults(self) -> FaultKinds:
        """What its driver raises."""
        ...

    @property
    def number(self) -> int:
        """How the server numbers it."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it has not ended, as far as we know."""
        ...

    def run(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and read all its rows."""
        ...

    def run_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement for many rows."""
        ...

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Run a query and read its rows a few at a time; one after the other, and inside a transaction."""
        ...

    def begin_snapshot(self) -> None:
        """Begin a transaction that reads one moment."""
        ...

    def take_ownership(self) -> Holder | None:
        """Become the owner of the journal until the session ends; or tell who is."""
        ...

    def end_session(self, number: int) -> None:
        """End another session of ours."""
        ...

    def is_seq_taken(self, error: Exception) -> bool:
        """Whether a clash is one of the number of a row."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class OpenSession(Protocol):
    """Connects, checks that the server is fit, and returns the session."""

    def __call__(self, url: str) -> ServerSession:
        """Connect.

        Raises:
            UnfitServerError: it would not keep what it confirms.
            Exception: one of the driver's passing faults.
        """
        ...


class ServerOwner:
    """Owns the journal of a server database, by a lock that its session holds (contract.OwnerLock).

    The lock is the writer's own session, so that no row can be written without it, and so that nothing of a session
    that was lost is still under way once the lock is taken again.
    """

    def __init__(self, url: str, open_session: OpenSession, clock: Clock, beside: OwnerLock | None = None) -> None:
        """Connect and become the owner; ``beside`` is another lock that is released together with this one.

        Raises:
            DatabaseInUseError: somebody else is.
            UnfitServerError: the server would not keep what it confirms.
            Exception: one of the driver's passing faults.
        """
        self._url = url
        self._open = open_session
        self._clock = clock
        self._beside = beside
        self.session = open_session(url)
        holder = self._take(OWNER_WAIT_S_MAX)
        if holder is not None:
            self.session.close()
            message = f"the database {describe_database(url)} is in use by {holder.name}"
            raise DatabaseInUseError(f"{message}; stop it, or use another database")

    def __enter__(self) -> Self:
        """Go on owning it."""
        return self

    def __exit__(self, kind: object, error: object, traceback: object, /) -> None:
        """Release it."""
        self.release()

    def release(self) -> None:
        """Let others own it."""
        self.session.close()
        if self._beside is not None:
            self._beside.release()

    def reconnect(self) -> None:
        """Connect again and be the owner again.

        Raises:
            SecondOwnerError: somebody else became the owner meanwhile.
            Exception: one of the driver's passing faults.
        """
        before = self.session.number
        self.session.close()
        self.session = self._open(self._url)
        holder = self._take(0.0)
        if holder is not None and holder.session == before:
            # Our own session, whose connection was lost on the way here: what it still does must have ended first.
            self.session.end_session(before)
            holder = self._take(OWNER_WAIT_S_MAX)
        if holder is not None:
            self.session.close()
            if holder.session == before:
                raise ConnectionLostError(f"session {before} of ours does not end")
            message = f"while the connection was lost, {holder.name} became the owner of the journal"
            raise SecondOwnerError(message)

    def _take(self, wait_s: float) -> Holder | None:
        until_s = self._clock.monotonic_s() + wait_s
        while True:
            holder = self.session.take_ownership()
            if holder is None or self._clock.monotonic_s() >= until_s:
                return holder
            threading.Event().wait(OWNER_POLL_S)


def connect_arguments(url: str) -> dict[str, Any]:
    """What the driver's ``connect`` takes to reach the database of a URL."""
    parsed = sync_url(url)
    _, arguments = parsed.get_dialect()().create_connect_args(parsed)
    return dict(arguments)


def client_name() -> str:
    """How the administrator of a server sees us."""
    return f"fairlead {os.getpid()} on {socket.gethostname()}"[:CLIENT_NAME_LENGTH_MAX]
