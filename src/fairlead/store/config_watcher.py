"""Notice, cheaply, that somebody changed what is configured: another process too, such as the command line."""

from __future__ import annotations

import threading
from typing import Final

from fairlead.store.databases.opening import open_server_reader
from fairlead.store.databases.server_database import ServerReader
from fairlead.store.sqlite_file import open_reader
from fairlead.store.urls import DatabaseKind, database_kind, sqlite_path

POLL_S: Final = 0.25
"""How often a server is asked, in seconds: a question over the network takes too long to be asked on the event loop."""
_SELECT_VERSION: Final = "SELECT version FROM config_version"


class ConfigWatcher:
    """Answers one small question at once (about 10 us); use it from one thread."""

    # PRAGMA data_version would also count every commit of the journal, so config changes have a counter of their own.
    def __init__(self, url: str) -> None:
        """Start from what is configured now.

        Raises:
            UnsupportedDatabaseError: not a database for us.
            Exception: what the driver says when the database is not there, or was not migrated.
        """
        is_file = database_kind(url) is DatabaseKind.SQLITE
        self._source = _FileVersion(url) if is_file else _ServerVersion(open_server_reader(url))
        self._version = self._source.read()

    def changed(self) -> bool:
        """Tell whether anything was changed since the last call that said yes, or since the start.

        Raises:
            sqlite3.Error: the disk refused.
        """
        before, self._version = self._version, self._source.read()
        return self._version != before

    def close(self) -> None:
        """Let go of the database."""
        self._source.close()


class _FileVersion:
    """Asks SQLite each time."""

    def __init__(self, url: str) -> None:
        self._connection = open_reader(sqlite_path(url))

    def read(self) -> int:
        row: tuple[int] = self._connection.execute(_SELECT_VERSION).fetchone()
        return row[0]

    def close(self) -> None:
        self._connection.close()


class _ServerVersion:
    """Asks a server now and then, in a thread of its own; while it is away, nothing changes."""

    def __init__(self, reader: ServerReader) -> None:
        self._reader = reader
        self._version = reader.read_number(_SELECT_VERSION)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="config-watcher", daemon=True)
        self._thread.start()

    def read(self) -> int:
        return self._version

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._reader.close()

    def _follow(self) -> None:
        while not self._ending.wait(POLL_S):
            try:
                self._version = self._reader.read_number(_SELECT_VERSION)
            except self._reader.faults.passing:
                continue
