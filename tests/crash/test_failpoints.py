"""A server dies at every append of a life, one after the other, and after each death everything comes right."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from fairlead.core.model.request import Side
from tests.crash.failpoints import Moment
from tests.crash.house import House, Victim
from tests.crash.storm import BTC_LOW, BTC_STOP, SYMBOLS, Mark, Sent
from tests.crash.witness import find_problems, read_paper_books, wait_until_settled
from tests.servers.clean import clean_url

# A minute each on a quiet machine at most; a busy one starts processes several times slower.
pytestmark = pytest.mark.timeout(300)

# Fewer would mean that the life is not what it was.
POINTS_MIN: Final = 15
POINTS_MAX: Final = 80
ANSWERED_S_MAX: Final = 20.0
POLL_S: Final = 0.01
WAIT_HOOK: Final = 1


def write_life(number: int, house: House) -> list[Sent]:
    """Another leverage and an entry that rests, one of several fills with a stop, and the end of both."""
    symbol = SYMBOLS[0]
    resting, filled = f"{10 + number / 100:.2f}", f"{200 + number / 100:.2f}"
    entry: dict[str, object] = {"side": "buy", "marginMode": "cross", "leverage": str(3 + number % 2)}
    steps: list[tuple[Mark, dict[str, object]]] = [
        (
            (symbol, Side.BUY, Decimal(resting)),
            entry | {"qty": resting, "ordType": "limit", "price": BTC_LOW},
        ),
        ((symbol, Side.BUY, Decimal(filled)), entry | {"qty": filled, "slPrice": BTC_STOP}),
        ((symbol, Side.SELL, Decimal(filled)), {"closePosition": True}),
    ]
    always = {"authToken": house.tokens[WAIT_HOOK], "exchange": "okx", "symbol": symbol, "type": "perps"}
    return [
        Sent(number=number, mark=mark, body=always | body | {"alertId": f"life-{number}-{step}"})
        for step, (mark, body) in enumerate(steps)
    ]


def send(victim: Victim, life: list[Sent]) -> bool:
    """Send each alert of a life that is not answered yet, until it is; False when the server died meanwhile."""
    for one in life:
        until = time.monotonic() + ANSWERED_S_MAX
        while not one.answers:
            assert time.monotonic() < until, victim.tail()
            answer = victim.post(one.body)
            if answer is not None:
                one.answers.append(answer)
            elif victim.has_died:
                return False
            else:
                time.sleep(POLL_S)
    return not victim.has_died


def live_and_die(victim: Victim, moment: Moment) -> Iterator[list[Sent]]:
    """One life for each point, each ended after its death; the last one has no further point to die at."""
    for number in range(1, POINTS_MAX):
        life = write_life(number, victim.house)
        point = f"{moment} {number}"
        victim.start(point)
        code = -signal.SIGKILL
        # What is appended by recovery comes before anybody can be answered.
        if victim.wait_until_it_listens(point):
            if send(victim, life):
                asyncio.run(wait_until_settled(victim.house))
            # A point may lie behind the last answer, at the end of the server's own life too.
            code = victim.stop()
        if code == -signal.SIGKILL:
            victim.start()
            victim.wait_until_it_listens()
            assert send(victim, life), victim.tail()
            asyncio.run(wait_until_settled(victim.house))
            assert victim.stop() == 0, victim.tail()
        yield life
        if not code:
            return
    raise AssertionError(f"a life has more than {POINTS_MAX} points")


@pytest.mark.parametrize("moment", list(Moment))
def test_dying_at_each_append_of_a_life_once_leaves_everything_right(moment: Moment, tmp_path: Path) -> None:
    house = House.build(tmp_path / "data", clean_url("sqlite", tmp_path))
    victim = Victim(house)
    with victim.living():
        victim.start()
        victim.wait_until_it_listens()
        assert victim.stop() == 0, victim.tail()
        lives = list(live_and_die(victim, moment))
    seen = asyncio.run(read_paper_books(house))
    sent = [one for life in lives for one in life]
    assert asyncio.run(find_problems(house, sent, seen)) == []
    assert len(lives) >= POINTS_MIN
    assert all(account.positions == {} for account in seen.values())
