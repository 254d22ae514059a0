"""One round: an installation is furnished, stormed, left to settle, ended, and counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.crash.house import House, Victim, exchange_running
from tests.crash.okx_exchange import okx_running
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


class Exchange(StrEnum):
    """Where the orders go: into the victim's own paper venue, or to a process that is never killed."""

    PAPER = "paper"
    OWN = "own"
    OKX = "okx"


def run_round(folder: Path, url: str, *, kills: int, seed: int, exchange: Exchange) -> Outcome:
    """Storm an empty database."""
    house = House.build(folder / "data", url)
    with contextlib.ExitStack() as stack:
        place, count = _open(stack, exchange, folder, seed, house)
        victim = Victim(house, place)
        with victim.living():
            storm = Storm(victim, seed)
            storm.rage(kills)
            asyncio.run(wait_until_settled(house))
            assert victim.stop() == 0, victim.tail()
        seen = count()
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


def _open(
    stack: contextlib.ExitStack, exchange: Exchange, folder: Path, seed: int, house: House
) -> tuple[str, Callable[[], Seen]]:
    """Start the exchange; returns where it is and what counts its books."""
    match exchange:
        case Exchange.PAPER:
            return "", lambda: asyncio.run(read_paper_books(house))
        case Exchange.OWN:
            port = stack.enter_context(exchange_running(seed))
            return f"own:{port}", lambda: asyncio.run(ask_exchange(house, port))
        case Exchange.OKX:
            okx = stack.enter_context(okx_running(folder, seed))
            return f"okx:{okx.port}", lambda: okx.count(house)
