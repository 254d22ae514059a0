"""Processes that share one database, one account and one address: OKX refuses none of them for its rate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fairlead.clock import SystemClock
from fairlead.core.model import reports as rp
from fairlead.core.model.secret import Secret
from fairlead.store.session import Store
from fairlead.venues.okx.governor import RateGovernor, Share
from fairlead.venues.okx.opening import open_okx
from fairlead.venues.okx.outcomes import Answered
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.rows import ConfigRow
from fairlead.venues.okx.seats import LimitSeats
from fairlead.venues.okx.signing import OkxKeys
from fairlead.wiring.okx_seats import StoredSeatBook, gather_limits, open_seats
from tests.servers.clean import clean_url, on_every_database
from tests.venues.okx.okx_floor import OkxFloor, open_floor, until

CONFIG = "account/config"
AT_ONCE = 6


@pytest.fixture(name="kind")
def _kind(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture(name="url")
def _url(tmp_path: Path, kind: str) -> str:
    return clean_url(kind, tmp_path / "home")


@pytest.fixture(name="floor")
async def _floor() -> AsyncIterator[OkxFloor]:
    async with open_floor() as floor:
        yield floor


@dataclass
class Neighbor:
    """What one process has of its own: connections to the database, a governor, and what it was answered."""

    floor: OkxFloor
    store: Store
    governor: RateGovernor = field(default_factory=lambda: RateGovernor(SystemClock()))
    answers: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seats: LimitSeats = open_seats(self.store, self.governor, self.floor.clock)
        self.rest = OkxRest(self.floor.connection, self.governor, self.floor.clock, account_id="a1", keys=self.keys)

    def keys(self) -> OkxKeys:
        key = self.floor.members[0].key
        return OkxKeys(api_key=Secret(key.key), api_secret=Secret(key.secret), passphrase=Secret(key.passphrase))

    async def press(self) -> None:
        """Ask as often as is allowed, for ever."""
        while True:
            self.answers.append(await self.rest.get(CONFIG, ConfigRow))
            self.answers.append(await self.rest.measure_clock())

    async def check(self) -> None:
        """What `fairlead account check` does."""
        assert await self.seats.take_spare()
        account = self.floor.trader().account
        found = await open_okx(account, self.floor.connection, self.keys, self.floor.clock, self.governor).start()
        assert not isinstance(found, rp.Unknown)
        await self.seats.leave()


@asynccontextmanager
async def pressing(neighbor: Neighbor) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(neighbor.press()) for _ in range(AT_ONCE)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


@pytest.mark.slow
@on_every_database
async def test_a_server_commands_beside_it_and_the_server_after_it_keep_to_the_limits_together(
    url: str, floor: OkxFloor
) -> None:
    stores = [Store(url) for _ in range(4)]
    first, successor, command, other = (Neighbor(floor, store) for store in stores)
    try:
        assert await first.seats.take_main()
        async with pressing(first):
            await asyncio.sleep(0.3)
            commands = asyncio.gather(command.check(), other.check())
            await asyncio.sleep(0.3)
        # Killed: it gave nothing back. The next one is there at once, and asks as much as it may.
        assert await successor.seats.take_main()
        async with pressing(successor):
            await commands
            await asyncio.sleep(0.2)
        assert [one.governor.refused.total() for one in (first, successor, command, other)] == [0, 0, 0, 0]
        for one in (first, successor):
            assert one.answers
            assert all(answer is True or isinstance(answer, Answered) for answer in one.answers)
    finally:
        await successor.seats.leave()
        for store in stores:
            await store.close()


async def test_processes_that_do_not_know_of_each_other_are_refused(url: str, floor: OkxFloor) -> None:
    stores = [Store(url), Store(url)]
    both = [Neighbor(floor, store) for store in stores]
    for one in both:
        one.governor.use(Share.MAIN)
    async with pressing(both[0]), pressing(both[1]):
        await until(lambda: any(one.governor.refused for one in both))
    figures = {row.endpoint: row for one in both for row in gather_limits(one.governor) if row.refused}
    assert figures.keys() <= {f"GET {CONFIG}", "GET public/time"}
    for store in stores:
        await store.close()


@on_every_database
async def test_a_seat_is_written_only_over_what_was_read(url: str, floor: OkxFloor) -> None:
    stores = [Store(url), Store(url)]
    first, second = (StoredSeatBook(store) for store in stores)
    seats = [Neighbor(floor, store).seats for store in stores]
    assert await first.read(Share.SPARE) is None
    assert await seats[0].take_spare()
    known = await second.read(Share.SPARE)
    assert known is not None
    await seats[0].leave()
    assert not await second.write(known, known)
    assert not await second.write(known, None)
    left = await second.read(Share.SPARE)
    assert left is not None
    assert left.holder == ""
    outcomes = await asyncio.gather(first.write(known, left), second.write(known, left))
    assert sorted(outcomes) == [False, True]
    for store in stores:
        await store.close()
