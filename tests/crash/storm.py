"""Alerts from several senders, each sent again until it is answered, while the server is killed again and again."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Final

from fairlead.core.model.request import Side
from tests.crash.house import Answer, House, Victim

SENDERS: Final = 6
# As TradingView: the first time and four more.
SENT_TIMES_MAX: Final = 5
ANSWERED_S_MAX: Final = 2.0
POLL_S: Final = 0.005
SYMBOLS: Final = ("BTC-USDT-SWAP", "ETH-USDT-SWAP", "SOL-USDT-SWAP")
BTC_STOP: Final = "50000"
BTC_LOW: Final = "57600"


# By its symbol, side and quantity an order of the exchange tells which alert it comes from.
Mark = tuple[str, Side, Decimal]


@dataclass
class Sent:
    """One alert, and every answer to it. On each account its mark is that of no other alert."""

    number: int
    mark: Mark
    body: dict[str, object]
    answers: list[Answer] = field(default_factory=list)


def write_alert(number: int, house: House) -> Sent:
    """The alert of a number: mostly market orders, some with a stop, some that rest."""
    symbol = SYMBOLS[number % len(SYMBOLS)]
    quantity = f"{(number + 1) / 100:.2f}"
    kind = number // len(SYMBOLS) % 5
    # A position that grows for ever would in the end be denied.
    side = Side.BUY if kind in {1, 2} or number // 30 % 2 else Side.SELL
    body: dict[str, object] = {
        "authToken": house.tokens[number % 2],
        "exchange": "okx",
        "symbol": symbol,
        "type": "perps",
        "side": side.value,
        "qty": quantity,
        "marginMode": "cross",
        "leverage": "3",
        "alertId": f"alert-{number}",
    }
    if symbol == SYMBOLS[0] and kind == 1:
        body["slPrice"] = BTC_STOP
    if symbol == SYMBOLS[0] and kind == 2:
        body |= {"ordType": "limit", "price": BTC_LOW}
    return Sent(number=number, mark=(symbol, side, Decimal(quantity)), body=body)


class Storm:
    """What befalls a victim; the seed decides when it is killed and what is sent again."""

    def __init__(self, victim: Victim, seed: int) -> None:
        self.sent: list[Sent] = []
        self.kills = 0
        self.kills_at_start = 0
        self._victim = victim
        self._seed = seed
        self._numbers = count()
        self._over = threading.Event()
        # Counted without a lock: it is only watched for a change.
        self._answers = 0

    def rage(self, kills: int) -> None:
        """Send and kill; in the end the server runs, and every sender has given up or has its answer."""
        dice = random.Random(self._seed)
        with ThreadPoolExecutor(SENDERS) as pool:
            senders = [pool.submit(self._send_on, random.Random(f"{self._seed} {n}")) for n in range(SENDERS)]
            try:
                for _ in range(kills):
                    self._kill_once(dice)
                self._victim.start()
                self._victim.wait_until_it_listens()
            finally:
                self._over.set()
            for sender in senders:
                sender.result()

    def _kill_once(self, dice: random.Random) -> None:
        self._victim.start()
        if dice.random() < 0.25:
            # Recovery may be interrupted like everything else.
            time.sleep(dice.uniform(0, 0.4))
            self.kills_at_start += 1
        else:
            self._victim.wait_until_it_listens()
            if dice.random() < 0.5:
                self._wait_for_an_answer()
            time.sleep(dice.uniform(0, 0.3))
        self._victim.kill()
        self.kills += 1

    # However slow the machine is, some kills must come when there is something to lose.
    def _wait_for_an_answer(self) -> None:
        seen, until = self._answers, time.monotonic() + ANSWERED_S_MAX
        while self._answers == seen and time.monotonic() < until:
            time.sleep(POLL_S)

    def _send_on(self, dice: random.Random) -> None:
        while not self._over.is_set():
            one = write_alert(next(self._numbers), self._victim.house)
            self.sent.append(one)
            for _ in range(SENT_TIMES_MAX):
                answer = self._victim.post(one.body)
                if answer is not None:
                    one.answers.append(answer)
                    self._answers += 1
                    # Some are sent again although they were answered.
                    if dice.random() < 0.8:
                        break
                time.sleep(dice.uniform(0.01, 0.25))
            time.sleep(dice.uniform(0, 0.05))
