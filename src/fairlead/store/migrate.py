"""Bring a database to the newest layout, from inside the installed package."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from fairlead.store.folder_lock import FolderLock
from fairlead.store.sqlite_file import make_private_file, set_pragmas
from fairlead.store.urls import sqlite_path, sync_url

_SCRIPTS: Final = Path(__file__).parent / "migrations"


class NewerDatabaseError(RuntimeError):
    """The database was brought to a layout that this version does not know."""


def migrate(url: str, lock: FolderLock | None = None) -> list[str]:
    """Apply what is missing and return the revisions applied; blocks.

    The layout is changed under the folder's lock only, never beneath a server; ``lock`` is it when the caller has it.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        NewerDatabaseError: a newer version was here.
        FolderInUseError: something is missing, and another process has the folder.
        sqlalchemy.exc.DBAPIError: the database refused.
    """
    path = sqlite_path(url)
    make_private_file(path)
    if not pending(url):
        return []
    with ExitStack() as stack:
        if lock is None:
            stack.enter_context(FolderLock(path.parent))
        return _upgrade(url)


def _upgrade(url: str) -> list[str]:
    # Looked up again: before the folder was ours, another process may have done the same.
    missing = pending(url)
    if missing:
        config = _config()
        with _connect(url) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return missing


def pending(url: str) -> list[str]:
    """Revisions that the database does not have yet, oldest first; all of them when there is no database.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        NewerDatabaseError: a newer version was here.
        sqlalchemy.exc.DBAPIError, sqlite3.Error: the database refused.
    """
    current: str | None = None
    if sqlite_path(url).exists():
        with _connect(url) as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    known = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]
    if current is None:
        return known
    if current not in known:
        message = f"the database {sqlite_path(url)} has the layout {current} of a newer version of Fairlead"
        raise NewerDatabaseError(message)
    return known[known.index(current) + 1 :]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def _connect(url: str) -> Connection:
    engine = create_engine(sync_url(url), poolclass=NullPool)
    event.listen(engine, "connect", lambda connection, _: set_pragmas(connection))
    return engine.connect()
