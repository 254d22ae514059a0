"""Copies an installation on SQLite as it is at one moment, also beside a running server."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from fairlead.store.latch_file import FILE_BYTES_MAX, FILE_NAME
from fairlead.store.private_files import make_private_folder, sync_folder, write_private_file
from fairlead.store.sqlite_file import make_private_file, open_reader
from fairlead.store.verify import Report

UNFINISHED: Final = ".unfinished"


class BackupPlaceError(OSError):
    """The copy cannot go there, because something is there already."""


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A copy: how large it is, whether it holds the file of kill switches, and what a check of it found."""

    size_bytes: int
    has_latches: bool
    report: Report


def back_up(database: Path, latch_folder: Path, target: Path, check: Callable[[Path], Report]) -> Backup:
    """Copy database and kill switches into a new folder, check the copy, and only then give it its name.

    A server may run and write meanwhile: the copy is of the moment it began. Keys of the vault are not copied.

    Raises:
        BackupPlaceError: the folder is there, or what an interrupted copy left behind.
        sqlite3.Error: the database cannot be read, or there is no room for the copy.
        OSError: the folder cannot be written.
    """
    unfinished = target.with_name(target.name + UNFINISHED)
    for path in (target, unfinished):
        if path.exists():
            raise BackupPlaceError(f"{path} is there already: name a new folder, or remove it")
    make_private_folder(unfinished)
    try:
        copy = unfinished / database.name
        _copy_database(database, copy)
        has_latches = _copy_latches(latch_folder, unfinished)
        report = check(copy)
        sync_folder(unfinished)
        unfinished.rename(target)
        sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    size_bytes = sum(path.stat().st_size for path in target.iterdir())
    return Backup(size_bytes=size_bytes, has_latches=has_latches, report=report)


def _copy_database(database: Path, copy: Path) -> None:
    make_private_file(copy)
    with closing(open_reader(database)) as source, closing(sqlite3.connect(copy, isolation_level=None)) as target:
        # All at once: between two steps a busy server would have written, and the copy would begin anew.
        source.backup(target, pages=-1)
        # One file by itself, without a log beside it.
        target.execute("PRAGMA journal_mode=DELETE").close()


# The journal knows the switches that a server has seen; one that was set since its end is only here.
def _copy_latches(folder: Path, target: Path) -> bool:
    try:
        with (folder / FILE_NAME).open("rb") as file:
            content = file.read(FILE_BYTES_MAX)
    except FileNotFoundError:
        return False
    write_private_file(target / FILE_NAME, content)
    return True
