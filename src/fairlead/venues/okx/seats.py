"""Shares OKX's rate limits between the processes of one database: each takes a seat, and with it a part of every limit.

There are two seats. The main one is the server's, which owns the database anyway; the spare one is for commands that
ask OKX something while a server runs. The parts of both together are the limit, and a seat stays empty for a while
between two holders, so no window of OKX ever holds more than the limit, whoever comes, goes or dies.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

import msgspec

from fairlead.ports import Clock
from fairlead.venues.okx.governor import RateGovernor, Share

HANDOVER_MS: Final = 3_000
"""How long a seat stays empty: the longest window of OKX's limits, and a second for what is still on its way."""

LEASE_MS: Final = 10_000
"""How long the spare seat is kept without a sign of life."""

RENEW_EVERY_MS: Final = 3_000
SKEW_MS: Final = 1_000
"""How far the clocks of machines that share a database may be apart."""

LOOK_AGAIN_MS: Final = 250
PATIENCE_MS: Final = 30_000
"""How long somebody waits for the spare seat: longer than one who died can keep it."""

TRIES_MAX: Final = 5
HELD_MS: Final = 2**62
"""The moment when a seat with an owner becomes free by itself: never."""


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """Who has a seat, and when (UTC, ms) the next one may send; ``holder`` is empty when it was left."""

    share: Share
    holder: str
    free_ms: int


class SeatBook(Protocol):
    """Where all processes see who has which seat."""

    async def read(self, share: Share) -> Seat | None:
        """Who has it; None: nobody ever had."""
        ...

    async def write(self, seat: Seat, before: Seat | None) -> bool:
        """Write it if it is still as it was ``before``; False: it is not, or nobody can tell."""
        ...


class LimitSeats:
    """One process's way to a seat; until it has one, its governor lets nothing go."""

    def __init__(self, book: SeatBook, governor: RateGovernor, clock: Clock, *, holder: str) -> None:
        """Take nothing yet; ``holder`` names this process and no other."""
        self._book = book
        self._governor = governor
        self._clock = clock
        self._holder = holder
        self._seat: Seat | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        governor.use(Share.NONE)

    async def take_main(self) -> bool:
        """Take the main seat, whoever has it: only for the process that owns the database. Again is harmless.

        Whoever had it before is gone, or it would still be the owner. False: the seat could not be written.
        """
        async with self._turn:
            for _ in range(TRIES_MAX):
                if self._seat is not None:
                    return True
                before = await self._book.read(Share.MAIN)
                seat = Seat(share=Share.MAIN, holder=self._holder, free_ms=HELD_MS)
                if await self._book.write(seat, before):
                    # What the one before has sent still counts at OKX.
                    if pause_ms := min(self._pause_ms(before), HANDOVER_MS):
                        await self._clock.sleep_ms(pause_ms)
                    self._seat = seat
                    self._governor.use(Share.MAIN)
            return self._seat is not None

    async def take_spare(self) -> bool:
        """Wait for the spare seat and keep it until ``leave``; False when others had it all the time."""
        async with self._turn:
            return self._seat is not None or await self._wait_for_spare()

    async def leave(self) -> None:
        """Give the seat back; the next one may use it once what was sent does not count any longer."""
        async with self._turn:
            if self._keeper is not None:
                self._keeper.cancel()
                self._keeper = None
            if self._seat is None:
                return
            left, self._seat = self._seat, None
            self._governor.use(Share.NONE)
            free_ms = self._clock.now_ms() + HANDOVER_MS
            await self._book.write(Seat(share=left.share, holder="", free_ms=free_ms), left)

    async def _wait_for_spare(self) -> bool:
        began_ms = self._moment_ms()
        seen: Seat | None = None
        free_at_ms = began_ms
        while self._moment_ms() <= began_ms + PATIENCE_MS:
            before = await self._book.read(Share.SPARE)
            if before != seen:
                # By our own clock from here on: a clock that was set must not keep the seat for hours.
                seen, free_at_ms = before, self._moment_ms() + min(self._pause_ms(before), LEASE_MS + HANDOVER_MS)
            if self._moment_ms() >= free_at_ms and await self._lease(before):
                self._keeper = asyncio.create_task(self._keep())
                return True
            await self._clock.sleep_ms(LOOK_AGAIN_MS)
        return False

    async def _lease(self, before: Seat | None) -> bool:
        began_ms = self._moment_ms()
        free_ms = self._clock.now_ms() + LEASE_MS + HANDOVER_MS
        seat = Seat(share=Share.SPARE, holder=self._holder, free_ms=free_ms)
        if not await self._book.write(seat, before):
            return False
        self._seat = seat
        self._governor.use(Share.SPARE, for_ms=began_ms + LEASE_MS - self._moment_ms())
        return True

    async def _keep(self) -> None:
        # When it cannot be renewed, the share ends by itself before anybody else may have it.
        is_kept = True
        while is_kept:
            await self._clock.sleep_ms(RENEW_EVERY_MS)
            async with self._turn:
                is_kept = await self._lease(self._seat)

    def _pause_ms(self, before: Seat | None) -> int:
        return 0 if before is None else max(0, before.free_ms + SKEW_MS - self._clock.now_ms())

    def _moment_ms(self) -> int:
        return round(self._clock.monotonic_s() * 1_000)
