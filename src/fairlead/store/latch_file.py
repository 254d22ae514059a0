"""The kill switches that are set, in a small file of their own: readable when the database is not.

The file is the truth for whoever is about to send an order. It is written whole, synced, and then renamed into place,
so a crash leaves the old one or the new one. A file that cannot be read, or that has gone, counts as a latch on
everything: an order path that does not know whether it is stopped is stopped.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from fairlead.core.model.latch import Latch, LatchLevel, LatchReason, LatchScope
from fairlead.core.rules.latches import add_latch
from fairlead.store.private_files import FOLDER_MODE, open_private_file, sync_folder, write_private_file

FILE_NAME: Final = "latches.json"
LOCK_NAME: Final = "latches.lock"
FILE_BYTES_MAX: Final = 1_048_576
LATCHES_MAX: Final = 1_000
FAULT_ID: Final = "latch-file"

_Stamp = tuple[int, int, int]


class LatchFileError(OSError):
    """The file cannot be read or does not hold what was written."""


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    latches: tuple[Latch, ...]
    digest: str


class LatchFile:
    """Reads and changes the file of one data folder; any process may, one at a time."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is opened yet."""
        self.path = folder / FILE_NAME
        self._folder = folder

    def read(self) -> tuple[Latch, ...]:
        """Read every latch.

        Raises:
            FileNotFoundError: it was never written.
            LatchFileError: it is damaged or cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                raw = file.read(FILE_BYTES_MAX + 1)
            body = msgspec.json.decode(raw, type=_Body)
        except FileNotFoundError:
            raise
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LatchFileError(f"{self.path} cannot be read: {error}") from error
        if body.digest != _digest(body.latches):
            raise LatchFileError(f"{self.path} is not what was written")
        return body.latches

    def change(self, change: Callable[[Sequence[Latch]], Sequence[Latch]]) -> tuple[Latch, ...]:
        """Replace the latches by what ``change`` makes of them; returns the new ones, which are on disk then.

        Raises:
            LatchFileError: the present file is damaged; nothing is changed.
            ValueError: more latches than anybody can oversee.
            OSError: it cannot be written.
        """
        with self._locked():
            try:
                before = self.read()
            except FileNotFoundError:
                before = None
            after = tuple(change(before or ()))
            if len(after) > LATCHES_MAX:
                raise ValueError(f"at most {LATCHES_MAX} kill switches can be set at once")
            if after != before:
                self._write(after)
            return after

    def rewrite(self, latches: Sequence[Latch]) -> None:
        """Write these latches in the place of a file that is damaged.

        Raises:
            OSError: it cannot be written.
        """
        with self._locked():
            self._write(tuple(latches))

    def stamp(self) -> _Stamp | None:
        """What changes whenever the file does; None while there is none.

        Raises:
            LatchFileError: not even that can be told.
        """
        try:
            found = os.stat(self.path)  # noqa: PTH116  # asked before every order, and Path.stat costs three times that
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LatchFileError(f"{self.path} cannot be read: {error}") from error
        return found.st_ino, found.st_mtime_ns, found.st_size

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # Not refused where others may write: whoever stops everything must not be told to tidy up first.
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = open_private_file(self._folder / LOCK_NAME, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, latches: tuple[Latch, ...]) -> None:
        raw = msgspec.json.format(msgspec.json.encode(_Body(latches, _digest(latches))), indent=1)
        fresh = self.path.with_suffix(".new")
        write_private_file(fresh, raw)
        fresh.replace(self.path)
        sync_folder(self._folder)


class LatchGate:
    """What the order path asks before each order: the latches as the file has them at this moment."""

    def __init__(self, file: LatchFile) -> None:
        """Make the file if there is none, so that its absence later means something.

        Raises:
            OSError: it cannot be written.
        """
        self._file = file
        self._stamp: _Stamp | None = None
        self._latches: tuple[Latch, ...] = ()
        if file.stamp() is None:
            file.change(tuple)

    def restore(self, latches: Iterable[Latch]) -> None:
        """Set again what is no longer in the file, as it was; a file that is damaged is written anew from these.

        Raises:
            OSError: it cannot be written.
        """
        stored = tuple(latches)

        def add(before: Sequence[Latch]) -> Sequence[Latch]:
            known = {latch.latch_id for latch in before}
            return (*before, *(latch for latch in stored if latch.latch_id not in known))

        try:
            self._file.change(add)
        except LatchFileError:
            # What was set in it and never reached the journal is not known, so it stays damaged until a person looks.
            if stored:
                raise

    def set(self, latch: Latch) -> None:
        """Set a latch, unless a stronger one of the same subject is set.

        Raises:
            LatchFileError: the file is damaged; OSError: it cannot be written.
        """
        self._file.change(lambda before: add_latch(before, latch))

    def remove(self, latch_id: str) -> None:
        """Lift one latch.

        Raises:
            LatchFileError: the file is damaged; OSError: it cannot be written.
        """
        self._file.change(lambda before: [latch for latch in before if latch.latch_id != latch_id])

    def current(self) -> tuple[Latch, ...]:
        """Every latch that is set now; one on everything while that cannot be told."""
        try:
            stamp = self._file.stamp()
            if stamp is None or stamp != self._stamp:
                self._latches = self._file.read()
                # The stamp from before: a change in between is read again next time.
                self._stamp = stamp
        except (LatchFileError, FileNotFoundError) as error:
            self._stamp = None
            return (_fault(str(error)),)
        return self._latches


def _fault(text: str) -> Latch:
    return Latch(
        latch_id=FAULT_ID,
        scope=LatchScope.PLATFORM,
        level=LatchLevel.STOP_NEW,
        by="the order path itself",
        set_ms=0,
        reason=LatchReason.TECHNICAL,
        text=text,
    )


def _digest(latches: tuple[Latch, ...]) -> str:
    return sha256(msgspec.json.encode(latches)).hexdigest()
