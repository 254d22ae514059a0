# ruff: noqa: INP001 (a script, not a package)
"""Measure start: from the command to the first call that is taken, and the memory then.

Run it as ``.venv/bin/python bench/start.py [--quick]``: once with an empty database and three accounts, once with
1,000,000 journal rows (``--quick``: 50,000) of 300 accounts. The rows go through the journal's own writer: the facts,
states and books of an order as the product writes them (as in ``bench/journal.py``), under the ids of real accounts
and older than anything that a start looks back to.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from journal import append_all, make_units
from stage import CLOCK, World, build_world, describe_machine, fairlead_command, say, scratch_folder, serving

from fairlead.core.model import events as ev
from fairlead.core.model.account import Balance
from fairlead.core.model.state import RequestState
from fairlead.ports import Fact, Unit
from fairlead.store.queries.hooks import ResponseMode

ROWS: Final = 1_000_000
ROWS_QUICK: Final = 50_000
ROWS_PER_ORDER: Final = 4
STARTS: Final = 3
UNITS_AT_ONCE: Final = 20_000
HEAD: Final = f"{'':<40}{'first s':>9}{'best s':>9}{'MiB':>8}{'file MB':>9}"


def fill(world: World, account_ids: list[str], rows: int) -> None:
    """Write the past of an installation: orders that were asked for, approved, taken and filled."""
    orders = iter(range(rows // ROWS_PER_ORDER))
    while units := list(_some(orders, account_ids)):
        asyncio.run(append_all(world.settings.store_url, units))


def _some(orders: Iterator[int], account_ids: list[str]) -> Iterator[Unit]:
    for number in orders:
        account_id = account_ids[number % len(account_ids)]
        for unit in make_units(number):
            facts = tuple(_of_account(fact, account_id) for fact in unit.facts)
            # The balances of an account are what its desk has adopted, so they stay.
            kept = [state for state in unit.states if not isinstance(state, Balance)]
            states = tuple(_settled(state, account_id) for state in kept)
            yield Unit(facts=facts, states=states)
        if number % UNITS_AT_ONCE == UNITS_AT_ONCE - 1:
            return


def _of_account(fact: Fact, account_id: str) -> Fact:
    event = fact.event
    if isinstance(event, ev.OrderRequested):
        changed: ev.Event = ev.OrderRequested(request=msgspec.structs.replace(event.request, account_id=account_id))
    elif isinstance(event, ev.OrderApproved):
        order = msgspec.structs.replace(event.order, account_id=account_id)
        changed = msgspec.structs.replace(event, order=order)
    else:
        changed = msgspec.structs.replace(event, account_id=account_id)
    return msgspec.structs.replace(fact, event=changed, stream=f"account:{account_id}")


def _settled(state: object, account_id: str) -> object:
    if isinstance(state, RequestState):
        request = msgspec.structs.replace(state.request, account_id=account_id)
        return msgspec.structs.replace(state, request=request)
    return msgspec.structs.replace(state, account_id=account_id)


def measure(name: str, world: World, folder: Path) -> None:
    """Print one line: the first start and the best of some."""
    seconds, memory = [], 0.0
    for _ in range(STARTS):
        with serving(fairlead_command(world), folder) as server:
            server.wait_until_idle()
            seconds.append(server.start_s)
            memory = max(memory, server.memory_mib())
    size = (world.settings.data_dir / "fairlead.sqlite3").stat().st_size / 1e6
    say(f"{name:<40}{seconds[0]:>9.2f}{min(seconds):>9.2f}{memory:>8.0f}{size:>9.0f}")


def main() -> None:
    """Measure an empty installation and an old one."""
    rows = ROWS_QUICK if "--quick" in sys.argv[1:] else ROWS
    say(describe_machine())
    say(HEAD)
    with scratch_folder() as folder:
        measure("empty, 3 accounts", build_world(folder / "data", groups=1, mode=ResponseMode.WAIT), folder)
    with scratch_folder() as folder:
        world = build_world(folder / "data", groups=100, mode=ResponseMode.WAIT)
        measure("empty, 300 accounts", world, folder)
        started = CLOCK.monotonic_s()
        fill(world, list(world.account_ids), rows)
        seconds = CLOCK.monotonic_s() - started
        measure(f"{rows:,} rows, 300 accounts", world, folder)
    say(f"the rows were written in {seconds:.0f} s")


if __name__ == "__main__":
    main()
