"""The doorbell for parts that live in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class InProcessBus:
    """Rings listeners on the running event loop, never inside the call that rings."""

    def __init__(self) -> None:
        """Start with nobody listening."""
        # A dict keeps the order of joining and ends in constant time.
        self._listeners: dict[str, dict[object, Callable[[], None]]] = {}

    def ring(self, topic: str) -> None:
        """Tell whoever listens that something about the topic changed; the ringer never sees a listener fail."""
        listeners = self._listeners.get(topic)
        if listeners:
            loop = asyncio.get_running_loop()
            for token in listeners:
                loop.call_soon(self._wake, topic, token)

    def listen(self, topic: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` at each ring of the topic; returns what ends it."""
        token = object()
        self._listeners.setdefault(topic, {})[token] = wake
        return lambda: self._leave(topic, token)

    def _wake(self, topic: str, token: object) -> None:
        # Whoever left between the ring and this turn hears nothing.
        wake = self._listeners.get(topic, {}).get(token)
        if wake is not None:
            wake()

    def _leave(self, topic: str, token: object) -> None:
        listeners = self._listeners.get(topic, {})
        listeners.pop(token, None)
        if not listeners:
            self._listeners.pop(topic, None)
