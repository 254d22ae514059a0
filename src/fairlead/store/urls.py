"""Which database a URL means, and the driver each reader of it needs."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url

SQLITE = "sqlite"


class UnsupportedDatabaseError(ValueError):
    """The URL names a database that Fairlead cannot keep its journal in."""


def sqlite_path(url: str) -> Path:
    """Find the file behind a SQLite URL.

    Raises:
        UnsupportedDatabaseError: another database, or one that lives in memory only.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != SQLITE:
        message = f"database {parsed.get_backend_name()} is not supported; use sqlite:///path/to/file"
        raise UnsupportedDatabaseError(message)
    if not parsed.database or parsed.database == ":memory:":
        message = "the journal must outlive the process; use sqlite:///path/to/file"
        raise UnsupportedDatabaseError(message)
    return Path(parsed.database)


def async_url(url: str) -> URL:
    """Name the driver for code that runs on the event loop."""
    return URL.create("sqlite+aiosqlite", database=str(sqlite_path(url)))


def sync_url(url: str) -> URL:
    """Name the driver for code that may block (migrations)."""
    return URL.create("sqlite+pysqlite", database=str(sqlite_path(url)))
