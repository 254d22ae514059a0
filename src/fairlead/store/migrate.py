"""Bring a database to the newest layout, from inside the installed package."""

from __future__ import annotations

from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from sqlalchemy import Connection, column, create_engine, event, inspect, select, table
from sqlalchemy.pool import NullPool

from fairlead.store.databases.contract import OwnerLock
from fairlead.store.databases.opening import take_ownership
from fairlead.store.sqlite_file import make_private_file, set_pragmas
from fairlead.store.urls import DatabaseKind, database_kind, describe_database, sqlite_path, sync_url

UNFINISHED_COPY: Final = "unfinished copy"
"""Stands where the revision stands, so that whoever asks for the layout, and everybody does, gets no further."""
LAYOUT_TABLE: Final = "alembic_version"
"""Holds one row: the revision that was applied last."""
_STEPS: Final = Path(__file__).parent / "migrations" / "versions"


class NewerDatabaseError(RuntimeError):
    """The database was brought to a layout that this version does not know."""


class UnfinishedCopyError(RuntimeError):
    """The database holds a part of another one: nothing may be served or read from it."""


def migrate(url: str, lock: OwnerLock | None = None) -> list[str]:
    """Apply what is missing and return the revisions applied; blocks.

    The layout is changed by the owner of the database only, never beneath a running process; ``lock`` is the ownership
    when the caller has it.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        NewerDatabaseError: a newer version was here.
        UnfinishedCopyError: somebody began to copy another database into this one.
        FolderInUseError, DatabaseInUseError: something is missing, and another process has the database.
        sqlalchemy.exc.DBAPIError: the database refused.
    """
    if database_kind(url) is DatabaseKind.SQLITE:
        make_private_file(sqlite_path(url))
    if not pending(url):
        return []
    with ExitStack() as stack:
        if lock is None:
            stack.enter_context(take_ownership(url))
        return _upgrade(url)


def _upgrade(url: str) -> list[str]:
    # Looked up again: before the database was ours, another process may have done the same.
    missing = pending(url)
    if missing:
        # Nearly every start finds nothing to do, and Alembic is a sixth of what a start would load.
        upgrading: ModuleType = import_module("fairlead.store.upgrading")
        with connect(url) as connection:
            upgrading.upgrade(connection)
    return missing


def pending(url: str) -> list[str]:
    """Revisions that the database does not have yet, oldest first; all of them when there is no database.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        NewerDatabaseError: a newer version was here.
        UnfinishedCopyError: somebody began to copy another database into this one.
        sqlalchemy.exc.DBAPIError, sqlite3.Error: the database refused.
    """
    current: str | None = None
    if database_kind(url) is not DatabaseKind.SQLITE or sqlite_path(url).exists():
        with connect(url) as connection:
            current = read_revision(connection)
    if current == UNFINISHED_COPY:
        message = f"the database {describe_database(url)} holds a copy that was not finished"
        raise UnfinishedCopyError(f"{message}: empty it, or run fairlead db copy once more with --again")
    known = list_revisions()
    if current is None:
        return known
    if current not in known:
        message = f"the database {describe_database(url)} has the layout {current} of a newer version of Fairlead"
        raise NewerDatabaseError(message)
    return known[known.index(current) + 1 :]


def list_revisions() -> list[str]:
    """Every revision that this version knows, oldest first, by the names of the steps' files."""
    return sorted(step.name[1:].partition("_")[0] for step in _STEPS.glob("r*_*.py"))


def read_revision(connection: Connection) -> str | None:
    """The revision that was applied last; None when the database has no layout.

    Raises:
        sqlalchemy.exc.DBAPIError: the database refused.
    """
    if not inspect(connection).has_table(LAYOUT_TABLE):
        return None
    revision: str | None = connection.scalar(select(column("version_num")).select_from(table(LAYOUT_TABLE)))
    return revision


def connect(url: str) -> Connection:
    """Connect as the migrations do; the engine ends with the connection.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        sqlalchemy.exc.DBAPIError: the database refused.
    """
    engine = create_engine(sync_url(url), poolclass=NullPool)
    if database_kind(url) is DatabaseKind.SQLITE:
        event.listen(engine, "connect", lambda connection, _: set_pragmas(connection))
    return engine.connect()
