"""Opens the database that a URL means; a server's driver is imported only when it is asked for."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from fairlead.clock import SystemClock
from fairlead.store.databases.contract import (
    FaultKinds,
    Faults,
    JournalDatabase,
    JournalReader,
    OwnerLock,
    SnapshotReader,
)
from fairlead.store.databases.server import OpenSession, ServerOwner
from fairlead.store.databases.server_database import ServerDatabase, ServerReader, ServerSnapshot
from fairlead.store.databases.sqlite import SqliteDatabase, SqliteReader, SqliteSnapshot
from fairlead.store.folder_lock import FolderLock
from fairlead.store.sqlite_file import open_writer
from fairlead.store.urls import DatabaseKind, database_kind, sqlite_path


class SessionModule(Protocol):
    """What the module of a kind of server has."""

    SESSION: SessionClass


class SessionClass(OpenSession, Protocol):
    """Opens sessions, and knows what their driver raises."""

    faults: FaultKinds


def take_ownership(url: str, folder: Path | None = None) -> OwnerLock:
    """Become the only process that appends to the journal or changes its layout.

    A SQLite database is owned by its folder's lock. A server's is owned by a lock there, and ``folder`` names a data
    folder to be held together with it.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        FolderInUseError, DatabaseInUseError: another process is.
        UnfitServerError: the server would not keep what it confirms.
        OSError: the lock file cannot be written.
        Exception: one of the driver's passing faults.
    """
    kind = database_kind(url)
    if kind is DatabaseKind.SQLITE:
        return FolderLock(sqlite_path(url).parent)
    with ExitStack() as undo:
        beside = None if folder is None else undo.enter_context(FolderLock(folder))
        owner = ServerOwner(url, _session_of(kind), SystemClock(), beside)
        undo.pop_all()
    return owner


def driver_faults(url: str) -> Faults:
    """What the driver of a database raises when it cannot be used."""
    kind = database_kind(url)
    return (sqlite3.Error,) if kind is DatabaseKind.SQLITE else _module_of(kind).SESSION.faults.passing


def open_database(url: str, owner: OwnerLock) -> JournalDatabase:
    """Open the writer's connection; ``owner`` is what ``take_ownership`` gave.

    Raises:
        SecondOwnerError: the ownership was lost, and somebody else has it.
        Exception: one of the database's passing faults.
    """
    if not isinstance(owner, ServerOwner):
        return SqliteDatabase(open_writer(sqlite_path(url)))
    database = ServerDatabase(owner)
    try:
        database.ping()
    except database.faults.passing:
        # It rested for too long, while tables were changed.
        database.reconnect()
    return database


def open_reader(url: str) -> JournalReader:
    """Open a connection that reads.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        Exception: one of the driver's faults.
    """
    if database_kind(url) is DatabaseKind.SQLITE:
        return SqliteReader(sqlite_path(url))
    return open_server_reader(url)


def open_server_reader(url: str) -> ServerReader:
    """Open a connection to a server that reads.

    Raises:
        UnsupportedDatabaseError: not a server for us.
        Exception: one of the driver's faults.
    """
    return ServerReader(url, _session_of(database_kind(url)))


def open_snapshot(url: str) -> SnapshotReader:
    """Open a connection that reads one moment of the database.

    Raises:
        UnsupportedDatabaseError: not a database for us.
        Exception: one of the driver's faults.
    """
    kind = database_kind(url)
    return SqliteSnapshot(sqlite_path(url)) if kind is DatabaseKind.SQLITE else ServerSnapshot(url, _session_of(kind))


def _session_of(kind: DatabaseKind) -> OpenSession:
    return _module_of(kind).SESSION


def _module_of(kind: DatabaseKind) -> SessionModule:
    module: Any = import_module(f"fairlead.store.databases.{kind}")
    found: SessionModule = module
    return found
