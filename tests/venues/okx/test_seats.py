"""Seats at OKX's limits, in virtual time: whoever comes, goes or dies, no window holds more than the limit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.clock import VirtualClock
from fairlead.venues.okx.governor import Ask, Limit, LimitTable, RateGovernor, Scope, Share, load_limits
from fairlead.venues.okx.seats import HANDOVER_MS, LEASE_MS, PATIENCE_MS, SKEW_MS, LimitSeats, Seat

START_MS = 1_767_600_000_000
CONFIG = "GET account/config"
CONFIGS = Ask(endpoint=CONFIG, account="a1")
LIMIT = Limit(count=5, window_ms=2_000, scope=Scope.ACCOUNT)
LIMITS = LimitTable(account_orders=LIMIT, endpoints={CONFIG: LIMIT})


class MemorySeats:
    """Seats that all processes of one test see."""

    def __init__(self) -> None:
        self.rows: dict[Share, Seat] = {}
        self.is_away = False

    async def read(self, share: Share) -> Seat | None:
        return self.rows.get(share)

    async def write(self, seat: Seat, before: Seat | None) -> bool:
        if self.is_away or self.rows.get(seat.share) != before:
            return False
        self.rows[seat.share] = seat
        return True


class Line:
    """One process's way to those seats; a dead one's is cut."""

    def __init__(self, book: MemorySeats) -> None:
        self.book = book
        self.is_cut = False

    async def read(self, share: Share) -> Seat | None:
        return await self.book.read(share)

    async def write(self, seat: Seat, before: Seat | None) -> bool:
        return not self.is_cut and await self.book.write(seat, before)


class Station:
    """Processes over one clock, and when what they sent arrived at OKX."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START_MS)
        self.book = MemorySeats()
        self.arrived: list[int] = []
        self._names = 0
        self._tasks: list[asyncio.Task[bool]] = []

    def process(self) -> Process:
        self._names += 1
        return Process(self, f"process {self._names}")

    def begin(self, work: asyncio.Task[bool]) -> asyncio.Task[bool]:
        self._tasks.append(work)
        return work

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.clock.settle()


class Process:
    """One process: its governor, and its way to a seat."""

    def __init__(self, station: Station, name: str) -> None:
        self.station = station
        self.governor = RateGovernor(station.clock, LIMITS)
        self.line = Line(station.book)
        self.seats = LimitSeats(self.line, self.governor, station.clock, holder=name)

    def take(self, share: Share) -> asyncio.Task[bool]:
        seats = self.seats
        work = seats.take_main() if share is Share.MAIN else seats.take_spare()
        return self.station.begin(asyncio.create_task(work))

    async def count_free(self) -> int:
        """How many requests would be let go at this moment."""
        count = 0
        while (admission := await self.governor.admit(CONFIGS, wait_max_ms=0)) is not None:
            admission.done()
            count += 1
        return count

    async def press(self, transit_ms: int) -> bool:
        """Send as much as is allowed, for ever; each request needs that long to OKX."""
        clock = self.station.clock
        while (admission := await self.governor.admit(CONFIGS, wait_max_ms=PATIENCE_MS)) is not None:
            await clock.sleep_ms(transit_ms)
            self.station.arrived.append(clock.now_ms())
            admission.done()
        return False


class Life:
    """A process that takes a seat and sends what it may, until it ends."""

    def __init__(self, station: Station, share: Share, transit_ms: int, *, in_peace: bool) -> None:
        self.process = station.process()
        self.in_peace = in_peace
        pressing = asyncio.create_task(self.process.press(transit_ms))
        self.tasks = [self.process.take(share), station.begin(pressing)]

    async def end(self) -> None:
        """Stop at once; who ends in peace gives its seat back."""
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)
        if self.in_peace:
            await self.process.seats.leave()
        else:
            self.process.line.is_cut = True


@pytest.fixture(name="station")
def _station() -> Station:
    return Station()


@pytest.mark.parametrize("limit", load_limits().endpoints.values(), ids=load_limits().endpoints)
def test_both_seats_together_are_the_limit(limit: Limit) -> None:
    parts = [limit.part(share) for share in (Share.MAIN, Share.SPARE)]
    assert sum(parts) == limit.count
    assert parts[0] >= 1
    assert limit.part(Share.NONE) == 0


async def test_nothing_is_let_go_before_a_seat_is_taken(station: Station) -> None:
    process = station.process()
    assert await process.count_free() == 0
    assert await process.take(Share.MAIN)
    assert await process.count_free() == 4
    await station.stop()


async def test_who_waits_for_a_seat_is_let_go_when_it_is_taken(station: Station) -> None:
    process = station.process()
    waiting = asyncio.create_task(process.governor.admit(CONFIGS, wait_max_ms=PATIENCE_MS))
    await station.clock.run_ms(500)
    assert not waiting.done()
    await process.take(Share.MAIN)
    assert await waiting is not None
    await station.stop()


