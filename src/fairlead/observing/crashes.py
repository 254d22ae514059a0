"""What is printed when a command breaks: the error and its way, and no secret."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Final

from fairlead.core.model.secret_names import is_secret_name
from fairlead.observing.redaction import Redactor

EXIT_CRASHED: Final = 1


class CrashesShownSafely:
    """Around everything a command does. Python itself would print an error with whatever secret its text holds."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        """Print the error, if there is one, and end the process with 1; a wish to end is let through."""
        if isinstance(error, Exception):
            sys.stderr.write(f"{Redactor(_known_secrets()).format_error(error)}\n")
            raise SystemExit(EXIT_CRASHED) from None


def _known_secrets() -> list[str]:
    """What the environment calls a secret, whoever it is for: an error may hold it without its name."""
    return [value for name, value in os.environ.items() if is_secret_name(name)]
