"""Keeps every request within OKX's rate limits, and lets the urgent ones go first."""

from __future__ import annotations

import asyncio
import heapq
import tomllib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from importlib.resources import files
from typing import Final

import msgspec

from fairlead.ports import Clock

SPARE_TENTHS: Final = 1
"""A tenth of every limit stays unused: others may use the same keys or the same address."""

ENTRY_TENTHS: Final = 8
"""Of the limit over all instruments, entries get at most so much: what closes must not wait behind them."""

WAITING_MAX: Final = 10_000
"""Requests that wait for one limit; one more is not taken."""

ALL_ORDERS: Final = "orders of all instruments"
"""How the limit over all instruments of an account is named where endpoints are listed."""

BUCKETS_MAX: Final = 20_000
_TENTHS: Final = 10
_MS_PER_SECOND: Final = 1_000


class Priority(IntEnum):
    """Who goes first, lowest number first."""

    CANCEL = 0
    CLOSE = 1
    ENTRY = 2
    QUERY = 3


class Scope(StrEnum):
    """Whose requests are counted together."""

    ADDRESS = "address"
    ADDRESS_SUBJECT = "address_subject"
    ACCOUNT = "account"
    ACCOUNT_SUBJECT = "account_subject"


class Share(StrEnum):
    """Which part of every limit a process may use: OKX counts by key and by address, whatever process it is."""

    NONE = "none"
    SPARE = "spare"
    MAIN = "main"


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most ``count`` requests in any ``window_ms``; ``is_order``: counted again over all instruments."""

    count: int
    window_ms: int
    scope: Scope
    is_order: bool = False

    @property
    def usable(self) -> int:
        """What we allow ourselves of it; never less than one."""
        return max(1, self.count * (_TENTHS - SPARE_TENTHS) // _TENTHS)

    def part(self, share: Share) -> int:
        """How many of it a share is; the parts together are the limit."""
        match share:
            case Share.MAIN:
                return self.usable
            case Share.SPARE:
                return self.count - self.usable
            case Share.NONE:
                return 0


class LimitTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``limits.toml``."""

    account_orders: Limit
    endpoints: dict[str, Limit]


