# ruff: noqa: INP001 (a script, not a package)
"""Measure what one order costs: processor time by step and by function, journal rows, bytes of disk and database.

Run it as ``.venv/bin/python bench/order_path.py [--quick]``. Alerts go over HTTP to the real server, each for three
paper accounts, in wait mode: once to many accounts, once to three. A step is everything that runs on its behalf, in
the event loop or in the journal's thread; the commit itself counts as journal.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import sys
from collections import Counter
from typing import Final

import msgspec
from sampler import Profile
from stage import HERE, Load, World, build_world, check_world, describe_machine, run_load, say, scratch_folder, serving

from fairlead.store.queries.hooks import ResponseMode

SECONDS: Final = 8.0
QUICK_S: Final = 3.0
WARM_UP_S: Final = 1.0
FUNCTIONS_SHOWN: Final = 5
KINDS_SHOWN: Final = 6
ORDER: Final = (
    *("HTTP", "observing", "decode", "size", "risk", "kill switch", "book", "state", "desk", "exchange", "answer"),
    *("queries", "journal", "projections", "exchange's books", "rest"),
)


def measure(name: str, *, groups: int, connections: int, rate: float, seconds: float) -> None:
    """Print the tables of one kind of load."""
    with scratch_folder() as folder:
        world = build_world(folder / "data", groups=groups, mode=ResponseMode.WAIT)
        output = folder / "profile.json"
        command = [sys.executable, str(HERE / "sampler.py"), str(world.settings.data_dir), str(output)]
        with serving(command, folder) as server:
            doors = tuple(world.doors)
            warm = Load(port=server.port, doors=doors, connections=connections, rate=rate, seconds=WARM_UP_S, seed=2)
            first = run_load(warm)
            server.signal(signal.SIGUSR1)
            load = msgspec.structs.replace(warm, seconds=seconds, seed=1)
            cpu_s, written = server.cpu_s(), server.bytes_written()
            tally = run_load(load)
            server.wait_until_idle()
            cpu_s, written = server.cpu_s() - cpu_s, server.bytes_written() - written
        checked = check_world(world, first.plus(tally))
        profile = msgspec.json.decode(output.read_bytes(), type=Profile)
        orders = max(sum(tally.orders.values()), 1)
        say(f"\n{name}: {tally.per_second:,.0f} alerts/s, {orders:,} orders, p50 {tally.p50_ms:.1f} ms")
        say(f"  {1e6 * cpu_s / orders:.0f} us of CPU, {written / orders / 1e3:.1f} KB written to disk, per order")
        rows, size = checked.rows / checked.orders, checked.database_bytes / checked.orders / 1e3
        say(f"  {rows:.2f} rows, {size:.2f} KB of database, per order")
        _print_profile(profile, orders)
        _print_sizes(world, checked.orders)
        for problem in checked.problems[:5]:
            say(f"  WRONG {problem}")


def _print_profile(profile: Profile, orders: int) -> None:
    total_s = profile.process_s
    say(f"  {'step':<24}{'us/order':>9}{'share':>7}")
    seen_s = sum(profile.steps.values())
    steps = {**profile.steps, "other threads": total_s - seen_s}
    for step in (*ORDER, "other threads"):
        spent_s = steps.get(step, 0.0)
        say(f"  {step:<24}{1e6 * spent_s / orders:>9.1f}{spent_s / total_s:>7.1%}")
    say(f"  {'event loop thread':<24}{1e6 * profile.loop_s / orders:>9.1f}{profile.loop_s / total_s:>7.1%}")
    say(f"  {'journal thread':<24}{1e6 * profile.writer_s / orders:>9.1f}{profile.writer_s / total_s:>7.1%}")
    shown = 40 if "--functions" in sys.argv[1:] else FUNCTIONS_SHOWN
    for function, spent_s in Counter(profile.functions).most_common(shown):
        say(f"  {function:<58}{1e6 * spent_s / orders:>9.1f}{spent_s / total_s:>7.1%}")


def _print_sizes(world: World, orders: int) -> None:
    path = world.settings.data_dir / "fairlead.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as database:
        kinds = database.execute(
            "SELECT kind, count(*), avg(length(body)) FROM journal GROUP BY kind"
            " ORDER BY sum(length(body)) DESC LIMIT ?",
            (KINDS_SHOWN,),
        ).fetchall()
        pages = database.execute(
            "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT ?", (KINDS_SHOWN,)
        ).fetchall()
    say(f"  {'kind of fact':<24}{'per order':>10}{'bytes':>8}      {'table or index':<24}{'bytes/order':>12}")
    for (kind, count, length), (name, size) in zip(kinds, pages, strict=False):
        say(f"  {kind:<24}{count / orders:>10.2f}{length:>8.0f}      {name:<24}{size / orders:>12.0f}")


def main() -> None:
    """Measure many accounts, then few."""
    seconds = QUICK_S if "--quick" in sys.argv[1:] else SECONDS
    say(describe_machine())
    measure("300 accounts, 300 connections", groups=100, connections=300, rate=0, seconds=seconds)
    measure("3 accounts, 400 alerts/s offered", groups=1, connections=256, rate=400, seconds=seconds)
    os.sync()


if __name__ == "__main__":
    main()
