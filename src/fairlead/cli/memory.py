"""Keeps what is in memory to the process: when it dies, nobody finds its secrets on disk."""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import Final

# <linux/prctl.h>
_PR_SET_DUMPABLE: Final = 4


def keep_memory_private() -> None:
    """Ask the system for no core dump of this process and its children, and on Linux let no other one of us look in.

    The limit alone is not enough: a dump that goes to a program, as many systems set it up, takes no notice of it.
    Where the system refuses either, the process runs as it would have.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
