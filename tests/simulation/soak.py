"""Virtual days of ordinary trade on many accounts, with a crash now and then: nothing may grow, nothing may be left."""

from __future__ import annotations

import asyncio
import gc
import os
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from structlog.testing import capture_logs

from fairlead.simulator.rules import HOUR_MS
from tests.simulation.cast import TENANTS, Sent, write_alert
from tests.simulation.disk import Disk
from tests.simulation.exchange_side import OKX_LIKE, RULES, SAFEST
from tests.simulation.network import Weather
from tests.simulation.server import Server, few_instruments
from tests.simulation.virtual_loop import open_loop
from tests.simulation.world import NEVER_S, Shape, World

ALERTS_PER_HOUR: Final = 40
ACCOUNTS_PER_ALERT: Final = 3
HOURS_PER_LIFE: Final = 6
# Exchanges that remember little of an account, so that the world around Fairlead soon stops growing, and that settle
# funding often: Fairlead remembers an account's latest cash moves, and reaches the limit of that within days.
FORGETFUL: Final = msgspec.structs.replace(
    RULES, finished_orders_kept_max=12, client_ids_kept_max=12, funding_interval_ms=HOUR_MS
)
SETTLED_S: Final = 90.0
# A network as it is on an ordinary day.
FAIR: Final = Weather(request_lost=0.002, request_late=0.002, answer_lost=0.004, busy=0.002, repeated=0.01)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a process holds at one moment, between two lives of Fairlead; ``rss_mb`` in megabytes.

    ``alive`` counts the lives of Fairlead that are still in memory.
    """

    virtual_hours: float
    rss_mb: float
    objects: int
    tasks: int
    descriptors: int
    alive: int
    alerts: int
    orders: int
    problems: tuple[str, ...] = ()


class Soak:
    """One world that goes on and on."""

    def __init__(self, seed: int, accounts: int, folder: Path) -> None:
        """Make it on the loop that will run it; the disk is a file, so that what is stored takes no memory."""
        disk = Disk(seed, folder / "soak.sqlite3")
        # Where doubts can be settled: elsewhere those that never can be would add up.
        shape = Shape(accounts=(accounts,), kinds=(OKX_LIKE, SAFEST), rules=FORGETFUL)
        self.world = World(seed, disk=disk, shape=shape)
        self._dice = Random(f"soak {seed}")
        self._lives: weakref.WeakSet[Server] = weakref.WeakSet()
        self._alerts = 0
        for line in self.world.lines.values():
            line.weather = FAIR

    async def run(self, lives: int, tell: Callable[[Reading], bool]) -> None:
        """Live so many lives, one crash after each; ``tell`` hears of each and says whether to go on."""
        world = self.world
        world.begin()
        world.pace(NEVER_S)
        await asyncio.sleep(SETTLED_S)
        for _ in range(lives):
            self._lives.add(world.server)
            await self._trade(HOURS_PER_LIFE)
            problems = await self._compare()
            await world.restart()
            world.events.clear()
            await asyncio.sleep(SETTLED_S)
            if not tell(self._read(problems)):
                break
        await world.stop()

    async def _trade(self, hours: int) -> None:
        world = self.world
        pause_s = 3_600 / ALERTS_PER_HOUR
        for _ in range(hours * ALERTS_PER_HOUR):
            await asyncio.sleep(self._dice.uniform(0, 2 * pause_s))
            world.tick()
            self._alerts += 1
            tenant = self._dice.choice(TENANTS)
            names = [account.label for account in world.accounts if account.tenant == tenant]
            to = self._dice.sample(names, min(len(names), ACCOUNTS_PER_ALERT))
            sent = self._write(tenant, to)
            await asyncio.wait({world.server.take(sent, world.hooks[tenant])})
            if not sent.answers:
                world.faults.found.append(f"{sent.alert}, {sent.what}: {sent.refusals}")

    def _write(self, tenant: str, to: Sequence[str]) -> Sent:
        """Make up an alert that leaves nothing resting for ever."""
        while True:
            sent = write_alert(self._alerts, tenant, self._dice, self.world.quotes, to)
            if not sent.what.startswith("limit"):
                return sent

    async def _compare(self) -> tuple[str, ...]:
        """Where books and exchanges differ, but for cash that moved while nobody listened."""
        await asyncio.sleep(SETTLED_S)
        world, trading = self.world, self.world.server.trading
        found = [*world.faults.found, *trading.halts]
        for account in world.accounts:
            desk = trading.floor.find(account.account_id)
            if desk is None:
                found.append(f"{account.label}: its desk is not open")
                continue
            await trading.compare(desk)
            # Noted once; it would add up in the world around Fairlead.
            world.sides[account.account_id].tapes[account.account_id].adjustments.clear()
            found += [f"{account.label}: {line}" for line in desk.book.drift if not line.startswith("balance ")]
        return tuple(found)

    def _read(self, problems: Sequence[str]) -> Reading:
        gc.collect()
        world = self.world
        (orders,) = world.disk.connection.execute("SELECT count(*) FROM orders").fetchone()
        return Reading(
            virtual_hours=world.loop.time() / 3_600,
            rss_mb=read_rss_mb(),
            objects=len(gc.get_objects()),
            tasks=len(asyncio.all_tasks()),
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            alive=len(self._lives),
            alerts=self._alerts,
            orders=orders,
            problems=tuple(problems),
        )


def read_rss_mb() -> float:
    """Memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_048_576


def soak(seed: int, accounts: int, lives: int, folder: Path, tell: Callable[[Reading], bool]) -> None:
    """Run a soak in virtual time; ``tell`` hears after each life and says whether to go on."""
    loop = open_loop(seed)
    try:
        with capture_logs() as lines, few_instruments():

            def hear(reading: Reading) -> bool:
                lines.clear()
                return tell(reading)

            loop.run_until_complete(_soak(seed, accounts, folder, lives, hear))
    finally:
        loop.close()


async def _soak(seed: int, accounts: int, folder: Path, lives: int, tell: Callable[[Reading], bool]) -> None:
    one = Soak(seed, accounts, folder)
    try:
        await one.run(lives, tell)
    finally:
        one.world.disk.close()
