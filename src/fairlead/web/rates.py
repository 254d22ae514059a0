"""How often: calls per hook, questions per operator, and failed attempts per address."""

from __future__ import annotations

import math
from ipaddress import IPv6Address, IPv6Network
from typing import Final

import msgspec

from fairlead.accounts.addresses import IpAddress, is_tradingview
from fairlead.ports import Clock

FAILURES_PER_MINUTE_MAX: Final = 120
WINDOW_S: Final = 60
# Beyond so many within a minute, callers who were not counted yet are counted together.
COUNTED_MAX: Final = 20_000
# Whoever has one address of IPv6 has all of its network.
IPV6_PREFIX: Final = 64
_EVERYBODY_ELSE: Final = ""


class _Window(msgspec.Struct):
    ends_s: float
    count: int = 0


class CallRates:
    """Counts in memory, in windows of a minute that begin with the first call; a restart forgives."""

    def __init__(self, clock: Clock) -> None:
        """Start with nothing counted."""
        self._clock = clock
        # In the order of their ends, because all are equally long.
        self._windows: dict[tuple[str, str], _Window] = {}

    @property
    def counted(self) -> int:
        """How many windows are held."""
        return len(self._windows)

    def hit_hook(self, hook_id: str, per_minute: int) -> int | None:
        """Count a call of a hook; when there are too many, the seconds until the next is welcome."""
        return self._hit("hook", hook_id, max(per_minute, 1))

    def hit_user(self, user_id: str, per_minute: int) -> int | None:
        """Count a user's call about bots; when there are too many, the seconds until the next is welcome."""
        return self._hit("user", user_id, per_minute)

    def hit_play(self, user_id: str, per_minute: int) -> int | None:
        """Count a user's call that plays a bot through; when there are too many, the seconds until the next."""
        return self._hit("play", user_id, per_minute)

    def hit_metrics(self, address: IpAddress | None, per_minute: int) -> int | None:
        """Count an operator's question; when there are too many, the seconds until the next is welcome."""
        return self._hit("metrics", _name_of(address), per_minute)

    def note_failure(self, address: IpAddress | None) -> int | None:
        """Count a failed attempt; when an address has had its share, the seconds until it may try again.

        TradingView's four addresses belong to all its customers, so none of them can use up the share of the others.
        """
        return None if is_tradingview(address) else self._hit("failure", _name_of(address), FAILURES_PER_MINUTE_MAX)

    def blocked_s(self, address: IpAddress | None) -> int | None:
        """Seconds until an address may try a password again, if it has had its share of failures."""
        if is_tradingview(address):
            return None
        window = self._windows.get(("failure", _name_of(address)))
        return None if window is None or window.count < FAILURES_PER_MINUTE_MAX else self._wait_s(window)

    def _hit(self, kind: str, name: str, per_minute: int) -> int | None:
        window = self._open(kind, name)
        if window.count >= per_minute:
            return self._wait_s(window)
        window.count += 1
        return None

    def _open(self, kind: str, name: str) -> _Window:
        self._drop_ended()
        if (kind, name) not in self._windows and len(self._windows) >= COUNTED_MAX:
            name = _EVERYBODY_ELSE
        return self._windows.setdefault((kind, name), _Window(ends_s=self._clock.monotonic_s() + WINDOW_S))

    def _drop_ended(self) -> None:
        now_s = self._clock.monotonic_s()
        while self._windows and next(iter(self._windows.values())).ends_s <= now_s:
            del self._windows[next(iter(self._windows))]

    def _wait_s(self, window: _Window) -> int | None:
        left_s = window.ends_s - self._clock.monotonic_s()
        return math.ceil(left_s) if left_s > 0 else None


def _name_of(address: IpAddress | None) -> str:
    return str(IPv6Network((address, IPV6_PREFIX), strict=False)) if isinstance(address, IPv6Address) else str(address)