async def test_after_a_server_that_died_the_next_one_lets_a_window_pass(station: Station) -> None:
    assert await station.process().take(Share.MAIN)
    await station.clock.run_ms(3_600_000)
    taken = station.process().take(Share.MAIN)
    await station.clock.run_ms(HANDOVER_MS - 1)
    assert not taken.done()
    await station.clock.run_ms(1)
    assert taken.done()
    await station.stop()


async def test_after_a_server_that_stopped_in_peace_only_the_rest_of_a_window_is_waited_for(station: Station) -> None:
    first = station.process()
    await first.take(Share.MAIN)
    await first.seats.leave()
    assert await first.count_free() == 0
    await station.clock.run_ms(HANDOVER_MS + SKEW_MS)
    taken = station.process().take(Share.MAIN)
    await station.clock.settle()
    assert taken.done()
    await station.stop()


async def test_a_command_has_the_spare_seat_at_once_while_a_server_runs(station: Station) -> None:
    server, command = station.process(), station.process()
    assert await server.take(Share.MAIN)
    assert await command.take(Share.SPARE)
    assert (await server.count_free(), await command.count_free()) == (4, 1)
    await station.stop()


async def test_two_commands_follow_one_another(station: Station) -> None:
    first, second = station.process(), station.process()
    assert await first.take(Share.SPARE)
    taken = second.take(Share.SPARE)
    await station.clock.run_ms(LEASE_MS * 2)
    assert not taken.done()
    assert await first.count_free() == 1
    await first.seats.leave()
    await station.clock.run_ms(HANDOVER_MS)
    assert not taken.done()
    await station.clock.run_ms(SKEW_MS + 500)
    assert taken.done()
    assert (await first.count_free(), await second.count_free()) == (0, 1)
    await station.stop()


async def test_the_seat_of_a_command_that_died_is_free_when_its_lease_is_over(station: Station) -> None:
    dead = Seat(share=Share.SPARE, holder="dead", free_ms=START_MS + LEASE_MS + HANDOVER_MS)
    station.book.rows[Share.SPARE] = dead
    taken = station.process().take(Share.SPARE)
    await station.clock.run_ms(LEASE_MS + HANDOVER_MS - 1)
    assert not taken.done()
    await station.clock.run_ms(500)
    assert taken.result() is True
    await station.stop()


async def test_a_clock_that_was_set_does_not_keep_the_seat_for_hours(station: Station) -> None:
    station.book.rows[Share.SPARE] = Seat(share=Share.SPARE, holder="ahead", free_ms=START_MS + 86_400_000)
    taken = station.process().take(Share.SPARE)
    await station.clock.run_ms(LEASE_MS + HANDOVER_MS + 500)
    assert taken.result() is True
    await station.stop()


async def test_who_cannot_renew_lets_nothing_go_before_another_may(station: Station) -> None:
    process = station.process()
    await process.take(Share.SPARE)
    station.book.is_away = True
    await station.clock.run_ms(LEASE_MS - 1)
    assert await process.count_free() == 1
    await station.clock.run_ms(2_001)
    assert await process.count_free() == 0
    assert station.clock.now_ms() < station.book.rows[Share.SPARE].free_ms
    await station.stop()


async def test_a_command_gives_up_when_others_ask_all_the_time(station: Station) -> None:
    assert await station.process().take(Share.SPARE)
    waiting = station.process().take(Share.SPARE)
    await station.clock.run_ms(PATIENCE_MS + 1_000)
    assert waiting.result() is False
    await station.stop()


async def test_a_seat_that_cannot_be_written_is_not_taken(station: Station) -> None:
    station.book.is_away = True
    process = station.process()
    assert not await process.take(Share.MAIN)
    assert await process.count_free() == 0


async def test_a_server_does_not_take_its_seat_twice(station: Station) -> None:
    process = station.process()
    assert await asyncio.gather(process.take(Share.MAIN), process.take(Share.MAIN), process.take(Share.SPARE))
    assert station.book.rows.keys() == {Share.MAIN}
    await station.stop()


@settings(max_examples=25, deadline=None)
@given(
    lives=st.lists(
        st.tuples(
            st.sampled_from([Share.MAIN, Share.SPARE]), st.integers(0, 5_000), st.integers(0, 900), st.booleans()
        ),
        min_size=1,
        max_size=8,
    )
)
async def test_no_window_holds_more_than_the_limit_whoever_comes_goes_or_dies(
    lives: Sequence[tuple[Share, int, int, bool]],
) -> None:
    station = Station()
    servers: list[Life] = []
    for share, life_ms, transit_ms, in_peace in lives:
        if share is Share.MAIN and servers:
            # There is one owner of a database: the one before is gone when the next one comes.
            await servers.pop().end()
        life = Life(station, share, transit_ms, in_peace=in_peace)
        await station.clock.run_ms(life_ms)
        if share is Share.MAIN:
            servers.append(life)
        else:
            await life.end()
    await station.stop()
    arrived = station.arrived
    assert all(sum(at_ms <= other < at_ms + 2_000 for other in arrived) <= LIMIT.count for at_ms in arrived)
