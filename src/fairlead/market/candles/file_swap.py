"""Puts a new file in the place of an old one, so that whoever dies meanwhile leaves the one or the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fairlead.store.private_files import sync_folder

_NEW: Final = ".new"


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, put it on disk, and give it that name; one writer at a time.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}{_NEW}")
    write(new)
    descriptor = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)
    # So that what is written next cannot be on disk before this.
    sync_folder(path.parent)
