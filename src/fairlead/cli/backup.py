"""`fairlead backup`: a copy that can be put in the place of the data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.failures import database_failures_explained
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say_facts, tell
from fairlead.cli.records import ask_database, check_database, run_uninterrupted
from fairlead.cli.storage import show_progress, tell_problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairlead.settings import Settings
    from fairlead.store.verify import Report


@dataclass(frozen=True, kw_only=True)
class BackupOptions(PrintOptions):
    """Where the copy goes."""

    target: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder for the copy.")]


def add_backup(app: typer.Typer) -> None:
    """Hang the command into the command line."""
    add_command(
        app,
        "backup",
        "fairlead backup /backup/monday",
        "fairlead backup /backup/monday --data /srv/fairlead --json",
        "fairlead explain ID --data /backup/monday      a copy can be asked like the original",
    )(backup)


def backup(options: BackupOptions) -> None:
    """Copy database and kill switches into a new folder that only you can read, also beside a running server.

    The copy is of one moment, and is checked as fairlead verify does. What the vault sealed stays sealed: its key and
    fairlead.toml are not copied, and belong in another safe place. Exits with 1 when the check found problems.
    """
    from fairlead.store.backup import BackupPlaceError, back_up
    from fairlead.store.urls import DatabaseKind, database_kind, sqlite_path

    settings = load_settings(options)
    check_database(settings)
    with database_failures_explained(settings):
        if database_kind(settings.store_url) is not DatabaseKind.SQLITE:
            raise StopError("this database is on a server: copy it with pg_dump or mariadb-dump, and keep latches.json")
        keys = _list_keys(settings)
        target = options.target.expanduser().absolute()
        try:
            done = back_up(sqlite_path(settings.store_url), settings.data_dir, target, _check)
        except BackupPlaceError as error:
            raise StopError(str(error), EXIT_USAGE) from None
    row = {
        "folder": str(target),
        "bytes": done.size_bytes,
        "journal_rows": done.report.rows,
        "kill_switches": done.has_latches,
        "needs_keys": list(keys),
        "problems": tell_problems(done.report),
    }
    say_facts(row, as_json=options.as_json)
    if keys:
        tell(f"To use it, what is sealed needs vault key {', '.join(keys)}. Keep that apart from the copy.")
    if done.report.problems:
        raise StopError("the copy is what the database is, and that is damaged: fairlead verify says the same")


def _check(copy: Path) -> Report:
    from fairlead import wiring
    from fairlead.store.verify import verify

    url = f"sqlite:///{copy}"
    return verify(url, wiring.journal_fold(url), show_progress, records=wiring.record_kinds())


def _list_keys(settings: Settings) -> Sequence[str]:
    from fairlead.vault.rotation import list_needed

    return run_uninterrupted(ask_database(settings, lambda registry: list_needed(registry.store)))
