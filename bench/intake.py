# ruff: noqa: INP001 (a script, not a package)
"""Measure alerts a second over HTTP, each for three paper accounts, beside the bare limit in the same run.

Run it as ``.venv/bin/python bench/intake.py [--quick]``. The server is a process of its own, as its user starts it,
and so is the load; each has a core, where there are two. In the mix are 5 % repeats, 5 % alerts that risk denies, and
2 % large ones that need several fills. After every run the server is ended, and what the exchange holds is compared,
account by account, with our tables and with what the senders were told.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stage import (
    ACCOUNTS_PER_ALERT,
    Checked,
    HookDoor,
    Load,
    Tally,
    build_world,
    check_world,
    describe_machine,
    fairlead_command,
    run_load,
    say,
    scratch_folder,
    serving,
)

from fairlead.store.queries.hooks import ResponseMode

OPEN_CONNECTIONS: Final = 256
HEAD: Final = (
    f"{'':<34}{'alerts/s':>9}{'orders/s':>9}{'bare/s':>8}{'ratio':>7}{'p50 ms':>8}{'p99 ms':>8}"
    f"{'CPU us':>8}{'disk KB':>8}{'db KB':>7}{'rows':>6}{'fills':>6}  check"
)


@dataclass(frozen=True)
class Line:
    """One line of the table: how the server answers and how it is loaded."""

    name: str
    mode: ResponseMode
    connections: int
    rate: float = 0
    groups: int = 100
    seconds: float = 6


LINES: Final = (
    Line("wait, 1 connection", ResponseMode.WAIT, 1),
    Line("wait, 32 connections", ResponseMode.WAIT, 32),
    Line("wait, 300 connections", ResponseMode.WAIT, 300),
    Line("wait, 300 connections, 3 accounts", ResponseMode.WAIT, 300, groups=1),
    Line("wait, 500 alerts/s offered", ResponseMode.WAIT, OPEN_CONNECTIONS, rate=500),
    Line("wait, 1,000 alerts/s offered", ResponseMode.WAIT, OPEN_CONNECTIONS, rate=1_000),
    Line("ack, 1 connection", ResponseMode.ACK, 1),
    Line("ack, 32 connections", ResponseMode.ACK, 32),
    Line("ack, 300 connections, burst", ResponseMode.ACK, 300, seconds=2),
    Line("ack, 500 alerts/s offered", ResponseMode.ACK, OPEN_CONNECTIONS, rate=500),
    Line("ack, 1,000 alerts/s offered", ResponseMode.ACK, OPEN_CONNECTIONS, rate=1_000),
)
QUICK: Final = (LINES[2], LINES[4], LINES[8])
QUICK_S: Final = 3.0


def measure_bare(folder: Path, line: Line, seconds: float) -> Tally:
    """The same load on the bare route."""
    door = HookDoor("bare", "nothing is behind it", ())
    command = [sys.executable, str(Path(__file__).parent / "bare.py"), str(folder)]
    with serving(command, folder) as server:
        load = Load(port=server.port, doors=(door,), connections=line.connections, seconds=seconds, rate=line.rate)
        return run_load(load)


def measure(line: Line, seconds: float) -> bool:
    """Print one line; tells whether every account is right."""
    with scratch_folder() as folder:
        bare = measure_bare(folder, line, min(seconds, 3))
        world = build_world(folder / "data", groups=line.groups, mode=line.mode)
        with serving(fairlead_command(world), folder) as server:
            doors = tuple(world.doors)
            load = Load(port=server.port, doors=doors, connections=line.connections, seconds=seconds, rate=line.rate)
            cpu_s, written = server.cpu_s(), server.bytes_written()
            tally = run_load(load)
            drained_s = server.wait_until_idle()
            cpu_s, written = server.cpu_s() - cpu_s, server.bytes_written() - written
        checked = check_world(world, tally)
    _print(line, tally, bare, checked, cpu_s=cpu_s, written=written)
    if tally.refused or drained_s > 1:
        say(f"{'':<34}refused {tally.refused}, the rest done {drained_s:.1f} s later")
    for problem in checked.problems[:5]:
        say(f"{'':<34}WRONG {problem}")
    return not checked.problems


def _print(line: Line, tally: Tally, bare: Tally, checked: Checked, *, cpu_s: float, written: int) -> None:
    orders = max(checked.orders, 1)
    verdict = f"{len(checked.problems)} wrong" if checked.problems else "all accounts right"
    say(
        f"{line.name:<34}{tally.per_second:>9,.0f}{tally.per_second * ACCOUNTS_PER_ALERT:>9,.0f}"
        f"{bare.per_second:>8,.0f}{tally.per_second / bare.per_second:>7.2f}{tally.p50_ms:>8.1f}{tally.p99_ms:>8.1f}"
        f"{1e6 * cpu_s / orders:>8.0f}{written / orders / 1e3:>8.1f}{checked.database_bytes / orders / 1e3:>7.2f}"
        f"{checked.rows / orders:>6.2f}{checked.fills / orders:>6.2f}  {verdict}"
    )


def main() -> None:
    """Measure every line, or a few of them shortly."""
    is_quick = "--quick" in sys.argv[1:]
    say(describe_machine())
    say("CPU, disk, database, rows and fills are per order; orders/s counts the three accounts of each alert taken")
    say(HEAD)
    right = [measure(line, QUICK_S if is_quick else line.seconds) for line in (QUICK if is_quick else LINES)]
    if not all(right):
        raise SystemExit("an account is not what the exchange says")


if __name__ == "__main__":
    main()
