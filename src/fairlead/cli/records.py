"""How commands reach the database: brought up to date, opened for one piece of work, and closed again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from fairlead.cli.config import load_settings
from fairlead.cli.failures import database_failures_explained
from fairlead.cli.options import Options
from fairlead.cli.output import StopError, program_name

if TYPE_CHECKING:
    from fairlead.accounts.registry import (
        AccountRegistry,
        GroupRegistry,
        HookRegistry,
        PolicyRegistry,
        Refused,
        UserRegistry,
    )
    from fairlead.settings import Settings
    from fairlead.store.databases.contract import OwnerLock
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
    policies: PolicyRegistry

    @classmethod
    def over(cls, store: Store) -> Self:
        """Join the registries of one database."""
        from fairlead.accounts.registry import (
            AccountRegistry,
            GroupRegistry,
            HookRegistry,
            PolicyRegistry,
            UserRegistry,
        )
        from fairlead.clock import SystemClock

        clock = SystemClock()
        return cls(
            store=store,
            users=UserRegistry(store, clock),
            accounts=AccountRegistry(store, clock),
            groups=GroupRegistry(store, clock),
            hooks=HookRegistry(store, clock),
            policies=PolicyRegistry(store, clock),
        )


def ask_registry(
    options: Options,
    work: Callable[[Registry], Awaitable[ResultT | Refused]],
    *,
    reads: bool = False,
) -> ResultT:
    """Do one piece of work on the database of the data folder.

    Work that only ``reads`` creates nothing and leaves the tables as they are.

    Raises:
        StopError: the work was refused, the settings are wrong, or the database cannot be used.
    """
    settings = load_settings(options)
    if reads:
        check_database(settings)
    else:
        prepare_database(settings)
    return require(run_uninterrupted(ask_database(settings, work)))


def run_uninterrupted(work: Coroutine[None, None, ResultT]) -> ResultT:
    """Run short work on an event loop of its own; Ctrl-C waits for its end, unless it is pressed twice.

    Raises:
        KeyboardInterrupt: the work was done, and Ctrl-C was pressed meanwhile.
    """
    interrupted = False

    async def run() -> ResultT:
        loop = asyncio.get_running_loop()

        def note() -> None:
            nonlocal interrupted
            interrupted = True
            loop.remove_signal_handler(signal.SIGINT)

        # A connection that is given up while it opens would complain from its own thread.
        loop.add_signal_handler(signal.SIGINT, note)
        return await work

    found = asyncio.run(run())
    if interrupted:
        raise KeyboardInterrupt
    return found


async def ask_database(settings: Settings, work: Callable[[Registry], Awaitable[ResultT]]) -> ResultT:
    """Do one piece of work on a database that is up to date.

    Raises:
        StopError: the database refused.
    """
    from fairlead.store.session import Store

    with database_failures_explained(settings):
        store = Store(settings.store_url)
        try:
            return await work(Registry.over(store))
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


def take_folder(settings: Settings) -> OwnerLock:
    """Hold the data folder and own the database: for commands that run a server, before they change anything.

    Raises:
        StopError: another process has them, or they cannot be used.
    """
    from fairlead.store.databases.opening import take_ownership

    with database_failures_explained(settings):
        return take_ownership(settings.store_url, settings.data_dir)


def prepare_database(settings: Settings, lock: OwnerLock | None = None) -> list[str]:
    """Make the data folder and the newest tables; returns what was applied.

    ``lock`` is the folder's when the command has it; without it tables are not changed beneath a running server.

    Raises:
        StopError: the folder or the database cannot be used.
    """
    from fairlead.store.databases.server import DatabaseInUseError
    from fairlead.store.folder_lock import FolderInUseError
    from fairlead.store.migrate import migrate

    with database_failures_explained(settings):
        try:
            return migrate(settings.store_url, lock)
        except (FolderInUseError, DatabaseInUseError) as error:
            raise StopError(f"the tables must be brought to the newest layout first, but {error}") from error


def check_database(settings: Settings) -> None:
    """Make sure that there is a database to read; creates and changes nothing.

    Raises:
        StopError: there is none, it has an older layout, or it cannot be used.
    """
    from fairlead.store.migrate import pending
    from fairlead.store.urls import DatabaseKind, database_kind, describe_database, sqlite_path

    with database_failures_explained(settings):
        url = settings.store_url
        path = sqlite_path(url) if database_kind(url) is DatabaseKind.SQLITE else None
        if path is not None and not path.exists():
            what = "database" if path.parent.is_dir() else "data folder"
            advice = "name another with --data, or begin with fairlead serve"
            raise StopError(f"there is no {what} at {path.parent}: {advice}")
        if pending(url):
            command = f"{program_name()} migrate --data {settings.data_dir}"
            raise StopError(f"the database {describe_database(url)} has the layout of an older version: run {command}")
