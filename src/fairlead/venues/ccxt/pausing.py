"""Waits a while, or less when something happens."""

from __future__ import annotations

import asyncio

from fairlead.ports import Clock


async def pause(clock: Clock, duration_ms: int, event: asyncio.Event) -> None:
    """Wait until the event, but no longer than this."""
    waits = {asyncio.ensure_future(clock.sleep_ms(duration_ms)), asyncio.ensure_future(event.wait())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
