"""Where something happened, when it was not live: always visible, and never left out for want of knowledge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from fairlead.core.model.account import VenueAccount

UNKNOWN: Final = "UNKNOWN MODE"
DRY_RUN: Final = "DRY RUN"
LIVE: Final = "LIVE"


def mode_of(account: VenueAccount | None, *, dry_run: bool = False) -> str:
    """Name the mode of one request on one account, ``LIVE`` too."""
    if dry_run:
        return DRY_RUN
    if account is None:
        return UNKNOWN
    return account.mode.value.replace("_", " ").upper()


def label_modes(modes: Iterable[str]) -> str:
    """Name the modes of several: one word when they agree (nothing when all are live), else how many of each."""
    counts = Counter(modes)
    if set(counts) <= {LIVE}:
        return ""
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {mode}" for mode, count in sorted(counts.items()))
