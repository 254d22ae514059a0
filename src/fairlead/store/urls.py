"""Which database a URL means, and the driver each reader of it needs."""

from __future__ import annotations

from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

SQLITE: Final = "sqlite"


class DatabaseKind(StrEnum):
    """What can keep a journal; the names are those of SQLAlchemy's dialects."""

    SQLITE = SQLITE
    POSTGRESQL = "postgresql"
    MARIADB = "mariadb"


_SCHEMES: Final = {
    SQLITE: DatabaseKind.SQLITE,
    "postgresql": DatabaseKind.POSTGRESQL,
    "postgres": DatabaseKind.POSTGRESQL,
    "mariadb": DatabaseKind.MARIADB,
    "mysql": DatabaseKind.MARIADB,
}
_ASYNC_DRIVERS: Final = {
    DatabaseKind.SQLITE: "aiosqlite",
    DatabaseKind.POSTGRESQL: "psycopg",
    DatabaseKind.MARIADB: "asyncmy",
}
_SYNC_DRIVERS: Final = {
    DatabaseKind.SQLITE: "pysqlite",
    DatabaseKind.POSTGRESQL: "psycopg",
    DatabaseKind.MARIADB: "pymysql",
}
# The modules of the drivers, and the extra of ours that installs them.
_NEEDS: Final = {
    DatabaseKind.SQLITE: ((), ""),
    DatabaseKind.POSTGRESQL: (("psycopg",), "postgresql"),
    DatabaseKind.MARIADB: (("pymysql", "asyncmy"), "mysql"),
}
_USE: Final = "use sqlite:///path/to/file, postgresql://USER:PASSWORD@HOST/DATABASE or mariadb://..."


class UnsupportedDatabaseError(ValueError):
    """The URL names a database that Fairlead cannot keep its journal in, or not without more being installed."""


def database_kind(url: str) -> DatabaseKind:
    """Which kind of database a URL names.

    Raises:
        UnsupportedDatabaseError: none that we know, or its driver is not installed.
    """
    kind = _kind_of(_parse(url))
    modules, extra = _NEEDS[kind]
    if not all(map(find_spec, modules)):
        message = f"the driver for {kind} is not installed: pip install 'fairlead[{extra}]'"
        raise UnsupportedDatabaseError(message)
    return kind


def sqlite_path(url: str) -> Path:
    """Find the file behind a SQLite URL.

    Raises:
        UnsupportedDatabaseError: another database, or one that lives in memory only.
    """
    parsed = _parse(url)
    if _kind_of(parsed) is not DatabaseKind.SQLITE:
        message = f"{parsed.get_backend_name()} is not SQLite; here only sqlite:///path/to/file will do"
        raise UnsupportedDatabaseError(message)
    if not parsed.database or parsed.database == ":memory:":
        message = "the journal must outlive the process; use sqlite:///path/to/file"
        raise UnsupportedDatabaseError(message)
    return Path(parsed.database)


def async_url(url: str) -> URL:
    """Name the driver for code that runs on the event loop.

    Raises:
        UnsupportedDatabaseError: not a database for us.
    """
    return _with_driver(url, _ASYNC_DRIVERS[database_kind(url)])


def sync_url(url: str) -> URL:
    """Name the driver for code that may block (the journal's writer, migrations).

    Raises:
        UnsupportedDatabaseError: not a database for us.
    """
    return _with_driver(url, _SYNC_DRIVERS[database_kind(url)])


def describe_database(url: str) -> str:
    """Say which database it is, for people, without any password."""
    parsed = _parse(url)
    if _kind_of(parsed) is DatabaseKind.SQLITE:
        return str(sqlite_path(url))
    port = f":{parsed.port}" if parsed.port else ""
    return f"{parsed.database} at {parsed.host or 'localhost'}{port}"


def _with_driver(url: str, driver: str) -> URL:
    kind = database_kind(url)
    if kind is DatabaseKind.SQLITE:
        return URL.create(f"{kind}+{driver}", database=str(sqlite_path(url)))
    parsed = _parse(url)
    if not parsed.database:
        message = f"the URL names no database: {_USE}"
        raise UnsupportedDatabaseError(message)
    return parsed.set(drivername=f"{kind}+{driver}")


def _parse(url: str) -> URL:
    if url.partition("?")[0].count("@") > 1:
        # Half of the password would be taken for a host, looked up and shown.
        message = "the URL of the database holds more than one @: write that of a password as %40"
        raise UnsupportedDatabaseError(message)
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        # What could not be read may hold a password, so it is not repeated.
        message = f"that is not the URL of a database: {_USE}"
        raise UnsupportedDatabaseError(message) from error


def _kind_of(parsed: URL) -> DatabaseKind:
    name = parsed.get_backend_name()
    if name not in _SCHEMES:
        message = f"database {name} is not supported; {_USE}"
        raise UnsupportedDatabaseError(message)
    return _SCHEMES[name]
