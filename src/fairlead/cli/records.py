"""How commands reach the database: brought up to date, opened for one piece of work, and closed again."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from fairlead.cli.config import load_settings
from fairlead.cli.options import Options
from fairlead.cli.output import EXIT_USAGE, StopError
from fairlead.settings import Settings

if TYPE_CHECKING:
    from fairlead.accounts.registry import AccountRegistry, GroupRegistry, HookRegistry, Refused, UserRegistry
    from fairlead.store.folder_lock import FolderLock
    from fairlead.store.session import Store

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything that people configure, over one open database."""

    store: Store
    users: UserRegistry
    accounts: AccountRegistry
    groups: GroupRegistry
    hooks: HookRegistry

    @classmethod
    def over(cls, store: Store) -> Self:
        """Join the registries of one database."""
        from fairlead.accounts.registry import AccountRegistry, GroupRegistry, HookRegistry, UserRegistry
        from fairlead.clock import SystemClock

        clock = SystemClock()
        return cls(
            store=store,
            users=UserRegistry(store, clock),
            accounts=AccountRegistry(store, clock),
            groups=GroupRegistry(store, clock),
            hooks=HookRegistry(store, clock),
        )


def ask_registry(options: Options, work: Callable[[Registry], Awaitable[ResultT | Refused]]) -> ResultT:
    """Do one piece of work on the database of the data folder.

    Raises:
        StopError: the work was refused, the settings are wrong, or the database cannot be used.
    """
    settings = load_settings(options)
    prepare_database(settings)
    return require(asyncio.run(ask_database(settings, work)))


async def ask_database(settings: Settings, work: Callable[[Registry], Awaitable[ResultT]]) -> ResultT:
    """Do one piece of work on a database that is up to date.

    Raises:
        StopError: the database refused.
    """
    from sqlalchemy.exc import DBAPIError

    from fairlead.store.session import Store

    store = Store(settings.store_url)
    try:
        return await work(Registry.over(store))
    except (DBAPIError, sqlite3.Error, OSError) as error:
        raise StopError(f"the database in {settings.data_dir} cannot be used: {error}") from error
    finally:
        await store.close()


def require(found: ResultT | Refused) -> ResultT:
    """Pass on a result, unless it is a refusal.

    Raises:
        StopError: with the sentence of the refusal.
    """
    from fairlead.accounts.registry import Refused

    if isinstance(found, Refused):
        raise StopError(found.message)
    return found


def take_folder(settings: Settings) -> FolderLock:
    """Hold the data folder: for commands that run a server, before they write or change anything in it.

    Raises:
        StopError: another process has it, or it cannot be used.
    """
    from fairlead.store.folder_lock import FolderInUseError, FolderLock
    from fairlead.store.urls import UnsupportedDatabaseError, sqlite_path

    try:
        return FolderLock(sqlite_path(settings.store_url).parent)
    except UnsupportedDatabaseError as error:
        raise StopError(str(error), EXIT_USAGE) from error
    except FolderInUseError as error:
        raise StopError(f"{error} with --data DIR") from error
    except OSError as error:
        raise StopError(f"the data folder {settings.data_dir} cannot be used: {error}", EXIT_USAGE) from error


def prepare_database(settings: Settings, lock: FolderLock | None = None) -> list[str]:
    """Make the data folder and the newest tables; returns what was applied.

    ``lock`` is the folder's when the command has it; without it tables are not changed beneath a running server.

    Raises:
        StopError: the folder or the database cannot be used.
    """
    from sqlalchemy.exc import DBAPIError

    from fairlead.store.folder_lock import FolderInUseError
    from fairlead.store.migrate import migrate
    from fairlead.store.urls import UnsupportedDatabaseError

    try:
        return migrate(settings.store_url, lock)
    except FolderInUseError as error:
        raise StopError(f"the tables must be brought to the newest layout first, but {error}") from error
    except UnsupportedDatabaseError as error:
        raise StopError(str(error), EXIT_USAGE) from error
    except (OSError, DBAPIError) as error:
        raise StopError(f"the database in {settings.data_dir} cannot be used: {error}", EXIT_USAGE) from error
