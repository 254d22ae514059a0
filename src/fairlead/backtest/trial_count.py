"""How many runs a person has ever made: the more were tried, the less the best of them proves."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from fairlead.store.private_files import make_private_folder, open_private_file

COUNT_NAME: Final = "fairlead.trials"
_BYTES_MAX: Final = 32


def count_trials(folder: Path, more: int = 0) -> int:
    """Add so many to the count of this folder, and give the whole; a file that says nothing counts from 0.

    Raises:
        OSError: the file cannot be written.
    """
    make_private_folder(folder)
    descriptor = open_private_file(folder / COUNT_NAME, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        text = os.read(descriptor, _BYTES_MAX).decode(errors="replace").strip()
        count = (int(text) if text.isdecimal() else 0) + more
        if more:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{count}\n".encode(), 0)
        return count
    finally:
        os.close(descriptor)
