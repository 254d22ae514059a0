"""An account's private sockets: one life after another, each begun by reading what was missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from fairlead.core.model.reports import ExecutionReport
from fairlead.ports import DeliverReports
from fairlead.venues.okx.catching_up import CatchUp
from fairlead.venues.okx.connection import describe
from fairlead.venues.okx.follower import Follower, MissedPushError
from fairlead.venues.okx.order_socket import OrderSocket
from fairlead.venues.okx.outcomes import Failure
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.signing import OkxKeys, sign_login
from fairlead.venues.okx.socket_line import Frame, SocketEndedError, SocketLine
from fairlead.venues.okx.stories import StoryTeller
from fairlead.venues.okx.tracking import OrderTracker

FRAMES_WAITING_MAX: Final = 20_000
PAUSE_FIRST_MS: Final = 250
PAUSE_MAX_MS: Final = 30_000
STEADY_MS: Final = 60_000
"""A life that lasted this long was a good one: the next begins at once."""

BILLS_EVERY_MS: Final = 2_000
SWEEP_EVERY_MS: Final = 15_000
"""A push that was lost with none after it is found by looking: everything is read again this often."""

_PRIVATE: Final = ({"channel": "orders", "instType": "ANY"}, {"channel": "account"})
_BUSINESS: Final = (
    {"channel": "orders-algo", "instType": "ANY"},
    {"channel": "algo-advance", "instType": "ANY"},
)

Frames = asyncio.Queue[Frame | str | None]
"""Pushes; None: it is time to read everything again; a text: a line has ended, and why."""

_log = structlog.get_logger("fairlead.venues.okx")


class PrivateStream:
    """Delivers every report of one account, over as many lives of its sockets as it takes."""

    def __init__(self, rest: OkxRest, tracker: OrderTracker, keys: Callable[[], OkxKeys]) -> None:
        """Prepare; ``run`` connects."""
        self.is_up = False
        self.orders = OrderSocket(rest.clock)
        self._rest = rest
        self._keys = keys
        self._listener: DeliverReports | None = None
        stories = StoryTeller(rest, tracker, is_delivered=True)
        self._follower = Follower(rest, tracker, stories, self.deliver)
        self._catch_up = CatchUp(rest, tracker, stories, self._follower)

    def deliver_to(self, listener: DeliverReports) -> None:
        """Hand later reports to this one."""
        self._listener = listener

    def deliver(self, reports: Sequence[ExecutionReport]) -> None:
        """Hand reports over; while nobody listens they may go: a desk asks about all its orders when it opens."""
        if self._listener is not None and reports:
            self._listener(reports)

    async def begin_bills(self) -> Failure | None:
        """Note the newest movement of cash; only later ones are reported."""
        return await self._catch_up.begin_bills()

    async def run(self) -> None:
        """Connect, catch up, follow; and again when a socket ends."""
        pause_ms = PAUSE_FIRST_MS
        while True:
            begun_ms = self._rest.clock.now_ms()
            reason = await self._live()
            is_steady = self._rest.clock.now_ms() - begun_ms >= STEADY_MS
            pause_ms = PAUSE_FIRST_MS if is_steady else min(2 * pause_ms, PAUSE_MAX_MS)
            _log.warning("okx_stream_ended", account=self._rest.account_id, reason=reason, again_in_ms=pause_ms)
            await self._rest.clock.sleep_ms(pause_ms)

    async def _live(self) -> str:
        """One life; returns why it ended, and never raises: the next one must begin whatever this one met."""
        lines = [self._line("private"), self._line("business")]
        frames: Frames = asyncio.Queue(FRAMES_WAITING_MAX)
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._rest.measure_clock()
            for line, channels in zip(lines, (_PRIVATE, _BUSINESS), strict=True):
                await self._rest.admit_socket()
                await line.open(channels)
            tasks = [asyncio.create_task(_pour(line, frames)) for line in lines]
            self.orders.use(lines[0])
            missed = await self._catch_up.read_all()
            if missed is not None:
                return f"what was missed could not be read: {missed.message}"
            self.is_up = True
            tasks += [asyncio.create_task(self._watch_bills()), asyncio.create_task(self._sweep(frames))]
            return await self._follow(frames)
        except (SocketEndedError, MissedPushError) as error:
            return str(error)
        except Exception as error:
            _log.exception("okx_stream_failed", account=self._rest.account_id)
            return describe(error)
        finally:
            self.is_up = False
            self.orders.use(None)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, *(line.close() for line in lines), return_exceptions=True)

    async def _follow(self, frames: Frames) -> str:
        while True:
            frame = await frames.get()
            if isinstance(frame, str):
                return frame
            if frame is not None:
                await self._follower.take(frame)
                self._catch_up.heard_ms = self._rest.clock.now_ms()
                continue
            missed = await self._catch_up.read_all()
            if missed is not None:
                _log.warning("okx_sweep_failed", account=self._rest.account_id, reason=missed.message)

    async def _sweep(self, frames: Frames) -> None:
        while True:
            await self._rest.clock.sleep_ms(SWEEP_EVERY_MS)
            if not frames.full():
                # In line with the pushes, so that both never tell at once.
                frames.put_nowait(None)

    async def _watch_bills(self) -> None:
        while True:
            await self._rest.clock.sleep_ms(BILLS_EVERY_MS)
            if self._follower.has_cash_moved:
                self._follower.has_cash_moved = False
                if await self._catch_up.read_bills() is not None:
                    self._follower.has_cash_moved = True

    def _line(self, place: str) -> SocketLine:
        connection = self._rest.connection
        return SocketLine(
            connection,
            place,
            self._rest.clock,
            login=lambda: sign_login(self._keys(), server_ms=connection.server_ms),
        )


async def _pour(line: SocketLine, frames: Frames) -> None:
    """Read a line into the queue; who cannot keep up loses the line, and catches up over REST."""
    try:
        reason = await line.read(frames.put_nowait)
    except asyncio.QueueFull:
        reason = f"more than {FRAMES_WAITING_MAX} messages wait"
    except Exception as error:
        reason = describe(error)
    while frames.full():
        frames.get_nowait()
    frames.put_nowait(reason)
