# ruff: noqa: INP001 (a script, not a package)
"""Measure the journal on SQLite, PostgreSQL and MariaDB, each beside what its bare driver does with the same bytes.

Run it as ``.venv/bin/python -m bench.databases [--database all] [--orders 5000] [--rounds 5]``. One order is two units.
Each database is a real one with every commit on disk; servers are started for the run on free ports. Rounds alternate
bare and journal, because disks have slow phases, and the round in the middle by its ratio is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import psycopg
import pymysql

from bench.journal import fail, make_units, say
from fairlead.clock import SystemClock
from fairlead.ports import AppendOutcome, Committed, Unit
from fairlead.store.databases.latest import latest_states
from fairlead.store.databases.server import connect_arguments
from fairlead.store.journal import StoredJournal
from fairlead.store.migrate import migrate
from fairlead.store.rows import Draft, make_tip
from fairlead.store.sqlite_file import open_writer
from fairlead.store.urls import sqlite_path
from tests.servers.database_server import RealServer, make_server

KINDS: Final = ("sqlite", "postgresql", "mariadb")
WAITING: Final = (1, 300)
# One at a time is slow, and a few hundred of them say enough.
LONE_ORDERS_MAX: Final = 500
PILOT_SHARE: Final = 4
CLOCK: Final = SystemClock()
NUMBERS: Final = count()

BareRow = tuple[int, bytes]


class Speed(NamedTuple):
    """Units a second, how many units shared a commit, and how long each took in seconds."""

    units_per_s: float
    units_per_commit: float
    times_s: Sequence[float]

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.times_s)
        return 1_000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class BareDatabase(Protocol):
    """A driver and nothing around it: a table of numbers and bytes."""

    def store(self, rows: Sequence[BareRow]) -> None:
        """Insert the rows of one batch and commit."""
        ...

    def close(self) -> None: ...


class BareSqlite:
    """sqlite3, opened as durably as the journal's own."""

    def __init__(self, url: str) -> None:
        self._connection = open_writer(sqlite_path(url))
        self._connection.execute("CREATE TABLE bare (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")

    def store(self, rows: Sequence[BareRow]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO bare VALUES (?, ?)", rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.execute("DROP TABLE bare")
        self._connection.close()


class BarePostgresql:
    """psycopg, with all rows of a batch in one statement."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(**connect_arguments(url), autocommit=True)
        self._connection.execute("CREATE TABLE bare (seq bigint PRIMARY KEY, body bytea NOT NULL)")

    def store(self, rows: Sequence[BareRow]) -> None:
        numbers, bodies = [row[0] for row in rows], [row[1] for row in rows]
        self._connection.execute("BEGIN")
        insert = "INSERT INTO bare SELECT * FROM unnest(%b::bigint[], %b::bytea[])"
        self._connection.execute(insert, (numbers, bodies))
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.execute("DROP TABLE bare")
        self._connection.close()


class BareMariadb:
    """PyMySQL, with all rows of a batch in one statement."""

    def __init__(self, url: str) -> None:
        self._connection = pymysql.connect(**connect_arguments(url), autocommit=True, binary_prefix=True)
        self._run("CREATE TABLE bare (seq BIGINT PRIMARY KEY, body LONGBLOB NOT NULL) ENGINE=InnoDB")

    def store(self, rows: Sequence[BareRow]) -> None:
        self._connection.begin()
        with self._connection.cursor() as cursor:
            cursor.executemany("INSERT INTO bare VALUES (%s, %s)", rows)
        self._connection.commit()

    def close(self) -> None:
        self._run("DROP TABLE bare")
        self._connection.close()

    def _run(self, sql: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)


BARE: Final[dict[str, type[BareSqlite | BarePostgresql | BareMariadb]]] = {
    "sqlite": BareSqlite,
    "postgresql": BarePostgresql,
    "mariadb": BareMariadb,
}


@contextmanager
def open_place(kind: str) -> Iterator[str]:
    """The URL of a migrated database that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="fairlead-bench-"))
    # Servers run as users of their own, who must be able to get there.
    folder.chmod(0o711)
    server = None if kind == "sqlite" else make_server(kind, folder / "server")
    try:
        url = f"sqlite:///{folder / 'data' / 'fairlead.sqlite3'}" if server is None else start(server)
        migrate(url)
        yield url
    finally:
        if server is not None:
            server.kill()
        shutil.rmtree(folder)


def start(server: RealServer) -> str:
    server.create()
    server.start(os.getpid())
    server.create_user()
    server.create_database("bench")
    return server.url("bench")


