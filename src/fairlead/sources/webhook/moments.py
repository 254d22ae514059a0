"""Reads the times that senders write: ISO 8601 with a zone, or seconds or milliseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from fairlead.core.model.money import AmountError, parse_amount

# 100 billion is the year 5138 in seconds and 1973 in milliseconds: what is below it counts seconds.
SECONDS_MAX: Final = 100_000_000_000
FIRST_MS: Final = 946_684_800_000  # 2000-01-01
LAST_MS: Final = 4_102_444_800_000  # 2100-01-01
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.]\d{1,9})?)?(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.ASCII | re.IGNORECASE,
)


class MomentError(ValueError):
    """A text that is not a point in time."""


def parse_moment(text: str) -> int:
    """Read a point in time as UTC milliseconds.

    Raises:
        MomentError: the text is neither, has no zone, or is not between 2000 and 2100.
    """
    found = ISO.fullmatch(text)
    at_ms = _parse_epoch(text) if found is None else _parse_iso(text, has_zone=found["zone"] is not None)
    if not FIRST_MS <= at_ms < LAST_MS:
        raise MomentError("the time must be between the years 2000 and 2100")
    return at_ms


def _parse_iso(text: str, *, has_zone: bool) -> int:
    if not has_zone:
        raise MomentError("the time needs its zone, such as Z at the end")
    # Python reads three or six decimals, so the ninth goes.
    short = re.sub(r"([.]\d{6})\d+", r"\1", text.upper())
    try:
        moment = datetime.fromisoformat(short)
        since = moment - EPOCH
    except (ValueError, OverflowError) as error:
        raise MomentError("the time does not exist") from error
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


def _parse_epoch(text: str) -> int:
    try:
        value = parse_amount(text)
    except AmountError as error:
        raise MomentError("not a time: use 2026-01-31T12:00:00Z, or seconds or milliseconds since 1970") from error
    return int(value * Decimal(1_000)) if abs(value) < SECONDS_MAX else int(value)
