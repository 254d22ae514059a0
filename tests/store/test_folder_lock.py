"""One process at a time has a data folder; SQLite by nature, and servers have a lock of their own beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fairlead.store.folder_lock import FolderInUseError, FolderLock
from fairlead.store.journal import StoredJournal
from fairlead.store.migrate import migrate, pending

HOLD = """
import sys, pathlib
from fairlead.store.folder_lock import FolderLock
lock = FolderLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_holder_is_named_by_its_process(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)

    with pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()}; stop it"):
        FolderLock(tmp_path)

    lock.release()
    lock.release()
    FolderLock(tmp_path).release()


def test_the_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FolderInUseError, match=f"process {holder.pid};"):
            FolderLock(tmp_path)
        holder.kill()
        holder.wait()
    FolderLock(tmp_path).release()


async def test_a_second_journal_in_the_same_folder_is_refused(journal: StoredJournal, url: str) -> None:
    with pytest.raises(FolderInUseError, match="choose another folder"):
        await StoredJournal.open(url, on_death=print)


async def test_a_journal_takes_over_the_lock_of_its_caller(url: str, path: Path) -> None:
    with FolderLock(path.parent) as lock:
        journal = await StoredJournal.open(url, on_death=print, lock=lock)
        with pytest.raises(FolderInUseError):
            FolderLock(path.parent)
        await journal.close()
        FolderLock(path.parent).release()


def test_the_layout_is_not_changed_while_somebody_else_has_the_folder(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fairlead.sqlite3'}"
    with FolderLock(tmp_path) as lock:
        missing = pending(url)
        with pytest.raises(FolderInUseError):
            migrate(url)
        assert pending(url) == missing
        assert migrate(url, lock) == missing
        # Nothing is missing, so nobody is in the way.
        assert migrate(url) == []
