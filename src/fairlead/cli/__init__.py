"""The command line: reads options, calls the code that does the work, prints what came of it."""

from __future__ import annotations

import gc
import os
import signal
from types import FrameType
from typing import Final

from fairlead.cli.output import EXIT_INTERRUPTED

__all__ = ["main"]

MADE_BEFORE_COLLECTED: Final = 100_000
"""So many objects are made between two searches for garbage: modules make many, and next to no garbage."""
_USUAL: Final = signal.default_int_handler


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback from its first moment on."""
    # While modules load nothing is open yet, and an exception out of an import could come out anywhere.
    was_usual = signal.getsignal(signal.SIGINT) is _USUAL
    if was_usual:
        signal.signal(signal.SIGINT, _leave)
    gc.set_threshold(MADE_BEFORE_COLLECTED)
    from fairlead.cli.app import run

    if was_usual:
        signal.signal(signal.SIGINT, _USUAL)
    run()


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(EXIT_INTERRUPTED)
