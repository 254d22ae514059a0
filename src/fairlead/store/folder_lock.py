"""One process per data folder: two writers would each believe that they own the journal."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from fairlead.store.private_files import make_private_folder, open_private_file

LOCK_NAME: Final = "fairlead.lock"
_PID_BYTES_MAX: Final = 32


class FolderInUseError(RuntimeError):
    """Another process holds the data folder."""


class FolderLock:
    """Held from construction until released, or until the process ends in whatever way; ``with`` releases it too."""

    def __init__(self, folder: Path) -> None:
        """Take the folder.

        Raises:
            FolderInUseError: somebody else has it; the text names the process.
            NotPrivateError: others may write in the folder.
            OSError: the lock file cannot be written.
        """
        make_private_folder(folder)
        self._descriptor = open_private_file(folder / LOCK_NAME, os.O_RDWR)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._descriptor, _PID_BYTES_MAX).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            message = f"data folder {folder} is in use by process {holder}; stop it, or choose another folder"
            raise FolderInUseError(message) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def __enter__(self) -> Self:
        """Go on holding it."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Release it."""
        self.release()

    def release(self) -> None:
        """Let others have it, once; the file stays, because removing it would let two processes lock two files."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