def load_limits() -> LimitTable:
    """Read the table that comes with the venue."""
    text = (files("fairlead.venues.okx") / "limits.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), LimitTable)


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to send what. ``subject`` is the instrument, its type or the tag, as the endpoint's scope counts.

    OKX counts each of the ``items`` of a batch by itself.
    """

    endpoint: str
    account: str = ""
    subject: str = ""
    priority: Priority = Priority.QUERY
    items: int = 1


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one limit is in use, for metrics."""

    endpoint: str
    account: str
    subject: str
    used: int
    usable: int
    waiting: int


@dataclass(slots=True)
class _Bucket:
    """The requests of one limit: how many are on their way, and when the others were answered, newest last.

    OKX counts a request somewhere between its sending and its answer. Whatever window it looks at, a request in it is
    on its way or was answered in it; a sliding window never allows more than a fixed one.
    """

    limit: Limit
    answered: deque[int]
    on_the_way: int = 0
    closed_until_ms: int = 0

    @property
    def used(self) -> int:
        """What counts now, after a look at the time."""
        return self.on_the_way + len(self.answered)

    def wait_ms(self, now_ms: int, usable: int) -> int:
        """How long at least until one more fits; 0: now."""
        while self.answered and self.answered[0] <= now_ms - self.limit.window_ms:
            self.answered.popleft()
        pause_ms = max(0, self.closed_until_ms - now_ms)
        if self.used < usable:
            return pause_ms
        free = max(usable - self.on_the_way, 0)
        begins_ms = self.answered[len(self.answered) - free] if free else now_ms
        return max(pause_ms, begins_ms + self.limit.window_ms - now_ms)


class Admission:
    """Leave to send one request now. Its sender says when it is done, answered or not."""

    __slots__ = ("_buckets", "_items", "_now_ms")

    def __init__(self, buckets: Sequence[_Bucket], now_ms: Callable[[], int], items: int = 1) -> None:
        """Count it in each of its limits."""
        self._buckets = buckets
        self._now_ms = now_ms
        self._items = items
        for bucket in buckets:
            bucket.on_the_way += items

    def done(self) -> None:
        """It is not on its way any longer; again is harmless."""
        for bucket in self._buckets:
            bucket.on_the_way -= self._items
            bucket.answered.extend([self._now_ms()] * self._items)
        self._buckets = ()


@dataclass(slots=True, order=True)
class _Waiter:
    priority: int
    number: int
    give_up_ms: int = field(compare=False)
    ask: Ask = field(compare=False)
    turn: asyncio.Future[Admission | None] = field(compare=False)


@dataclass(slots=True)
class _Lane:
    """Who waits for one limit, most urgent first, and the task that looks again when the next one may go."""

    bucket: _Bucket
    waiting: list[_Waiter] = field(default_factory=list)
    patience_ends_ms: int = 0
    timer: asyncio.Task[None] | None = None
    timer_ms: int = 0


class RateGovernor:
    """One for all venues of the process; over a clock, so that virtual time can test it."""

    def __init__(self, clock: Clock, limits: LimitTable | None = None, *, share: Share = Share.MAIN) -> None:
        """Begin with nothing counted; ``share`` is other than all that one process may use where others ask as well."""
        self.refused: Counter[str] = Counter()
        """What OKX refused for its rate, by endpoint."""
        self._share = share
        self._share_ends_ms: int | None = None
        self._clock = clock
        self._limits = limits or load_limits()
        self._lanes: dict[tuple[str, str, str], _Lane] = {}
        self._orders: dict[str, _Bucket] = {}
        self._number = 0

    def use(self, share: Share, *, for_ms: int | None = None) -> None:
        """Keep to a share of every limit from now on; with ``for_ms`` to none of any after that time."""
        self._share = share
        self._share_ends_ms = None if for_ms is None else self._now_ms() + for_ms
        for lane in list(self._lanes.values()):
            self._pump(lane)

    async def admit(self, ask: Ask, *, wait_max_ms: int) -> Admission | None:
        """Wait until a request fits its limits and count it; None when that would take too long, or too many wait."""
        lane = self._lane(ask)
        if len(lane.waiting) >= WAITING_MAX:
            return None
        give_up_ms = self._now_ms() + wait_max_ms
        self._number += 1
        turn: asyncio.Future[Admission | None] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(ask.priority, self._number, give_up_ms, ask, turn)
        lane.patience_ends_ms = min(lane.patience_ends_ms, give_up_ms) if lane.waiting else give_up_ms
        heapq.heappush(lane.waiting, waiter)
        self._pump(lane)
        try:
            return await turn
        except asyncio.CancelledError:
            if waiter in lane.waiting:
                lane.waiting.remove(waiter)
                heapq.heapify(lane.waiting)
                self._pump(lane)
            raise

    def is_full(self, ask: Ask) -> bool:
        """Whether one more would have to wait."""
        lane = self._lane(ask)
        return bool(lane.waiting) or self._pause_ms(lane, ask, self._now_ms()) > 0

    def close(self, ask: Ask, *, for_ms: int, all_orders: bool = False) -> None:
        """OKX refused one for its rate, so it counts otherwise than we do: send nothing more for a while.

        ``all_orders``: it was the limit over all instruments of the account.
        """
        self.refused[ALL_ORDERS if all_orders else ask.endpoint] += 1
        bucket = self._account_orders(ask.account) if all_orders else self._lane(ask).bucket
        bucket.closed_until_ms = max(bucket.closed_until_ms, self._now_ms() + for_ms)

    def usage(self) -> list[Usage]:
        """How much of each limit is in use now."""
        lanes = [(key, lane.bucket, len(lane.waiting)) for key, lane in self._lanes.items()]
        orders = [((ALL_ORDERS, account, ""), bucket, 0) for account, bucket in self._orders.items()]
        return [self._usage(key, bucket, waiting) for key, bucket, waiting in (*lanes, *orders)]

    def _usage(self, key: tuple[str, str, str], bucket: _Bucket, waiting: int) -> Usage:
        endpoint, account, subject = key
        usable = self._usable(bucket.limit)
        bucket.wait_ms(self._now_ms(), usable)
        return Usage(
            endpoint=endpoint, account=account, subject=subject, used=bucket.used, usable=usable, waiting=waiting
        )

    def _pump(self, lane: _Lane) -> None:
        """Let go whoever fits now, most urgent first; and look again when the next one does."""
        now_ms = self._now_ms()
        while lane.waiting:
            first = lane.waiting[0]
            pause_ms = self._pause_ms(lane, first.ask, now_ms)
            if 0 < pause_ms <= first.give_up_ms - now_ms:
                _end_patience(lane, now_ms)
                self._look_again(lane, min(now_ms + pause_ms, lane.patience_ends_ms), now_ms)
                return
            heapq.heappop(lane.waiting)
            if not first.turn.done():
                first.turn.set_result(self._count(lane, first.ask) if pause_ms <= 0 else None)
        if lane.timer is not None:
            lane.timer.cancel()
            lane.timer = None

    def _look_again(self, lane: _Lane, at_ms: int, now_ms: int) -> None:
        if lane.timer is not None and not lane.timer.done():
            if now_ms < lane.timer_ms <= at_ms:
                return
            lane.timer.cancel()
        lane.timer_ms = at_ms
        lane.timer = asyncio.create_task(self._wait_and_pump(lane, at_ms - now_ms))

    async def _wait_and_pump(self, lane: _Lane, pause_ms: int) -> None:
        await self._clock.sleep_ms(pause_ms)
        lane.timer = None
        self._pump(lane)

    def _pause_ms(self, lane: _Lane, ask: Ask, now_ms: int) -> int:
        more = ask.items - 1
        pause_ms = lane.bucket.wait_ms(now_ms, self._usable(lane.bucket.limit) - more)
        if not lane.bucket.limit.is_order:
            return pause_ms
        orders = self._account_orders(ask.account)
        usable = self._usable(orders.limit)
        if ask.priority is Priority.ENTRY:
            usable = usable * ENTRY_TENTHS // _TENTHS
        return max(pause_ms, orders.wait_ms(now_ms, usable - more))

    def _usable(self, limit: Limit) -> int:
        is_over = self._share_ends_ms is not None and self._now_ms() >= self._share_ends_ms
        return limit.part(Share.NONE if is_over else self._share)

    def _count(self, lane: _Lane, ask: Ask) -> Admission:
        orders = (self._account_orders(ask.account),) if lane.bucket.limit.is_order else ()
        return Admission((lane.bucket, *orders), self._now_ms, ask.items)

    def _lane(self, ask: Ask) -> _Lane:
        limit = self._limits.endpoints[ask.endpoint]
        by_account = limit.scope in {Scope.ACCOUNT, Scope.ACCOUNT_SUBJECT}
        by_subject = limit.scope in {Scope.ADDRESS_SUBJECT, Scope.ACCOUNT_SUBJECT}
        key = (ask.endpoint, ask.account if by_account else "", ask.subject if by_subject else "")
        lane = self._lanes.get(key)
        if lane is None:
            self._make_room()
            lane = self._lanes[key] = _Lane(_bucket(limit))
        return lane

    def _account_orders(self, account: str) -> _Bucket:
        bucket = self._orders.get(account)
        if bucket is None:
            bucket = self._orders[account] = _bucket(self._limits.account_orders)
        return bucket

    def _make_room(self) -> None:
        # A limit that nobody has used lately counts nothing: it is made anew when it is needed.
        if len(self._lanes) < BUCKETS_MAX:
            return
        now_ms = self._now_ms()
        for key, lane in list(self._lanes.items()):
            lane.bucket.wait_ms(now_ms, lane.bucket.limit.usable)
            if not lane.bucket.used and not lane.waiting and lane.bucket.closed_until_ms <= now_ms:
                del self._lanes[key]

    def _now_ms(self) -> int:
        return round(self._clock.monotonic_s() * _MS_PER_SECOND)


def _bucket(limit: Limit) -> _Bucket:
    return _Bucket(limit, deque(maxlen=limit.count))


def _end_patience(lane: _Lane, now_ms: int) -> None:
    """Send away whoever has waited as long as he would, wherever he stands."""
    if lane.patience_ends_ms > now_ms:
        return
    for waiter in lane.waiting:
        if waiter.give_up_ms <= now_ms and not waiter.turn.done():
            waiter.turn.set_result(None)
    lane.waiting = [waiter for waiter in lane.waiting if not waiter.turn.done()]
    heapq.heapify(lane.waiting)
    lane.patience_ends_ms = min((waiter.give_up_ms for waiter in lane.waiting), default=now_ms)
