"""Notice, cheaply, that somebody changed what is configured: another process too, such as the command line."""

from __future__ import annotations

from typing import Final

from fairlead.store.sqlite_file import open_reader
from fairlead.store.urls import sqlite_path

_SELECT_VERSION: Final = "SELECT version FROM config_version"


class ConfigWatcher:
    """Holds a connection for one small question (about 10 us); use it from one thread."""

    # PRAGMA data_version would also count every commit of the journal, so config changes have a counter of their own.
    def __init__(self, url: str) -> None:
        """Start from what is configured now.

        Raises:
            sqlite3.Error: the database is not there, or was not migrated.
        """
        self._connection = open_reader(sqlite_path(url))
        self._version = self._read()

    def changed(self) -> bool:
        """Tell whether anything was changed since the last call that said yes, or since the start.

        Raises:
            sqlite3.Error: the disk refused.
        """
        before, self._version = self._version, self._read()
        return self._version != before

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _read(self) -> int:
        row: tuple[int] = self._connection.execute(_SELECT_VERSION).fetchone()
        return row[0]