def make_batches(units: Sequence[Unit], size: int) -> list[list[BareRow]]:
    """Everything that the journal writes for these units in batches of this size, as rows of bytes."""
    tip, numbers, batches = make_tip(None, ()), count(1), []
    for first in range(0, len(units), size):
        batch, draft = units[first : first + size], Draft(tip)
        rows: list[Sequence[Any]] = [row for unit in batch for row in draft.add(unit.facts)]
        rows += draft.versions.items()
        for of_table in latest_states(state for unit in batch for state in unit.states).values():
            rows += of_table
        draft.settle()
        batches.append([(next(numbers), b"".join(map(to_bytes, row))) for row in rows])
    return batches


def to_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def measure_bare(kind: str, url: str, units: Sequence[Unit], size: int) -> Speed:
    """The limit of a database and its driver: one commit a batch, and nothing else to do."""
    batches = make_batches(units, size)
    database: BareDatabase = BARE[kind](url)
    times_s = []
    began_s = CLOCK.monotonic_s()
    for batch in batches:
        batch_began_s = CLOCK.monotonic_s()
        database.store(batch)
        times_s.append(CLOCK.monotonic_s() - batch_began_s)
    seconds = CLOCK.monotonic_s() - began_s
    database.close()
    return Speed(len(units) / seconds, size, times_s)


async def measure_journal(url: str, units: Sequence[Unit], waiting: int) -> Speed:
    """Keep so many units waiting; the time of each is from handing it over to being told."""
    journal = await StoredJournal.open(url, on_death=fail)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left, times_s = iter(units), list[float]()

    def put_next() -> None:
        unit = next(left, None)
        if unit is not None:
            journal.append(unit, partial(tell, CLOCK.monotonic_s()))

    def tell(unit_began_s: float, outcome: AppendOutcome) -> None:
        if not isinstance(outcome, Committed):
            fail(RuntimeError(str(outcome)))
        times_s.append(CLOCK.monotonic_s() - unit_began_s)
        put_next()
        if len(times_s) == len(units):
            done.set_result(None)

    began_s = CLOCK.monotonic_s()
    for _ in range(waiting):
        put_next()
    await done
    seconds = CLOCK.monotonic_s() - began_s
    commits = journal.commits
    await journal.close()
    return Speed(len(units) / seconds, len(units) / commits, times_s)


def make_many(orders: int) -> list[Unit]:
    return [unit for _ in range(orders) for unit in make_units(next(NUMBERS))]


def measure(kind: str, url: str, waiting: int, orders: int, rounds: int) -> None:
    """Print one line; the pilot tells how many units share a commit, and the bare driver gets the same grouping."""
    pilot = asyncio.run(measure_journal(url, make_many(orders // PILOT_SHARE), waiting))
    size = max(1, round(pilot.units_per_commit))
    found = []
    for _ in range(rounds):
        units = make_many(orders)
        bare = measure_bare(kind, url, units, size)
        journal = asyncio.run(measure_journal(url, units, waiting))
        found.append((journal.units_per_s / bare.units_per_s, bare, journal))
    ratio, bare, journal = sorted(found, key=lambda one: one[0])[rounds // 2]
    rates = f"{bare.units_per_s:>9,.0f} {journal.units_per_s:>9,.0f} {ratio:>6.2f} {journal.units_per_commit:>7.1f}"
    times = " ".join(f"{one.quantile_ms(share):>8.2f}" for share in (0.5, 0.99) for one in (bare, journal))
    say(f"{kind:<11} {waiting:>7} {bare.units_per_commit:>6.0f} {rates} {times}")


def main() -> None:
    parser = argparse.ArgumentParser(description="The journal on each database, beside its bare driver.")
    parser.add_argument("--database", choices=[*KINDS, "all"], default="all")
    parser.add_argument("--orders", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    say(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, load {load:.1f}, two units an order")
    rates = f"{'bare u/s':>9} {'units/s':>9} {'ratio':>6} {'u/commit':>7}"
    times = f"{'bare p50':>8} {'p50 ms':>8} {'bare p99':>8} {'p99 ms':>8}"
    say(f"{'database':<11} {'waiting':>7} {'group':>6} {rates} {times}")
    for kind in KINDS if given.database == "all" else (given.database,):
        with open_place(kind) as url:
            for waiting in WAITING:
                orders = given.orders if waiting > 1 else min(given.orders, LONE_ORDERS_MAX)
                measure(kind, url, waiting, orders, given.rounds)
    say(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
