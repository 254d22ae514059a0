"""Durations in buckets: two additions each, so that the order path may measure everything."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

# From what one check takes to what a caller gives up after.
SECONDS: Final = (
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
)  # fmt: skip


class Histogram:
    """How many values fell up to each bound, and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        """Start empty; the last bucket is for what is above every bound."""
        self.counts = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds

    def cumulated(self) -> list[tuple[str, float]]:
        """(bound, how many were at most that), the last of all bounds being `+Inf`."""
        buckets: list[tuple[str, float]] = []
        count = 0
        for bound, own in zip((*map(str, SECONDS), "+Inf"), self.counts, strict=True):
            count += own
            buckets.append((bound, count))
        return buckets


class Histograms(dict[tuple[str, ...], Histogram]):
    """One histogram for each combination of labels; labels come from closed lists, never from outside."""

    def __missing__(self, labels: tuple[str, ...]) -> Histogram:
        """Begin a new one."""
        self[labels] = histogram = Histogram()
        return histogram
