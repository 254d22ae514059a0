"""Files and folders for their owner alone, from their first byte on, whatever the mask of the process says."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022
# Everything that we put into a data folder begins with one of these.
_OWN_NAMES: Final = ("fairlead.", "latches.", "vault.key", "backtests", "candles", "sweeps")


class NotPrivateError(OSError):
    """Others could change what is kept there; the text says what to do."""


def make_private_folder(path: Path) -> None:
    """Make a folder that only its owner may enter; one that is empty or holds only what is ours is made so.

    A folder with other things in it keeps its mode, because it is not ours to close.

    Raises:
        NotPrivateError: others may write in it, and so could put their own files in the place of ours.
        OSError: it cannot be made.
    """
    try:
        path.mkdir(mode=FOLDER_MODE, parents=True)
    except FileExistsError:
        _close_to_others(path)
    else:
        path.chmod(FOLDER_MODE)


def write_private_file(path: Path, content: bytes) -> None:
    """Put a new file there, on disk when this returns; what was there is removed, not written to.

    So nobody who holds the old file, or links to it, sees the new one.

    Raises:
        OSError: it cannot be written.
    """
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        # The mask may have taken rights away from us too.
        os.fchmod(descriptor, FILE_MODE)
        _give_away(descriptor, path)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def open_private_file(path: Path, flags: int) -> int:
    """Open or make a file for its owner alone; the caller closes the descriptor.

    Raises:
        NotPrivateError: it is a link, or has a second name, so that it may be somebody else's.
        OSError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    except FileExistsError:
        # Only who asks for a new file hears this; a link that is there may be its owner's wish.
        raise
    except OSError as error:
        if path.is_symlink():
            raise NotPrivateError(f"{path} is a link: remove it, or name the file itself") from error
        raise
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        if status.st_nlink > 1:
            os.close(descriptor)
            raise NotPrivateError(f"{path} has another name elsewhere (a hard link): remove it")
        if stat.S_IMODE(status.st_mode) != FILE_MODE and status.st_uid == os.geteuid():
            os.fchmod(descriptor, FILE_MODE)
        if status.st_size == 0:
            _give_away(descriptor, path)
    return descriptor


def sync_folder(path: Path) -> None:
    """Put the names in a folder on disk.

    Raises:
        OSError: the disk refused.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Whoever runs a command as root in the folder of a service must not take its files away from it.
def _give_away(descriptor: int, path: Path) -> None:
    folder = path.parent.stat()
    if os.geteuid() == 0 and folder.st_uid != 0:
        # Some shared file systems let not even root do that.
        with suppress(PermissionError):
            os.fchown(descriptor, folder.st_uid, folder.st_gid)


def _close_to_others(path: Path) -> None:
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if not mode & _OTHERS:
        return
    if status.st_uid == os.geteuid() and not mode & stat.S_ISVTX and _is_ours(path):
        path.chmod(FOLDER_MODE)
    elif mode & _OTHERS_WRITE:
        raise NotPrivateError(
            f"others may write in {path} (mode {mode:04o}): name a folder of your own, or run chmod 700 {path}"
        )


def _is_ours(path: Path) -> bool:
    return all(entry.name.startswith(_OWN_NAMES) for entry in path.iterdir())
