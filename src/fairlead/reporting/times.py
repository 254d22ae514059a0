"""Moments as people read them: the only place where milliseconds become a date."""

from __future__ import annotations

from datetime import UTC, datetime


def time_text(at_ms: int) -> str:
    """UTC with milliseconds: `2026-11-21 03:02:01.123 UTC`."""
    return f"{_moment(at_ms):%Y-%m-%d %H:%M:%S}.{at_ms % 1000:03d} UTC"


def clock_text(at_ms: int) -> str:
    """The time of day alone: `03:02:01.123`."""
    return f"{_moment(at_ms):%H:%M:%S}.{at_ms % 1000:03d}"


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, tz=UTC)
