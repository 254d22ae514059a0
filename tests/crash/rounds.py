"""One round: an installation is furnished, stormed, left to settle, ended, and counted."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

from tests.crash.house import House, Victim, exchange_running
from tests.crash.storm import Storm
from tests.crash.witness import Seen, ask_exchange, find_problems, read_paper_books, wait_until_settled


@dataclass(frozen=True)
class Outcome:
    """What happened in a round, and what was wrong afterwards. ``orders`` are those at the exchange."""

    kills: int
    kills_at_start: int
    alerts: int
    answered: int
    repeats: int
    orders: int
    problems: list[str]


def run_round(folder: Path, url: str, *, kills: int, seed: int, is_remote: bool) -> Outcome:
    """Storm an empty database; with ``is_remote`` the exchange is a process that is never killed."""
    house = House.build(folder / "data", url)
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(exchange_running(seed)) if is_remote else 0
        victim = Victim(house, port)
        with victim.living():
            storm = Storm(victim, seed)
            storm.rage(kills)
            asyncio.run(wait_until_settled(house))
            assert victim.stop() == 0, victim.tail()
        seen: Seen = asyncio.run(ask_exchange(house, port) if is_remote else read_paper_books(house))
        problems = asyncio.run(find_problems(house, storm.sent, seen))
    return Outcome(
        kills=storm.kills,
        kills_at_start=storm.kills_at_start,
        alerts=len(storm.sent),
        answered=sum(bool(one.answers) for one in storm.sent),
        repeats=sum(answer.is_repeat for one in storm.sent for answer in one.answers),
        orders=sum(not order.is_born for account in seen.values() for order in account.orders),
        problems=problems,
    )
