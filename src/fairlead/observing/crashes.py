"""What is printed when a command breaks: the error and its way, and no secret."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Final

from fairlead.observing.redaction import Redactor

EXIT_CRASHED: Final = 1


class CrashesShownSafely:
    """Around everything a command does. Python itself would print an error with whatever secret its text holds."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        """Print the error, if there is one, and end the process with 1; a wish to end is let through."""
        if isinstance(error, Exception):
            sys.stderr.write(f"{Redactor().format_error(error)}\n")
            raise SystemExit(EXIT_CRASHED) from None
