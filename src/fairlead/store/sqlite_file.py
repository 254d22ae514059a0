"""Open a SQLite file the one way we use it: private, write-ahead log, every commit on disk."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from fairlead.store.private_files import FILE_MODE, make_private_folder, open_private_file

BUSY_TIMEOUT_MS: Final = 10_000
LOG_PAGES_MAX: Final = 4_000
"""16 MiB: so much of the log is gathered before its pages are copied into the file, each but once."""
WRITER_CACHE_KIB: Final = 32 * 1_024
"""A commit that does not fit into the cache is written to the log in parts, and some pages twice."""
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA wal_autocheckpoint={LOG_PAGES_MAX}",
    "PRAGMA foreign_keys=ON",
)


_SIDE_FILES: Final = ("-wal", "-shm", "-journal")


def make_private_file(path: Path) -> None:
    """Create the file and its folder, readable by their owner only; SQLite gives its side files the same mode.

    Raises:
        NotPrivateError: others may write in its folder.
        OSError: it cannot be made.
    """
    make_private_folder(path.parent)
    try:
        os.close(open_private_file(path, os.O_RDWR | os.O_EXCL))
    except FileExistsError:
        # Never open and close a database that may be in use: closing any descriptor of a file gives up all locks that
        # this process holds on it, and then another process takes itself for the last one and deletes the log.
        path.chmod(FILE_MODE)
        for end in _SIDE_FILES:
            with suppress(FileNotFoundError):
                path.with_name(path.name + end).chmod(FILE_MODE)


class FilePlace:
    """Notices that an open database was deleted or moved: SQLite goes on writing to files that nobody finds again."""

    def __init__(self, path: Path) -> None:
        """Begin with a file that is open."""
        self._paths = (path, path.with_name(f"{path.name}-wal"))
        self._known: dict[Path, tuple[int, int]] = {}

    def check(self) -> None:
        """Compare what stands at the path with what stood there first; the log appears with the first transaction.

        Raises:
            sqlite3.OperationalError: it is another file, or none.
        """
        for path in self._paths:
            try:
                found = path.stat()
            except FileNotFoundError:
                if path not in self._known:
                    continue
                raise sqlite3.OperationalError(f"the file {path.name} is gone") from None
            except OSError as error:
                raise sqlite3.OperationalError(f"the file {path.name} cannot be seen: {error.strerror}") from error
            if self._known.setdefault(path, (found.st_dev, found.st_ino)) != (found.st_dev, found.st_ino):
                raise sqlite3.OperationalError(f"the file {path.name} is another one")


def set_pragmas(connection: sqlite3.Connection) -> None:
    """Prepare a connection that may write."""
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def open_writer(path: Path) -> sqlite3.Connection:
    """Open for writing; transactions are begun and ended by hand.

    Raises:
        sqlite3.Error: the file cannot be opened or is not a database.
    """
    make_private_file(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    set_pragmas(connection)
    connection.execute(f"PRAGMA cache_size=-{WRITER_CACHE_KIB}").close()
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open for reading only; each statement is its own short transaction.

    Raises:
        sqlite3.Error: the file is not there, or not a database.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}").close()
    return connection
