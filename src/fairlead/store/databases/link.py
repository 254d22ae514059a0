"""Keeps one database connection alive: notices that it is lost, and connects again at a named pace."""

from __future__ import annotations

from typing import Final

from fairlead.ports import Clock
from fairlead.store.databases.contract import JournalDatabase

RETRY_S_MIN: Final = 0.05
RETRY_S_MAX: Final = 5.0
RETRY_GROWTH: Final = 2.0


class DatabaseLink:
    """Used by the writer's thread; others may read ``trouble``."""

    def __init__(self, database: JournalDatabase, clock: Clock) -> None:
        """Begin with a connection that works."""
        self.trouble = ""
        """Why nothing can be stored now; empty while the connection works."""
        self._database = database
        self._clock = clock
        self._retry_s = RETRY_S_MIN
        self._next_try_s = 0.0

    @property
    def patience_s(self) -> float | None:
        """How long the writer may wait for work before ``tend`` is due, in seconds; None means for ever."""
        if self.trouble:
            return max(0.0, self._next_try_s - self._clock.monotonic_s())
        return self._database.ping_every_s

    def tend(self) -> bool:
        """Try the connection, or connect again when it is time for that; tells whether it works.

        Raises:
            SecondOwnerError: somebody else owns the journal now.
        """
        if self.trouble and self._clock.monotonic_s() < self._next_try_s:
            return False
        try:
            if self.trouble:
                self._database.reconnect()
            else:
                self._database.ping()
        except self._database.faults.passing as error:
            self.lose(error)
            return False
        self.trouble = ""
        self._retry_s = RETRY_S_MIN
        return True

    def lose(self, error: Exception) -> None:
        """Take note that the connection does not work, and why."""
        if self.trouble:
            self._retry_s = min(self._retry_s * RETRY_GROWTH, RETRY_S_MAX)
        self.trouble = f"the database cannot be used: {first_line(error)}"
        self._next_try_s = self._clock.monotonic_s() + self._retry_s


def first_line(error: BaseException) -> str:
    """What a driver says, without the statement and the hints that may follow."""
    return next(iter(str(error).splitlines()), type(error).__name__)
