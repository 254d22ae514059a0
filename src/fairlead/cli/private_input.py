"""Reads secrets that somebody put into a file, and only from a file that nobody else can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from fairlead.cli.output import EXIT_USAGE, StopError

GIVEN_LENGTH_MAX: Final = 4_096
_OTHERS: Final = 0o077


def read_private_text(path: Path) -> str:
    """Read at most 4,096 characters of a file.

    Raises:
        StopError: others may read it, or it cannot be read; the text shows nothing of what is in it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & _OTHERS:
                advice = f"run chmod 600 {path}, and have a new secret made"
                raise StopError(f"others may read {path}: {advice}", EXIT_USAGE)
            return file.read(GIVEN_LENGTH_MAX)
    except (OSError, UnicodeDecodeError) as error:
        raise StopError(f"{path} cannot be read: {type(error).__name__}", EXIT_USAGE) from None
