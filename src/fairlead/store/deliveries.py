"""Carry outcomes from the writer's thread to those who wait on the event loop, in order, once per batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from fairlead.ports import AppendOutcome

Delivery = tuple[Callable[[AppendOutcome], None], AppendOutcome]


class Deliveries:
    """One post box per journal."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Deliver on this loop."""
        self._loop = loop
        self._ready: deque[Delivery] = deque()

    def post(self, outcomes: Iterable[Delivery]) -> None:
        """Hand over from any thread."""
        self._ready.extend(outcomes)
        self.call(self._deliver)

    def call(self, callback: Callable[[], None]) -> None:
        """Run something on the loop; nothing happens once the loop is closed, because nobody waits there any more."""
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def _deliver(self) -> None:
        ready = self._ready
        try:
            while ready:
                on_done, outcome = ready.popleft()
                on_done(outcome)
        finally:
            # A callback that raises is the loop's news; those behind it are still told, and still in order.
            if ready:
                self.call(self._deliver)
