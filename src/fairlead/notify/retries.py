"""When a message is tried again: later each time, spread a little, and not for ever."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

RETRY_FIRST_MS: Final = 2_000
RETRY_LONGEST_MS: Final = 600_000
# Two minutes apart at the eighth, ten from the tenth on: about four hours in all.
ATTEMPTS_MAX: Final = 32
# News that is a day old is a matter for a report.
AGE_MS_MAX: Final = 24 * 3_600_000
_SPREAD: Final = 5
_DOUBLINGS_MAX: Final = 20


def retry_ms(message_id: str, attempts: int) -> int:
    """How long to wait after this many failed tries: doubled each time, up to a fifth more by the message's id.

    The spread is derived, not drawn, so that the same history waits for the same time.
    """
    pause_ms: int = min(RETRY_FIRST_MS << min(attempts - 1, _DOUBLINGS_MAX), RETRY_LONGEST_MS)
    digest = blake2b(f"{message_id}:{attempts}".encode(), digest_size=4).digest()
    return pause_ms + int.from_bytes(digest) % (pause_ms // _SPREAD)
