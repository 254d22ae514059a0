"""How fast a channel may be used: lanes in which messages keep a distance."""

from __future__ import annotations

from collections.abc import Mapping


class Lanes:
    """Shared by all channels of a process, because two of them may lead through the same chat or the same bot."""

    def __init__(self) -> None:
        """Start with free lanes."""
        self._free_at_ms: dict[str, float] = {}

    def reserve(self, distances_ms: Mapping[str, int], now_ms: float) -> int:
        """Take the next place in all these lanes at once; returns how long to wait for it, in milliseconds.

        ``distances_ms`` is the least distance of two messages by lane; ``now_ms`` counts from any fixed moment.
        """
        starts_ms = max([now_ms, *(self._free_at_ms.get(lane, 0.0) for lane in distances_ms)])
        for lane, distance_ms in distances_ms.items():
            self._free_at_ms[lane] = starts_ms + distance_ms
        # What is free by now says nothing any more.
        self._free_at_ms = {lane: at_ms for lane, at_ms in self._free_at_ms.items() if at_ms > now_ms}
        return max(0, round(starts_ms - now_ms))
