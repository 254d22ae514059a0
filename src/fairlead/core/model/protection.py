"""Who takes care of what an account has open, and how long a venue waits for us before it does."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

DEAD_MAN_S: Final = 60
"""How long the dead man's switch waits for a sign of life, in seconds, unless its owner wants another time."""
DEAD_MAN_S_MIN: Final = 10
DEAD_MAN_S_MAX: Final = 120
"""What the venue takes (OKX API v5, ``cancel-all-after``)."""


class Protection(StrEnum):
    """What bounds the risk of everything that an account has open, the weakest of it.

    ``protected_on_exchange`` needs no running Fairlead; ``by_fairlead_only`` ends with the process or with its
    connection; ``nothing_open`` has nothing to protect.
    """

    ON_EXCHANGE = "protected_on_exchange"
    BY_FAIRLEAD = "by_fairlead_only"
    UNPROTECTED = "unprotected"
    NOTHING_OPEN = "nothing_open"


class ProtectionChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From now on an account is protected in this way; ``reasons`` say what keeps it from being so on the exchange."""

    account_id: str
    state: Protection
    reasons: tuple[str, ...]
    at_ms: int
