"""Bring a database to the newest layout, from inside the installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from fairlead.store.sqlite_file import make_private_file, set_pragmas
from fairlead.store.urls import sqlite_path, sync_url

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def migrate(url: str) -> list[str]:
    """Apply what is missing and return the revisions applied; blocks. One process at a time may do this.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        sqlalchemy.exc.DBAPIError: the database refused.
    """
    make_private_file(sqlite_path(url))
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
    """
    current: str | None = None
    if sqlite_path(url).exists():
        with _connect(url) as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(_config())
    newest_first = scripts.iterate_revisions("head", current or "base")
    return [script.revision for script in newest_first][::-1]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def _connect(url: str) -> Connection:
    engine = create_engine(sync_url(url), poolclass=NullPool)
    event.listen(engine, "connect", lambda connection, _: set_pragmas(connection))
    return engine.connect()
