"""`fairlead db`: from one database to another."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fairlead.cli.config import load_settings
from fairlead.cli.failures import database_failures_explained
from fairlead.cli.options import PrintOptions, add_command
from fairlead.cli.output import EXIT_USAGE, StopError, say, say_facts, tell
from fairlead.cli.records import check_database

if TYPE_CHECKING:
    from pathlib import Path

    from fairlead.ports import Clock
    from fairlead.settings import Settings
    from fairlead.store.copying import CopyReport, Progress
    from fairlead.store.verify import Report

TELL_EVERY_S: Final = 1.0
FROM_STDIN: Final = "-"

databases = typer.Typer(help="Move to another database.", no_args_is_help=True, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class CopyOptions(PrintOptions):
    """Where to, and what to do with half a copy."""

    url: Annotated[str, typer.Argument(metavar="URL", help="An empty database; - reads the URL from standard input.")]
    again: Annotated[bool, typer.Option("--again", help="Drop what an unfinished copy left there first.")] = False


@add_command(
    databases,
    "copy",
    "fairlead db copy - < url.txt      so that no password stands in the list of processes",
    "fairlead db copy postgresql://fairlead@db.example/fairlead",
    "fairlead db copy mariadb://fairlead@db.example/fairlead --again --json",
)
def copy(options: CopyOptions) -> None:
    """Copy the database into an empty one (SQLite, PostgreSQL or MariaDB) and prove that both hold the same.

    The server must be stopped. Nothing can be served from the copy before every row was compared and the copy was
    checked as fairlead verify does; the original is only read. Kill switches, the vault's key and fairlead.toml stay
    in the data folder. Exits with 1 when anything differs.
    """
    from fairlead.settings import redact_url

    settings = load_settings(options)
    url = sys.stdin.readline().strip() if options.url == FROM_STDIN else options.url
    check_database(settings)
    report = _copy(settings, url, options)
    row = {
        "database": redact_url(url),
        "rows": sum(report.rows.values()),
        "journal_rows": report.rows["journal"],
        "journal_tip": report.tip_hash,
        "tables": dict(report.rows),
        "problems": list(report.problems),
    }
    say_facts(row, as_json=options.as_json)
    if report.problems:
        raise StopError("the copy is not what the original is, and cannot be used: correct the cause, then use --again")
    if not options.as_json:
        say(f"Now set FAIRLEAD_DATABASE_URL={redact_url(url)}")
    tell(f"Kill switches, the vault's key and settings stay in {settings.data_dir}; use it with the new database.")
    tell("Never start a server on the old database again: it would trade the same accounts a second time.")


def _copy(settings: Settings, url: str, options: CopyOptions) -> CopyReport:
    from fairlead.clock import SystemClock
    from fairlead.store.copying import CopyPlaceError, CopyTools, Place, copy_database
    from fairlead.store.databases.opening import take_ownership

    target = settings.model_copy(update={"database_url": url})
    progress = _say_nothing if options.as_json else _ProgressLine(SystemClock())
    with ExitStack() as stack:
        stack.enter_context(database_failures_explained(settings))
        folder = _folder_beside(settings, url)
        source = Place(settings.store_url, stack.enter_context(take_ownership(settings.store_url, folder)))
        stack.enter_context(database_failures_explained(target))
        try:
            place = Place(url, stack.enter_context(take_ownership(url)))
            return copy_database(source, place, CopyTools(_verify, progress), again=options.again)
        except CopyPlaceError as error:
            raise StopError(str(error)) from None


# The folder to hold together with a source on a server; a SQLite file that is made in it holds it by itself.
def _folder_beside(settings: Settings, url: str) -> Path | None:
    from fairlead.store.urls import DatabaseKind, database_kind, sqlite_path

    if database_kind(url) is not DatabaseKind.SQLITE:
        return settings.data_dir
    folder = sqlite_path(url).absolute().parent
    if database_kind(settings.store_url) is not DatabaseKind.SQLITE:
        return None if folder == settings.data_dir.absolute() else settings.data_dir
    if folder == sqlite_path(settings.store_url).absolute().parent:
        raise StopError("a copy as SQLite belongs into another folder, since a folder has one owner", EXIT_USAGE)
    return None


def _verify(url: str, progress: Progress) -> Report:
    from fairlead import wiring
    from fairlead.store.verify import verify

    return verify(url, wiring.journal_fold(url), progress, records=wiring.record_kinds())


def _say_nothing(_done: int, _total: int) -> None:
    pass


class _ProgressLine:
    """Says at most once a second how far one of the three stretches (copy, compare, verify) has come."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_s = self._told_s = clock.monotonic_s()
        self._before = 0

    def __call__(self, done: int, total: int) -> None:
        now_s = self._clock.monotonic_s()
        if done < self._before:
            self._began_s = now_s
        self._before = done
        if now_s - self._told_s < TELL_EVERY_S and done < total:
            return
        self._told_s = now_s
        pace = done / max(now_s - self._began_s, 0.001)
        tell(f"{done} of {total} rows, {pace:.0f} rows/s, {(total - done) / max(pace, 1):.0f} s to go")
