"""How often: calls per hook, and failed attempts per address."""

from __future__ import annotations

import math
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from fairlead.accounts.addresses import IpAddress, is_tradingview
from fairlead.ports import Clock

FAILURES_PER_MINUTE_MAX: Final = 120
WINDOW_S: Final = 60


class CallRates:
    """Counts in memory; a restart forgives."""

    def __init__(self, clock: Clock) -> None:
        """Start with nothing counted."""
        self._clock = clock
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._failures = RateLimitItemPerMinute(FAILURES_PER_MINUTE_MAX)

    async def hit_hook(self, hook_id: str, per_minute: int) -> int | None:
        """Count a call of a hook; when there are too many, the seconds until the next is welcome."""
        limit = RateLimitItemPerMinute(max(per_minute, 1))
        if await self._limiter.hit(limit, "hook", hook_id):
            return None
        return await self._wait_s(limit, "hook", hook_id)

    async def hit_metrics(self, address: IpAddress | None, per_minute: int) -> int | None:
        """Count an operator's question; when there are too many, the seconds until the next is welcome."""
        limit = RateLimitItemPerMinute(per_minute)
        if await self._limiter.hit(limit, "metrics", str(address)):
            return None
        return await self._wait_s(limit, "metrics", str(address))

    async def note_failure(self, address: IpAddress | None) -> int | None:
        """Count a failed attempt; when an address has had its share, the seconds until it may try again.

        TradingView's four addresses belong to all its customers, so none of them can use up the share of the others.
        """
        if is_tradingview(address) or await self._limiter.hit(self._failures, "failure", str(address)):
            return None
        return await self._wait_s(self._failures, "failure", str(address))

    async def blocked_s(self, address: IpAddress | None) -> int | None:
        """Seconds until an address may try a password again, if it has had its share of failures."""
        if is_tradingview(address) or await self._limiter.test(self._failures, "failure", str(address)):
            return None
        return await self._wait_s(self._failures, "failure", str(address))

    async def _wait_s(self, limit: RateLimitItem, *names: str) -> int:
        window = await self._limiter.get_window_stats(limit, *names)
        return min(max(math.ceil(window.reset_time - self._clock.now_ms() / 1000), 1), WINDOW_S)
