"""Moments as people type them: a day, a time of a day, or how long ago; always UTC unless they name a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from fairlead.cli.output import EXIT_USAGE, StopError

_AGO: Final = re.compile(r"([1-9][0-9]{0,4})([hdwy])")
_UNITS_MS: Final = {"h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000, "y": 365 * 86_400_000}


def read_moment(option: str, text: str, now_ms: int) -> int:
    """Milliseconds of ``2025-01-31``, ``2025-01-31T12:30``, or ``90d`` ago (h, d, w, y); none is before 1970.

    Raises:
        StopError: it is none of these.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return max(0, now_ms - int(ago[1]) * _UNITS_MS[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{option}: {text!r} is no moment; write 2025-01-31, 2025-01-31T12:30, or 90d for 90 days ago"
        raise StopError(message, EXIT_USAGE) from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, int(zoned.timestamp()) * 1000)


def moment_text(at_ms: int) -> str:
    """UTC to the minute: ``2025-01-31 12:30``."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"
