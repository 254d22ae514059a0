"""What may be wrong with a data folder or its database, in one sentence each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fairlead.cli.output import EXIT_USAGE, StopError

if TYPE_CHECKING:
    from fairlead.settings import Settings

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# What is above these bits of a result code says more about it.
_PRIMARY_CODE: Final = 0xFF


@contextmanager
def database_failures_explained(settings: Settings) -> Iterator[None]:
    """Turn what a data folder and its database may refuse into what to do about it.

    Raises:
        StopError: the folder is in use or cannot be used, or the database is damaged, too new, or not ours.
    """
    import msgspec

    from fairlead.store.databases.contract import SecondOwnerError
    from fairlead.store.databases.server import DatabaseInUseError, UnfitServerError
    from fairlead.store.folder_lock import FolderInUseError
    from fairlead.store.migrate import NewerDatabaseError, UnfinishedCopyError
    from fairlead.store.urls import UnsupportedDatabaseError
    from fairlead.vault.master_keys import VaultError

    try:
        yield
    except UnsupportedDatabaseError as error:
        raise StopError(str(error), EXIT_USAGE) from error
    except FolderInUseError as error:
        raise StopError(f"{error} with --data DIR") from error
    except NewerDatabaseError as error:
        raise StopError(f"{error}; install that one again") from error
    except (DatabaseInUseError, UnfitServerError, SecondOwnerError, UnfinishedCopyError) as error:
        raise StopError(str(error)) from error
    except _driver_faults(settings) as error:
        raise StopError(_explain(_name(settings), error)) from error
    except VaultError as error:
        raise StopError(str(error)) from error
    except msgspec.DecodeError as error:
        name = _name(settings)
        raise StopError(f"the database {name} holds what cannot be read ({error}): fairlead verify names it") from error
    except OSError as error:
        raise StopError(f"the data folder {settings.data_dir} cannot be used: {error}", EXIT_USAGE) from error


def _driver_faults(settings: Settings) -> tuple[type[Exception], ...]:
    from sqlalchemy.exc import SQLAlchemyError

    from fairlead.store.databases.opening import driver_faults

    return (SQLAlchemyError, *driver_faults(settings.store_url))


def _name(settings: Settings) -> str:
    from fairlead.store.urls import describe_database

    return describe_database(settings.store_url)


def _explain(name: str, error: Exception) -> str:
    # The driver's own words; SQLAlchemy would add the statement and its values.
    cause = getattr(error, "orig", None) or error
    text = (str(cause).splitlines() or [type(cause).__name__])[0]
    if getattr(cause, "sqlite_errorcode", 0) & _PRIMARY_CODE in _DAMAGED:
        return f"the database {name} is damaged ({text}): keep a copy of it, then put a backup in its place"
    return f"the database {name} cannot be used: {text}"
